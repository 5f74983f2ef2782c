// Imports of normalisations and softmax.
#include <array>
#include <numeric>

#include "ir/ops/batch_norm.h"
#include "ir/ops/reduce.h"
#include "ir/ops/softmax.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

// Statistics and scale may be wider than x since opset 14: all are computed in the widest, at least
// f32.
DType common_dtype(const NodeContext& node) {
  const DType x = node.dtype(0);
  bool mixed = false, wide = false;
  for (size_t i = 0; i < 5; ++i) {
    mixed = mixed || node.dtype(i) != x;
    wide = wide || node.dtype(i) == DType::f64;
  }
  return !mixed ? x : wide ? DType::f64 : DType::f32;
}

// Axes [first, last) as one.
ir::Dim extent(const ir::Dims& dims, size_t first, size_t last) {
  return ir::product(std::span(dims).subspan(first, last - first));
}

std::vector<int64_t> axes_from(int64_t first, size_t rank) {
  std::vector<int64_t> axes(rank - static_cast<size_t>(first));
  std::iota(axes.begin(), axes.end(), first);
  return axes;
}

ir::ValueId mean(NodeContext& node, ir::ValueId x, const std::vector<int64_t>& axes) {
  return node.add(ir::Reduce{.kind = ir::ReduceKind::mean, .axes = axes}, {x});
}

}  // namespace

Outputs import_batch_normalization(NodeContext& node) {
  node.ignore_attribute("momentum");
  const double epsilon = node.number("epsilon", 1e-5f);
  if (node.flag("training_mode", false))
    node.unsupported("training_mode=1; export the model for inference");
  const bool spatial = node.opset() >= 9 || node.flag("spatial", true);
  const DType computed = common_dtype(node);
  const ir::Dims dims = node.dims(0);
  std::vector<ir::ValueId> operands;
  for (size_t i = 0; i < 5; ++i) operands.push_back(node.cast(node.input(i), computed));
  const bool one_channel = spatial && dims.size() == 1;  // as ONNX says of a single axis
  if (one_channel) operands[0] = node.reshape(operands[0], {dims[0], 1});
  ir::ValueId y = spatial ? node.add(ir::BatchNorm{epsilon}, operands)
                          : node.pointwise("add(mul(div(sub(a, d), sqrt(add(e, f))), b), c)",
                                           operands, std::array{epsilon});
  if (one_channel) y = node.reshape(y, dims);
  node.require_dims(y, dims, "a parameter");
  return {node.cast(y, node.dtype(0))};
}

// Softmax and LogSoftmax. Before opset 13 the axes from `axis` on were one.
Outputs import_softmax(NodeContext& node) {
  const bool flattens = node.opset() < 13, log = node.node().op_type == "LogSoftmax";
  const int64_t axis = node.axis(node.integer("axis", flattens ? 1 : -1), node.rank(0));
  const ir::Dims dims = node.dims(0);
  if (!flattens || axis + 1 == static_cast<int64_t>(dims.size()))
    return {node.add(ir::Softmax{.axis = axis, .log = log}, {node.input(0)})};
  const auto first = static_cast<size_t>(axis);
  const ir::ValueId flat =
      node.reshape(node.input(0), {extent(dims, 0, first), extent(dims, first, dims.size())});
  return {node.reshape(node.add(ir::Softmax{.axis = 1, .log = log}, {flat}), dims)};
}

// Over the axes from `axis` on, in f32 at least: the deviation from the mean over its root mean
// square.
Outputs import_layer_normalization(NodeContext& node) {
  node.ignore_attribute("stash_type");
  const double epsilon = node.number("epsilon", 1e-5f);
  const DType dtype = node.dtype(0), computed = dtype == DType::f64 ? dtype : DType::f32;
  const ir::Dims dims = node.dims(0);
  const auto axes = axes_from(node.axis(node.integer("axis", -1), dims.size()), dims.size());
  const auto operand = [&](size_t i) { return node.cast(node.input(i), computed); };
  const ir::ValueId average = mean(node, operand(0), axes);
  const ir::ValueId deviation = node.pointwise("sub(a, b)", {operand(0), average});
  const ir::ValueId square = mean(node, node.pointwise("mul(a, a)", {deviation}), axes);
  const ir::ValueId inverse =
      node.pointwise("reciprocal(sqrt(add(a, b)))", {square}, std::array{epsilon});
  ir::ValueId y = node.has(2)
                      ? node.pointwise("add(mul(mul(a, b), c), d)",
                                       {deviation, inverse, operand(1), operand(2)})
                      : node.pointwise("mul(mul(a, b), c)", {deviation, inverse, operand(1)});
  node.require_dims(y, dims, "a parameter");
  return {node.cast(y, dtype), average, inverse};
}

}  // namespace tenon::onnx
