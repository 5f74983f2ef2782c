// matmul -> softmax -> matmul  becomes  attention.
#include "ir/rewrite.h"
#include "passes/pattern.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::GraphBuilder;
using ir::Node;
using ir::ValueId;

// A product of two computed values: those of weights are packed, which is better.
bool is_plain_product(const GraphBuilder& out, const Node& node) {
  const auto* matmul = node.as<ir::MatMul>();
  const auto computed = [&](size_t i) { return !out.only_leaves(node.inputs[i]); };
  return matmul && !matmul->transpose_a && operand(node, 2) == ir::absent && computed(0) &&
         computed(1);
}

// The last two axes swapped, by the transpose that made the value if there is one.
ValueId swapped(GraphBuilder& out, ValueId id) {
  std::vector<int64_t> order;
  for (size_t i = 0; i < out.type(id).rank(); ++i) order.push_back(static_cast<int64_t>(i));
  if (const Node* producer = out.producer(id)) {
    if (const auto* transpose = producer->as<ir::Transpose>()) {
      order = transpose->permutation;
      id = producer->inputs[0];
    }
  }
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return out.add(ir::Transpose{order}, {id});
}

// Without the last two axes.
std::optional<ir::Dims> batch_of(const ir::ValueType& type) {
  if (!type.dims) return std::nullopt;
  return ir::Dims(type.dims->begin(), type.dims->end() - 2);
}

std::optional<ValueId> recognise(GraphBuilder& out, const Node& node) {
  const auto* outer = node.as<ir::MatMul>();
  if (!outer || outer->transpose_b || !outer->epilogue.empty() || !is_plain_product(out, node))
    return std::nullopt;
  const auto softmax = sole_producer<ir::Softmax>(out, node.inputs[0]);
  if (!softmax || softmax->as<ir::Softmax>()->log) return std::nullopt;
  const ValueId scores = softmax->inputs[0];
  const int64_t axis = softmax->as<ir::Softmax>()->axis;
  const auto rank = static_cast<int64_t>(out.type(scores).rank());
  const auto inner = sole_producer<ir::MatMul>(out, scores);
  if (!inner || !is_plain_product(out, *inner) || (axis != -1 && axis + 1 != rank))
    return std::nullopt;
  if (!is_floating(out.type(scores).dtype) ||
      batch_of(out.type(scores)) != batch_of(out.infer(node.op, node.inputs, 1)[0].type))
    return std::nullopt;
  const auto& product = *inner->as<ir::MatMul>();
  const ValueId keys = product.transpose_b ? inner->inputs[1] : swapped(out, inner->inputs[1]);
  std::vector<ValueId> inputs = inner->inputs;
  inputs.resize(std::max<size_t>(inputs.size(), 3));
  inputs[1] = keys;
  inputs[2] = node.inputs[1];
  return out.add(ir::Attention{product.epilogue}, std::move(inputs), node.name);
}

}  // namespace

ir::Graph fuse_attention(const ir::Graph& graph, Door&) { return ir::rewrite(graph, recognise); }

}  // namespace tenon::passes
