// Imports of reductions, pooling over all spatial axes among them.
#include <numeric>
#include <utility>

#include "ir/ops/cumulate.h"
#include "ir/ops/reduce.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

constexpr std::pair<std::string_view, ir::ReduceKind> kinds[] = {
    {"ReduceL1", ir::ReduceKind::l1},          {"ReduceL2", ir::ReduceKind::l2},
    {"ReduceLogSum", ir::ReduceKind::log_sum}, {"ReduceLogSumExp", ir::ReduceKind::log_sum_exp},
    {"ReduceMax", ir::ReduceKind::max},        {"ReduceMean", ir::ReduceKind::mean},
    {"ReduceMin", ir::ReduceKind::min},        {"ReduceProd", ir::ReduceKind::prod},
    {"ReduceSum", ir::ReduceKind::sum},        {"ReduceSumSquare", ir::ReduceKind::sum_square},
};

ir::ReduceKind kind_of(std::string_view op_type) {
  for (const auto& [name, kind] : kinds)
    if (name == op_type) return kind;
  return ir::ReduceKind::sum;
}

// ReduceSum took its axes as an operand from opset 13 on, the others from 18.
bool axes_are_operand(const NodeContext& node) {
  return node.opset() >= (node.node().op_type == "ReduceSum" ? 13 : 18);
}

std::vector<int64_t> given_axes(NodeContext& node) {
  if (!axes_are_operand(node)) {
    if (node.has(1)) node.fail("operand 1 does not exist in opset {}", node.opset());
    return node.integers("axes");
  }
  return node.has(1) && node.length(1) > 0 ? node.known_integers(1) : std::vector<int64_t>{};
}

}  // namespace

std::vector<int64_t> axes_from(size_t first, size_t rank) {
  std::vector<int64_t> axes(rank > first ? rank - first : 0);
  std::iota(axes.begin(), axes.end(), static_cast<int64_t>(first));
  return axes;
}

Outputs import_reduce(NodeContext& node) {
  if (axes_are_operand(node) && node.has(1) && !node.known(1) && node.length(1) > 0) {
    node.ignore_attribute("noop_with_empty_axes");
    return reduce_by_axes_of_a_run(node);
  }
  ir::Reduce reduce{.kind = kind_of(node.node().op_type)};
  reduce.axes = node.axes(given_axes(node), node.rank(0));
  const bool none = axes_are_operand(node) && node.flag("noop_with_empty_axes", false);
  if (reduce.axes.empty() && !none) reduce.axes = axes_from(0, node.rank(0));
  reduce.keep_dims = node.flag("keepdims", true);
  return {node.add(std::move(reduce), {node.input(0)})};
}

// GlobalAveragePool and GlobalMaxPool: every axis after batch and channel.
Outputs import_global_pool(NodeContext& node) {
  const bool mean = node.node().op_type == "GlobalAveragePool";
  return {node.add(ir::Reduce{.kind = mean ? ir::ReduceKind::mean : ir::ReduceKind::max,
                              .axes = axes_from(2, node.rank(0)),
                              .keep_dims = true},
                   {node.input(0)})};
}

// CumSum and CumProd.
Outputs import_cumulate(NodeContext& node) {
  const bool sum = node.node().op_type == "CumSum";
  ir::Cumulate op{.kind = sum ? ir::CumulateKind::sum : ir::CumulateKind::prod,
                  .exclusive = node.flag("exclusive", false),
                  .reverse = node.flag("reverse", false)};
  if (!node.known(1)) return {node.add(op, {node.input(0), node.integers_of(1)})};
  op.axis = node.axis(node.known_integer(1), node.rank(0));
  return {node.add(op, {node.input(0)})};
}

}  // namespace tenon::onnx
