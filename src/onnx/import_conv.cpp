// Imports of convolution, forth and back, and windowed pooling.
#include "onnx/import_conv.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "ir/ops/col2im.h"
#include "ir/ops/concat.h"
#include "ir/ops/matmul.h"
#include "ir/ops/pool.h"
#include "ir/ops/reduce.h"
#include "ir/ops/repeat.h"
#include "ir/ops/scatter.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

ir::AutoPad auto_pad(NodeContext& node) {
  const std::string text = node.text("auto_pad", "NOTSET");
  if (text == "NOTSET") return ir::AutoPad::notset;
  if (text == "SAME_UPPER") return ir::AutoPad::same_upper;
  if (text == "SAME_LOWER") return ir::AutoPad::same_lower;
  if (text == "VALID") return ir::AutoPad::valid;
  node.fail("auto_pad {} is unknown", base::quoted(text));
}

// A list of extents; one that holds nothing but the default becomes empty, so that equal windows
// are equal ops.
std::vector<int64_t> extents(NodeContext& node, std::string_view name, size_t count,
                             int64_t otherwise) {
  std::vector<int64_t> values = node.integers(name);
  if (!values.empty() && values.size() != count)
    node.fail("{} has {} entries, expected {}", name, values.size(), count);
  for (const int64_t each : values)  // products of two of them must not overflow
    if (each < -INT32_MAX || each > INT32_MAX) node.fail("{} holds {}", name, each);
  if (std::all_of(values.begin(), values.end(), [&](int64_t each) { return each == otherwise; }))
    values.clear();
  return values;
}

// What Conv, MaxPool and AveragePool have in common, for `axes` spatial axes.
template <class Op>
void read_window(NodeContext& node, size_t axes, Op& op) {
  op.auto_pad = auto_pad(node);
  op.strides = extents(node, "strides", axes, 1);
  op.dilations = extents(node, "dilations", axes, 1);
  op.pads = extents(node, "pads", 2 * axes, 0);
  // Auto_pad goes before, as in ONNX Runtime.
  if (op.auto_pad != ir::AutoPad::notset) op.pads.clear();
}

std::vector<int64_t> pool_kernel(NodeContext& node) {
  if (!node.has_attribute("kernel_shape")) node.fail("attribute \"kernel_shape\" is missing");
  std::vector<int64_t> kernel = node.integers("kernel_shape");
  for (const int64_t each : kernel)
    if (each < 0 || each > INT32_MAX) node.fail("kernel_shape holds {}", each);
  return kernel;
}

// The weight is the truth, and kernel_shape only repeats it; but of a weight that comes with each
// run it tells what the weight's type leaves open, which every run must then keep to.
ir::ValueId read_weight(NodeContext& node) {
  const ir::ValueId weight = node.input(1);
  if (!node.has_attribute("kernel_shape")) return weight;
  const std::vector<int64_t> kernel = node.integers("kernel_shape");
  const ir::Dims dims = node.dims(1);
  constexpr auto equal = ir::Constraint::Kind::equal;
  bool same = dims.size() == kernel.size() + 2;
  for (size_t i = 0; same && i < kernel.size(); ++i)
    same = ir::decided(equal, dims[i + 2], kernel[i]) != false;
  if (!same)
    node.fail("kernel_shape {} does not fit the weight {}", to_string(kernel), ir::text(dims));
  ir::Dims told{dims[0], dims[1]};
  told.insert(told.end(), kernel.begin(), kernel.end());
  if (told == dims) return weight;
  const std::string reason = label(node.node()) + ": kernel_shape and extents of the weight";
  for (size_t i = 2; i < dims.size(); ++i)
    node.builder().require(std::array{ir::Constraint{equal, dims[i], told[i], reason}});
  return node.reshape(weight, told);
}

}  // namespace

ir::Conv conv_of(NodeContext& node, size_t rank) {
  ir::Conv conv;
  if (rank < 3) node.fail("the input has rank {}, expected 3 or more", rank);
  read_window(node, rank - 2, conv);
  node.ignore_attribute("kernel_shape");  // the weight tells it
  conv.groups = node.integer("group", 1);
  return conv;
}

