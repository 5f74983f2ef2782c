// Imports of convolution and windowed pooling.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "ir/ops/conv.h"
#include "ir/ops/pool.h"
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
  return node.integers("kernel_shape");
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

Outputs import_conv(NodeContext& node) {
  ir::Conv conv;
  const size_t rank = node.rank(0);
  if (rank < 3) node.fail("the input has rank {}, expected 3 or more", rank);
  read_window(node, rank - 2, conv);
  const ir::ValueId weight = read_weight(node);
  conv.groups = node.integer("group", 1);
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

}  // namespace tenon::onnx
