// Imports of transforms, windows, and what is made of them.
#include <array>
#include <cmath>

#include "ir/ops/cast.h"
#include "ir/ops/dft.h"
#include "ir/ops/gather.h"
#include "ir/ops/range.h"
#include "ir/ops/reduce.h"
#include "ir/ops/slice.h"
#include "onnx/imports.h"
#include "weights/onnx_wire.h"

namespace tenon::onnx {
namespace {

using ir::ValueId;

DType output_type(NodeContext& node) {
  const auto type = static_cast<int>(node.integer("output_datatype", 1));
  const auto dtype = weights::wire::dtype_of(type);
  if (!dtype) node.unsupported("a result of {}", weights::wire::data_type_name(type));
  return *dtype;
}

ir::Dim one_extent(NodeContext& node, size_t i) {
  const ir::Dims known = node.extents_of(node.integers_of(i));
  if (known.size() != 1) node.fail("operand {} has {} elements, not 1", i, known.size());
  return known[0];
}

ValueId scalar_f64(NodeContext& node, size_t i) {
  return node.cast(node.reshape(node.input(i), {}), DType::f64);
}

// [outer, axis, parts], and back.
ValueId transformed(NodeContext& node, ValueId x, size_t axis, ir::Dft op) {
  ir::Dims dims = node.builder().dims(x);
  const size_t last = dims.size() - 2;
  std::vector<int64_t> order = axes_from(0, dims.size());
  std::swap(order[axis], order[last]);  // its own inverse
  if (axis != last) x = node.transpose(x, order);
  dims = node.builder().dims(x);
  const ir::Dim outer = ir::product(std::span(dims).first(last));
  x = node.add(std::move(op), {node.reshape(x, {outer, dims[last], dims[last + 1]})});
  dims[last] = node.builder().dims(x)[1];
  dims[last + 1] = node.builder().dims(x)[2];
  x = node.reshape(x, std::move(dims));
  return axis == last ? x : node.transpose(x, order);
}

}  // namespace

namespace {

// An axis that only a run knows: its lines are gathered, and laid back, by index.
class AxisOfARun {
 public:
  AxisOfARun(NodeContext& node, ValueId axis, size_t rank) : node_(node), rank_(rank) {
    const ir::Dims dims = node.dims(0);
    parts_ = dims.back();
    const std::array rank_literal{static_cast<double>(rank)};
    axis_ =
        node.pointwise("where(less(a, 0), add(a, b), a)", {node.reshape(axis, {})}, rank_literal);
    shape_ = node.add(ir::Slice{{0}, {std::ssize(dims) - 1}, {}}, {node.shape_of(node.input(0))});
    places_ = node.counting(std::ssize(dims) - 1, 0, 1);
    const auto fold = [&](ir::ReduceKind kind, std::string_view formula) {
      const ValueId each = node.pointwise(formula, {places_, axis_, shape_});
      return node.add(ir::Reduce{.kind = kind, .axes = {0}, .keep_dims = false}, {each});
    };
    length_ = fold(ir::ReduceKind::sum, "where(equal(a, b), c, 0)");
    inner_ = fold(ir::ReduceKind::prod, "where(less(b, a), c, 1)");
    outer_ = fold(ir::ReduceKind::prod, "where(equal(a, b), 1, c)");
    extent_ = extent(length_);
  }

  /// The extent of the axis.
  const ir::Dim& length() const { return extent_; }

  ValueId transformed(ir::Dft op) {
    const ir::Dims dims = node_.dims(0);
    const ir::Dim total = ir::product(std::span(dims).first(rank_ - 1));
    const ir::Dim lines = extent(outer_);
    // a: the line, b: the place on it, c: its length, d: elements from one place to the next.
    const ValueId from = node_.pointwise(
        "add(mul(add(mul(div(a, d), c), b), d), mod(a, d))",
        {node_.counting(lines, 0, 2), node_.counting(extent_, 1, 2), length_, inner_});
    const ValueId rows = node_.reshape(node_.input(0), {total, parts_});
    const ValueId y = node_.add(std::move(op), {node_.add(ir::Gather{0}, {rows, from})});
    return laid_back(y);
  }

 private:
  ir::Dim extent(ValueId scalar) { return node_.extents_of(node_.reshape(scalar, {1}))[0]; }

  ValueId laid_back(ValueId y) {
    const ir::Dims dims = node_.builder().dims(y);
    const ValueId length = node_.extent(y, 1);
    ir::Dims result = node_.extents_of(
        node_.pointwise("where(equal(a, b), d, c)", {places_, axis_, shape_, length}));
    const ir::Dim total = ir::product(result);
    const ValueId to =
        node_.pointwise("add(mul(add(mul(div(a, mul(b, c)), c), mod(a, c)), b), mod(div(a, c), b))",
                        {node_.counting(total, 0, 1), length, inner_});
    const ValueId rows = node_.reshape(y, {dims[0] * dims[1], dims[2]});
    result.push_back(dims[2]);
    return node_.reshape(node_.add(ir::Gather{0}, {rows, to}), std::move(result));
  }