Outputs import_conv(NodeContext& node) {
  const ir::Conv conv = conv_of(node, node.rank(0));
  const ir::ValueId weight = read_weight(node);
  std::vector<ir::ValueId> operands{node.input(0), weight};
  if (node.has(2)) operands.push_back(node.input(2));
  return {node.add(conv, std::move(operands))};
}

Outputs import_max_pool(NodeContext& node) {
  ir::MaxPool pool;
  pool.kernel = pool_kernel(node);
  read_window(node, pool.kernel.size(), pool);
  pool.ceil_mode = node.flag("ceil_mode", false);
  pool.storage_order = node.integer("storage_order", 0);
  return node.add_node(pool, {node.input(0)}, node.output_used(1) ? 2 : 1);
}

Outputs import_average_pool(NodeContext& node) {
  ir::AveragePool pool;
  pool.kernel = pool_kernel(node);
  read_window(node, pool.kernel.size(), pool);
  pool.ceil_mode = node.flag("ceil_mode", false);
  pool.count_include_pad = node.flag("count_include_pad", false);
  return {node.add(pool, {node.input(0)})};
}

namespace {

// What LpPool's windows add up, but for the root: means times elements.
ir::ValueId pooled_sums(NodeContext& node, ir::ValueId x) {
  ir::AveragePool pool;
  pool.kernel = pool_kernel(node);
  read_window(node, pool.kernel.size(), pool);
  pool.count_include_pad = true;
  const bool ceil = node.opset() >= 18 && node.flag("ceil_mode", false);
  ir::Window window = pool.window();
  const ir::Dims dims = node.builder().dims(x);
  if (dims.size() != pool.kernel.size() + 2)
    node.fail("the kernel has {} extents, the input rank {}", pool.kernel.size(), dims.size());
  if (pool.auto_pad == ir::AutoPad::notset && (ceil || !pool.pads.empty())) {
    // Zeros are laid around the input, so that every window has all of its elements.
    const size_t axes = pool.kernel.size();
    for (size_t a = 0; a < axes; ++a) {
      ir::Dim end = window.pads[axes + a];
      if (ceil) {
        window.ceil_mode = true;
        const ir::Dim last = (ir::output_extent(window, a, dims[2 + a]) - 1) * window.strides[a];
        const int64_t reach = (window.kernel[a] - 1) * window.dilations[a] + 1;
        end = max(last + reach - dims[2 + a] - window.pads[a], 0);
      }
      x = beside_zeros(node, x, 2 + a, window.pads[a], end);
    }
    pool.pads.clear();
  }
  int64_t count = 1;
  for (const int64_t extent : pool.kernel) count *= extent;
  return node.pointwise("mul(a, b)", {node.add(pool, {x})}, std::array{static_cast<double>(count)});
}

ir::ValueId power_of_magnitudes(NodeContext& node, ir::ValueId x, double p) {
  return p == 1 ? node.pointwise("abs(a)", {x})
                : node.pointwise("pow(abs(a), b)", {x}, std::array{p});
}

ir::ValueId root(NodeContext& node, ir::ValueId x, double p) {
  return p == 1 ? x : node.pointwise("pow(a, b)", {x}, std::array{1 / p});
}

double norm_of(NodeContext& node) {
  // A float in version 1.
  const auto p =
      node.opset() < 2 ? static_cast<int64_t>(node.number("p", 2)) : node.integer("p", 2);
  if (p < 1) node.fail("p is {}", p);
  return static_cast<double>(p);
}

}  // namespace

Outputs import_lp_pool(NodeContext& node) {
  const double p = norm_of(node);
  return {root(node, pooled_sums(node, power_of_magnitudes(node, node.input(0), p)), p)};
}

Outputs import_global_lp_pool(NodeContext& node) {
  const double p = norm_of(node);
  ir::Reduce sum{.kind = ir::ReduceKind::sum, .axes = {}, .keep_dims = true};
  for (size_t i = 2; i < node.rank(0); ++i) sum.axes.push_back(static_cast<int64_t>(i));
  const ir::ValueId powers = power_of_magnitudes(node, node.input(0), p);
  return {root(node, node.add(std::move(sum), {powers}), p)};
}

