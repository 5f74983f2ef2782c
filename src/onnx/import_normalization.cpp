// Imports of normalisations and softmax.
#include <algorithm>
#include <array>

#include "ir/ops/batch_norm.h"
#include "ir/ops/reduce.h"
#include "ir/ops/softmax.h"
#include "onnx/function.h"
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

ir::ValueId mean(NodeContext& node, ir::ValueId x, const std::vector<int64_t>& axes) {
  return node.add(ir::Reduce{.kind = ir::ReduceKind::mean, .axes = axes}, {x});
}

// Training was told by more outputs than one up to opset 13, and by is_test up to 6.
bool trains(NodeContext& node) {
  if (node.opset() >= 14) return node.flag("training_mode", false);
  if (node.opset() < 7) return !node.flag("is_test", false);
  const std::vector<std::string>& outputs = node.node().outputs;
  for (size_t i = 1; i < outputs.size(); ++i)
    if (!outputs[i].empty() || node.output_used(i)) return true;
  return false;
}

// By the mean and variance of the batch; the running ones move towards these.
Outputs normalize_by_the_batch(NodeContext& node, double epsilon) {
  Function f(node, std::array<std::string_view, 5>{"given", "scale", "bias", "mean", "var"});
  if (node.rank(0) < 2) node.unsupported("training on rank {}", node.rank(0));
  std::vector<int64_t> axes = axes_from(1, node.rank(0)), channels(node.rank(0) - 1, 1);
  axes[0] = 0;
  channels[0] = -1;
  f.set("axes", axes);
  f.set("channels", channels);
  f.set("epsilon", epsilon);
  f.set("momentum", node.number("momentum", 0.9F));
  f.run(fmt::format("x = Cast <to = {}> (given)", node.dtype(0) == DType::f64 ? 11 : 1));
  f.run(R"(average = ReduceMean(x, axes)
           d = Sub(x, average)
           square = ReduceMean(Mul(d, d), axes)
           n = Div(d, Sqrt(Add(square, CastLike(epsilon, x))))
           y = Mul(n, Reshape(CastLike(scale, n), channels))
           y = CastLike(Add(y, Reshape(CastLike(bias, n), channels)), given)
           average = CastLike(Reshape(average, [-1]), mean)
           square = CastLike(Reshape(square, [-1]), var)
           rest = CastLike(Sub(1.0, momentum), mean)
           keep = CastLike(momentum, mean)
           mean = Add(Mul(mean, keep), Mul(average, rest))
           var = Add(Mul(var, CastLike(keep, var)), Mul(square, CastLike(rest, var))))");
  return {f["y"], f["mean"], f["var"], f["average"], f["square"]};
}

}  // namespace

Outputs import_batch_normalization(NodeContext& node) {
  const double epsilon = node.number("epsilon", 1e-5f);
  const bool spatial = node.opset() >= 9 || node.flag("spatial", true);
  if (trains(node)) {
    if (!spatial) node.unsupported("training with spatial=0");
    return normalize_by_the_batch(node, epsilon);
  }
  node.ignore_attribute("momentum");
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
  // What the statistics are given in: f32, or bf16.
  const int64_t stash = node.integer("stash_type", 1);
  if (stash != 1 && stash != 16) node.fail("stash_type is {}; 1 and 16 are possible", stash);
  const DType stashed = stash == 1 ? DType::f32 : DType::bf16;
  const double epsilon = node.number("epsilon", 1e-5f);
  const DType dtype = node.dtype(0), computed = dtype == DType::f64 ? dtype : DType::f32;
  const ir::Dims dims = node.dims(0);
  const int64_t first = node.axis(node.integer("axis", -1), dims.size());
  const auto axes = axes_from(static_cast<size_t>(first), dims.size());
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
  return {node.cast(y, dtype), node.cast(average, stashed), node.cast(inverse, stashed)};
}

}  // namespace tenon::onnx
