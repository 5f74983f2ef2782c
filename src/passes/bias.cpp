// conv or matmul -> add of a per-channel leaf  becomes  the bias operand.
#include "ir/ops/epilogue.h"
#include "ir/rewrite.h"
#include "passes/pattern.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::Dims;
using ir::GraphBuilder;
using ir::Node;
using ir::ValueId;

// The producer of `id`, if it is a conv or matmul that could still take a bias.
std::optional<Node> biasable(const GraphBuilder& out, ValueId id) {
  auto node = sole_producer<ir::Conv>(out, id);
  if (!node) node = sole_producer<ir::MatMul>(out, id);
  if (!node || operand(*node, 2) != ir::absent) return std::nullopt;
  return ir::epilogue_of(node->op)->empty() ? node : std::nullopt;
}

// True when a value of `dims`, broadcast to `whole`, differs along `axis` only and has its full
// extent there.
bool varies_along_only(const Dims& dims, const Dims& whole, size_t axis) {
  const size_t missing = whole.size() - dims.size();
  if (dims.size() > whole.size() || axis < missing || !whole[axis].is_constant()) return false;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (!(dims[i] == (i + missing == axis ? whole[axis] : ir::Dim(1)))) return false;
  }
  return true;
}

std::optional<ValueId> with_bias(GraphBuilder& out, ValueId x, ValueId bias) {
  if (!out.only_leaves(bias) || !out.type(bias).dims || !out.type(x).dims) return std::nullopt;
  std::optional<Node> producer = biasable(out, x);
  if (!producer) return std::nullopt;
  const size_t axis = producer->as<ir::Conv>() ? 1 : out.dims(x).size() - 1;
  if (!varies_along_only(out.dims(bias), out.dims(x), axis)) return std::nullopt;

  const Dims channels{out.dims(x)[axis]};
  producer->inputs.resize(2);
  producer->inputs.push_back(reshaped(out, bias, channels));
  return out.add(producer->op, producer->inputs, producer->name);
}

std::optional<ValueId> fuse(GraphBuilder& out, const Node& node) {
  const auto operands = binary_operands(node, ir::Scalar::add);
  if (!operands) return std::nullopt;
  const auto [a, b] = *operands;
  if (const auto fused = with_bias(out, a, b)) return fused;
  return with_bias(out, b, a);
}

}  // namespace

ir::Graph add_into_bias(const ir::Graph& graph, Door&) { return ir::rewrite(graph, fuse); }

}  // namespace tenon::passes