// Zeros, but for the elements that were the greatest of their windows.
Outputs import_max_unpool(NodeContext& node) {
  ir::MaxPool pool;
  pool.kernel = pool_kernel(node);
  const size_t axes = pool.kernel.size();
  pool.strides = extents(node, "strides", axes, 1);
  pool.pads = extents(node, "pads", 2 * axes, 0);
  const ir::Window window = pool.window();
  const ir::Dims dims = node.dims(0);
  if (dims.size() != axes + 2)
    node.fail("the kernel has {} extents, the input rank {}", axes, dims.size());
  ir::Dims out{dims[0], dims[1]};
  for (size_t a = 0; a < axes; ++a)
    out.push_back((dims[2 + a] - 1) * window.strides[a] + window.kernel[a] - window.pads[a] -
                  window.pads[axes + a]);
  const ir::ValueId zero = node.cast(node.scalar(0), node.dtype(0));
  const ir::Dim count = ir::product(dims);
  const ir::ValueId flat =
      node.add(ir::Scatter{},
               {node.add(ir::Expand{{ir::product(out)}}, {zero}),
                node.reshape(node.integers_of(1), {count}), node.reshape(node.input(0), {count})});
  ir::ValueId result = node.reshape(flat, out);
  if (!node.has(2)) return {result};
  const ir::Dims wanted = node.known_dims(2);
  if (wanted.size() != out.size())
    node.fail("output_shape has {} extents, the input rank {}", wanted.size(), out.size());
  for (size_t i = 0; i < out.size(); ++i)
    if (!(wanted[i] == out[i])) result = beside_zeros(node, result, i, 0, wanted[i] - out[i]);
  return {result};
}

namespace {

/// The extents of a transposed convolution, and what is cut off before its first elements.
struct Placement {
  ir::Dims dims, pads;
};

Placement placement(NodeContext& node, const ir::Window& window, const ir::Dims& x) {
  const size_t axes = window.kernel.size();
  std::vector<int64_t> more = extents(node, "output_padding", axes, 0);
  if (more.empty()) more.assign(axes, 0);
  std::vector<int64_t> wanted = node.integers("output_shape");
  // Some exporters write those of batch and channels too.
  if (wanted.size() == axes + 2) wanted.erase(wanted.begin(), wanted.begin() + 2);
  if (!wanted.empty() && wanted.size() != axes)
    node.fail("output_shape has {} extents, expected {}", wanted.size(), axes);
  Placement result;
  for (size_t a = 0; a < axes; ++a) {
    const int64_t reach = (window.kernel[a] - 1) * window.dilations[a] + 1;
    const ir::Dim whole = (x[2 + a] - 1) * window.strides[a] + more[a] + reach;
    const bool same =
        window.auto_pad == ir::AutoPad::same_upper || window.auto_pad == ir::AutoPad::same_lower;
    if (wanted.empty() && !same) {
      result.dims.push_back(whole - window.pads[a] - window.pads[axes + a]);
      result.pads.emplace_back(window.pads[a]);
      continue;
    }
    result.dims.push_back(wanted.empty() ? x[2 + a] * window.strides[a] : ir::Dim(wanted[a]));
    const ir::Dim cut = max(whole - result.dims.back(), 0);
    const ir::Dim half = ir::floor_div(cut, 2);
    result.pads.push_back(window.auto_pad == ir::AutoPad::same_upper ? half : cut - half);
  }
  return result;
}

}  // namespace

