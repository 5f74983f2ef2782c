// conv or matmul -> reshape -> pointwise  becomes  the op -> pointwise -> reshape.
#include <algorithm>

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

// Whether an epilogue is to be: a conv or matmul, or what is done to the result of one alone.
bool ends_in_product(const GraphBuilder& out, ValueId id) {
  const Node* producer = out.producer(id);
  if (!producer || !out.single_use(id)) return false;
  if (ir::epilogue_of(producer->op)) return true;
  return producer->as<ir::Pointwise>() &&
         std::ranges::any_of(producer->inputs, [&](ValueId operand) {
           const Node* inner = out.producer(operand);
           return inner && ir::epilogue_of(inner->op) && out.single_use(operand) &&
                  out.type(operand).dims == out.type(id).dims;
         });
}

// The operand that is a reshape, and nothing else, of what a conv or matmul gives.
std::optional<size_t> reshaped_result(const GraphBuilder& out, const Node& node) {
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const auto reshape = sole_producer<ir::Reshape>(out, node.inputs[i]);
    if (!reshape || out.only_leaves(reshape->inputs[0])) continue;
    if (ends_in_product(out, reshape->inputs[0])) return i;
  }
  return std::nullopt;
}

bool is_one(const ir::Dim& dim) { return dim == ir::Dim(1); }

/// Whether `longer` is `dims` with ones in front.
bool only_adds_ones(const Dims& longer, const Dims& dims) {
  return longer.size() >= dims.size() &&
         std::all_of(longer.begin(), longer.end() - std::ssize(dims), is_one) &&
         std::equal(dims.begin(), dims.end(), longer.end() - std::ssize(dims));
}

/// How an operand looks beside a value of dims `to` that was reshaped to `from`: alike, without
/// ones in front, one element, or along the last axis, which both have. Nothing where it is none of
/// these.
std::optional<Dims> dims_beside(const Dims& operand, const Dims& from, const Dims& to) {
  if (operand == from) return to;
  if (only_adds_ones(from, to))
    return Dims(operand.end() - std::min(std::ssize(operand), std::ssize(to)), operand.end());
  if (std::ranges::all_of(operand, is_one)) return Dims{};
  const auto before_last = std::span(operand).first(operand.size() - 1);
  const bool along_last = std::ranges::all_of(before_last, is_one) && !from.empty() &&
                          !to.empty() && operand.back() == from.back() && from.back() == to.back();
  return along_last ? std::optional(Dims{operand.back()}) : std::nullopt;
}

std::optional<ValueId> sink(GraphBuilder& out, const Node& node) {
  if (!node.as<ir::Pointwise>()) return std::nullopt;
  const auto which = reshaped_result(out, node);
  if (!which) return std::nullopt;
  const ValueId view = node.inputs[*which];
  const ValueId result = out.producer(view)->inputs[0];
  const ir::ValueType &from = out.type(view), &to = out.type(result);
  if (!from.dims || !to.dims || out.infer(node.op, node.inputs, 1)[0].type.dims != from.dims)
    return std::nullopt;
  const Dims whole = *from.dims, inner = *to.dims;
  std::vector<Dims> beside;
  for (const ValueId id : node.inputs) {
    if (!out.type(id).dims) return std::nullopt;
    const auto dims = dims_beside(*out.type(id).dims, whole, inner);
    if (!dims) return std::nullopt;
    beside.push_back(*dims);
  }
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < node.inputs.size(); ++i)
    inputs.push_back(i == *which ? result : reshaped(out, node.inputs[i], beside[i]));
  return reshaped(out, out.add(node.op, std::move(inputs), node.name), whole);
}

}  // namespace

ir::Graph sink_reshape(const ir::Graph& graph, Door&) { return ir::rewrite(graph, sink); }

}  // namespace tenon::passes
