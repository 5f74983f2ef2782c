// batch_norm folds into the conv or matmul before it, else becomes x * s + t; s and t are nodes
// over leaves.
#include <algorithm>

#include "ir/rewrite.h"
#include "passes/pattern.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::Dims;
using ir::Expression;
using ir::GraphBuilder;
using ir::Node;
using ir::ValueId;

ValueId add(GraphBuilder& out, std::string_view expression, std::vector<ValueId> operands) {
  return out.add(ir::Pointwise{Expression::parse(expression)}, std::move(operands));
}

// s of y = x * s + t: scale / sqrt(variance + epsilon).
ValueId factor(GraphBuilder& out, const Node& node) {
  const Expression expression = Expression::parse("div(a, sqrt(add(b, c)))")
                                    .with_literal(2, node.as<ir::BatchNorm>()->epsilon);
  return out.add(ir::Pointwise{expression}, {node.inputs[1], node.inputs[4]});
}

// t: bias + (before - mean) * s, where `before` is the bias of the op that is folded into.
ValueId shift(GraphBuilder& out, const Node& node, ValueId s, ValueId before) {
  const ValueId bias = node.inputs[2];
  const ValueId mean = node.inputs[3];
  if (before == ir::absent) return add(out, "sub(a, mul(b, c))", {bias, mean, s});
  return add(out, "add(a, mul(sub(b, c), d))", {bias, before, mean, s});
}

bool is_static_leaf(const GraphBuilder& out, ValueId id) {
  return out.only_leaves(id) && out.type(id).is_static();
}

// Scale, bias, mean and variance come from leaves.
bool folds(const GraphBuilder& out, const Node& node) {
  return std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                     [&](ValueId id) { return is_static_leaf(out, id); });
}

bool absent_or_leaf(const GraphBuilder& out, ValueId id) {
  return id == ir::absent || out.only_leaves(id);
}

// The op with its weight scaled by s, given under `dims`, and its bias replaced.
ValueId scaled(GraphBuilder& out, const Node& op, const Node& norm, const Dims& dims) {
  const ValueId s = factor(out, norm);
  const ValueId weight = add(out, "mul(a, b)", {op.inputs[1], reshaped(out, s, dims)});
  const ValueId bias = shift(out, norm, s, operand(op, 2));
  return out.add(op.op, {op.inputs[0], weight, bias}, op.name);
}

std::optional<ValueId> into_conv(GraphBuilder& out, const Node& norm) {
  const auto conv = sole_producer<ir::Conv>(out, norm.inputs[0]);
  if (!conv || !conv->as<ir::Conv>()->epilogue.empty()) return std::nullopt;
  const ValueId weight = conv->inputs[1];
  if (!is_static_leaf(out, weight) || !absent_or_leaf(out, operand(*conv, 2))) return std::nullopt;
  Dims dims(out.type(weight).rank(), ir::Dim(1));
  dims[0] = out.dims(weight)[0];
  return scaled(out, *conv, norm, dims);
}

// Axis 1 of a matmul's result is its last one for matrices only.
std::optional<ValueId> into_matmul(GraphBuilder& out, const Node& norm) {
  const auto node = sole_producer<ir::MatMul>(out, norm.inputs[0]);
  const auto* matmul = node ? node->as<ir::MatMul>() : nullptr;
  if (!matmul || !matmul->epilogue.empty()) return std::nullopt;
  const ValueId weight = node->inputs[1];
  if (!is_static_leaf(out, weight) || !absent_or_leaf(out, operand(*node, 2))) return std::nullopt;
  if (out.type(norm.inputs[0]).rank() != 2) return std::nullopt;
  const Dims rows{out.dims(weight)[0], 1};
  const Dims columns{out.dims(weight)[1]};
  return scaled(out, *node, norm, matmul->transpose_b ? rows : columns);
}

std::optional<ValueId> as_pointwise(GraphBuilder& out, const Node& norm) {
  const size_t rank = out.type(norm.inputs[0]).rank();
  if (rank < 2) return std::nullopt;
  Dims dims(rank, ir::Dim(1));  // of the result's rank: they may lie in blocks as it does
  dims[1] = out.dims(norm.inputs[1])[0];
  const ValueId s = factor(out, norm);
  const ValueId t = shift(out, norm, s, ir::absent);
  return add(out, "add(mul(a, b), c)",
             {norm.inputs[0], reshaped(out, s, dims), reshaped(out, t, dims)});
}

std::optional<ValueId> fold(GraphBuilder& out, const Node& node) {
  if (!node.as<ir::BatchNorm>() || !folds(out, node)) return std::nullopt;
  if (const auto id = into_conv(out, node)) return id;
  if (const auto id = into_matmul(out, node)) return id;
  return as_pointwise(out, node);
}

}  // namespace

ir::Graph fold_batch_norm(const ir::Graph& graph, Door&) { return ir::rewrite(graph, fold); }

}  // namespace tenon::passes