// What each element of the input gives to a window is one product; the windows are then laid back.
Outputs import_conv_transpose(NodeContext& node) {
  const ir::Dims x = node.dims(0);
  const ir::Conv conv = conv_of(node, x.size());
  const ir::ValueId weight = read_weight(node);
  const ir::Dims w = node.builder().dims(weight);
  if (w.size() != x.size()) node.fail("the weight has rank {}, the input {}", w.size(), x.size());
  const ir::Dims kernel(w.begin() + 2, w.end());
  if (!ir::all_constant(kernel)) node.unsupported("a kernel of {}", ir::text(kernel));
  const ir::Window window = conv.window(ir::constants(kernel));
  if (conv.groups < 1 || conv.groups > INT32_MAX) node.fail("group is {}", conv.groups);
  for (const auto* list : {&window.strides, &window.dilations})
    for (const int64_t each : *list)
      if (each < 1) node.fail("a stride or dilation is {}", each);
  node.require_equal(x[1], w[0], "channels of the input and of the weight");
  const ir::Dim inputs = ir::floor_div(w[0], conv.groups);
  node.require_equal(inputs * conv.groups, w[0], "channels and a multiple of the groups");
  const ir::Dim taps = ir::product(kernel);
  const ir::Dim positions = ir::product(std::span(x).subspan(2));
  // [groups, c / groups, o / groups * taps] transposed, by [n, groups, c / groups, positions].
  const bool grouped = conv.groups > 1;
  ir::Dims matrix{inputs, w[1] * taps}, columns{x[0], inputs, positions};
  if (grouped) {
    matrix.insert(matrix.begin(), conv.groups);
    columns.insert(columns.begin() + 1, conv.groups);
  }
  ir::ValueId result =
      node.add(ir::MatMul{.transpose_a = true},
               {node.reshape(weight, matrix), node.reshape(node.input(0), columns)});
  ir::Dims parts{x[0], w[1] * conv.groups, taps};
  parts.insert(parts.end(), x.begin() + 2, x.end());
  const Placement placed = placement(node, window, x);
  result = node.add(ir::Col2Im{.dims = placed.dims,
                               .kernel = kernel,
                               .strides = window.strides,
                               .dilations = window.dilations,
                               .pads = placed.pads},
                    {node.reshape(result, parts)});
  if (!node.has(2)) return {result};
  if (node.rank(2) != 1) node.fail("the bias has rank {}, expected 1", node.rank(2));
  node.require_equal(node.dims(2)[0], w[1] * conv.groups, "output channels and the bias");
  ir::Dims beside(x.size() - 1, 1);
  beside[0] = node.dims(2)[0];
  return {node.pointwise("add(a, b)", {result, node.reshape(node.input(2), beside)})};
}

Outputs import_col2im(NodeContext& node) {
  ir::Col2Im op{.dims = node.known_dims(1), .kernel = node.known_dims(2)};
  const size_t axes = op.dims.size();
  if (op.kernel.size() != axes || node.rank(0) != 3)
    node.fail("an image of {} axes, blocks of {} and a tensor of rank {} do not go together", axes,
              op.kernel.size(), node.rank(0));
  op.strides = extents(node, "strides", axes, 1);
  op.dilations = extents(node, "dilations", axes, 1);
  const std::vector<int64_t> pads = extents(node, "pads", 2 * axes, 0);
  const ir::Dims x = node.dims(0);
  const ir::Dim taps = ir::product(op.kernel);
  ir::Dims parts{x[0], ir::floor_div(x[1], taps), taps};
  node.require_equal(parts[1] * taps, x[1], "extent 1 and a multiple of a block's elements");
  for (size_t a = 0; a < axes; ++a) {
    const int64_t stride = op.strides.empty() ? 1 : op.strides[a];
    const int64_t dilation = op.dilations.empty() ? 1 : op.dilations[a];
    if (stride < 1 || dilation < 1) node.fail("a stride or dilation is less than 1");
    const ir::Dim room = op.dims[a] - (op.kernel[a] - 1) * dilation - 1;
    const int64_t around = pads.empty() ? 0 : pads[a] + pads[axes + a];
    parts.push_back(ir::floor_div(room + around, stride) + 1);
    if (!pads.empty()) op.pads.emplace_back(pads[a]);
  }
  node.require_equal(ir::product(std::span(parts).subspan(3)), x[2], "blocks and extent 2");
  return {node.add(std::move(op), {node.reshape(node.input(0), std::move(parts))})};
}

}  // namespace tenon::onnx