  NodeContext& node_;
  size_t rank_;
  ir::Dim parts_, extent_;
  ValueId axis_, shape_, places_, length_, inner_, outer_;
};

}  // namespace

// The axis was an attribute up to opset 19.
Outputs import_dft(NodeContext& node) {
  const size_t rank = node.rank(0);
  if (rank < 2) node.fail("operand 0 has rank {}, and must have 2 or more", rank);
  if (node.opset() < 20 && node.has(2))
    node.fail("operand 2 does not exist in opset {}", node.opset());
  ir::Dft op{.inverse = node.flag("inverse", false), .onesided = node.flag("onesided", false)};
  const auto length_of = [&](const ir::Dim& extent) {
    if (node.has(1)) return one_extent(node, 1);
    return op.inverse && op.onesided ? (extent - 1) * 2 : extent;
  };
  if (node.has(2) && !node.known(2)) {
    AxisOfARun axis(node, node.integers_of(2), rank);
    op.length = {length_of(axis.length())};
    return {axis.transformed(std::move(op))};
  }
  const int64_t given = node.opset() < 20 ? node.integer("axis", 1)
                        : node.has(2)     ? node.known_integer(2)
                                          : -2;
  const auto at = static_cast<size_t>(node.axis(given, rank));
  if (at == rank - 1) node.fail("the last axis holds the parts of numbers");
  op.length = {length_of(node.dims(0)[at])};
  return {transformed(node, node.input(0), at, std::move(op))};
}

// Frames are gathered by index, laid under the window, and transformed.
Outputs import_stft(NodeContext& node) {
  const ir::Dims signal = node.dims(0);
  if (signal.size() != 3) node.fail("the signal has rank {}, and must have 3", signal.size());
  const ir::Dim step = one_extent(node, 1);
  const ir::Dim length = node.has(3)   ? one_extent(node, 3)
                         : node.has(2) ? node.dims(2)[0]
                                       : signal[1];
  const ir::Dim frames = ir::floor_div(signal[1] - length, step) + 1;
  const ValueId firsts = node.pointwise(
      "mul(a, b)", {node.counting(frames, 0, 2), node.reshape(node.integers_of(1), {})});
  const ValueId places = node.pointwise("add(a, b)", {firsts, node.counting(length, 1, 2)});
  ValueId x = node.add(ir::Gather{1}, {node.input(0), places});
  if (node.has(2))
    x = node.pointwise("mul(a, b)", {x, node.reshape(node.input(2), {node.dims(2)[0], 1})});
  return {transformed(node, x, 2, {.length = {length}, .onesided = node.flag("onesided", true)})};
}

// a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N)
Outputs import_window(NodeContext& node) {
  const std::string& type = node.node().op_type;
  const DType to = output_type(node);
  std::array<double, 3> factors{0.5, 0.5, 0};
  if (type == "HammingWindow") factors = {25.0 / 46, 21.0 / 46, 0};
  if (type == "BlackmanWindow") factors = {0.42, 0.5, 0.08};
  const bool periodic = node.flag("periodic", true);
  const ValueId n = node.cast(node.counting(one_extent(node, 0), 0, 1), DType::f64);
  const ValueId size = scalar_f64(node, 0);
  const ValueId turns = node.pointwise("div(mul(a, c), max(sub(b, d), 1))", {n, size},
                                       std::array{2 * M_PI, periodic ? 0.0 : 1.0});
  const ValueId window =
      node.pointwise("add(sub(b, mul(cos(a), c)), mul(cos(add(a, a)), d))", {turns}, factors);
  return {node.cast(window, to)};
}

// Triangles over the bins of a spectrum, at equal distances on the mel scale.
Outputs import_mel_weight_matrix(NodeContext& node) {
  const DType to = output_type(node);
  const ir::Dim bands = one_extent(node, 0);
  const ir::Dim bins = ir::floor_div(one_extent(node, 1), 2) + 1;
  const ValueId length = scalar_f64(node, 1), rate = scalar_f64(node, 2);
  const auto mel = [&](size_t i) {
    return node.pointwise("mul(log(add(div(a, 700), 1)), b)", {scalar_f64(node, i)},
                          std::array{2595 / std::log(10.0)});
  };
  const ValueId low = mel(3), high = mel(4);
  const ValueId edges = node.cast(node.counting(bands + 2, 0, 1), DType::f64);
  const ValueId count = node.pointwise("add(a, 2)", {scalar_f64(node, 0)});
  const ValueId mels =
      node.pointwise("add(mul(a, div(sub(c, b), d)), b)", {edges, low, high, count});
  const ValueId hertz =
      node.pointwise("mul(sub(exp(mul(a, b)), 1), 700)", {mels}, std::array{std::log(10.0) / 2595});
  const ValueId at = node.pointwise("floor(div(mul(add(b, 1), a), c))", {hertz, length, rate});
  const auto edge = [&](int64_t first) {
    return node.reshape(node.add(ir::Slice{{first}, {bands}, {}}, {at}), {1, bands});
  };
  const ValueId bin = node.cast(node.counting(bins, 0, 2), DType::f64);
  // a: the bin; b, c, d: where a triangle begins, its top, where it ends.
  const ValueId weights = node.pointwise(
      "where(logical_and(less_equal(c, a), less(a, d)), div(sub(d, a), sub(d, c)), "
      "where(logical_and(less_equal(b, a), less_equal(a, c)), "
      "where(equal(b, c), 1, div(sub(a, b), sub(c, b))), 0))",
      {bin, edge(0), edge(1), edge(2)});
  return {node.cast(weights, to)};
}

}  // namespace tenon::onnx
