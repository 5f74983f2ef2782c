// transpose of the last two axes -> matmul  becomes  matmul that reads its operand transposed.
#include "ir/rewrite.h"
#include "passes/pattern.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::ValueId;

bool swaps_last_two(const std::vector<int64_t>& permutation) {
  const auto rank = static_cast<int64_t>(permutation.size());
  for (int64_t i = 0; i < rank - 2; ++i) {
    if (permutation[static_cast<size_t>(i)] != i) return false;
  }
  return rank >= 2 && permutation.back() == rank - 2;
}

// What the operand is a transpose of, if it is one that matmul can do itself.
std::optional<ValueId> untransposed(const ir::GraphBuilder& out, ValueId id) {
  const ir::Node* producer = out.producer(id);
  const auto* transpose = producer ? producer->as<ir::Transpose>() : nullptr;
  if (!transpose || !swaps_last_two(transpose->permutation)) return std::nullopt;
  return producer->inputs[0];
}

std::optional<ValueId> absorb_transposes(ir::GraphBuilder& out, const ir::Node& node) {
  const auto* matmul = node.as<ir::MatMul>();
  if (!matmul) return std::nullopt;
  ir::MatMul fused = *matmul;
  std::vector<ValueId> inputs = node.inputs;
  const auto a = untransposed(out, inputs[0]);
  const auto b = untransposed(out, inputs[1]);
  if (!a && !b) return std::nullopt;
  if (a) inputs[0] = *a;
  if (b) inputs[1] = *b;
  fused.transpose_a ^= a.has_value();
  fused.transpose_b ^= b.has_value();
  return out.add(fused, std::move(inputs), node.name);
}

}  // namespace

ir::Graph transpose_into_matmul(const ir::Graph& graph, Door&) {
  return ir::rewrite(graph, absorb_transposes);
}

}  // namespace tenon::passes
