// conv or matmul -> pointwise  becomes  the op with an epilogue.
#include "ir/ops/epilogue.h"

#include <algorithm>

#include "ir/rewrite.h"
#include "passes/formula.h"
#include "passes/pattern.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::Dims;
using ir::Expression;
using ir::GraphBuilder;
using ir::Node;
using ir::ValueId;

constexpr auto first = static_cast<size_t>(ir::first_epilogue_operand);
constexpr auto most = static_cast<size_t>(ir::most_epilogue_operands);

// The operand that comes last out of a conv or matmul and has no other use: the others are there
// before it.
std::optional<size_t> last_producer(const GraphBuilder& out, const Formula& formula) {
  std::optional<size_t> found;
  const auto node_of = [&](size_t i) { return out.value(formula.operands[i]).node; };
  for (size_t i = 0; i < formula.operands.size(); ++i) {
    const Node* producer = out.producer(formula.operands[i]);
    if (!producer || !ir::epilogue_of(producer->op) || !out.single_use(formula.operands[i]))
      continue;
    if (!found || node_of(i) > node_of(*found)) found = i;
  }
  return found;
}

// What a conv or matmul does to its result, which `result` stands for.
Formula formula_of(const Node& producer, ValueId result) {
  const Expression& epilogue = *ir::epilogue_of(producer.op);
  Formula formula{epilogue.empty() ? Expression::parse("a") : epilogue, {result}};
  for (size_t i = first; i < producer.inputs.size(); ++i)
    formula.operands.push_back(producer.inputs[i]);
  return formula;
}

// The same formula with `id`, one of its operands, as the first.
Formula starting_with(const Formula& formula, ValueId id) {
  Formula result{{}, {id}};
  std::vector<int> map;
  for (const ValueId operand : formula.operands) {
    map.push_back(operand == id ? 0 : static_cast<int>(result.operands.size()));
    if (operand != id) result.operands.push_back(operand);
  }
  result.expression = formula.expression.with_inputs(map);
  return result;
}

bool broadcasts(const Dims& dims, const Dims& whole) {
  if (dims.size() > whole.size()) return false;
  const size_t missing = whole.size() - dims.size();
  for (size_t i = 0; i < dims.size(); ++i) {
    if (!(dims[i] == ir::Dim(1)) && !(dims[i] == whole[missing + i])) return false;
  }
  return true;
}

// Kernels read operands of the result's dtype, and masks.
bool may_trail(const GraphBuilder& out, ValueId id, const ir::ValueType& whole) {
  const ir::ValueType& type = out.type(id);
  return (type.dtype == whole.dtype || type.dtype == DType::bool_) && type.dims &&
         broadcasts(*type.dims, *whole.dims);
}

// Convs may be laid out in blocks of an axis, which an operand of less rank does not have.
ValueId of_rank(GraphBuilder& out, ValueId id, size_t rank) {
  Dims dims = out.dims(id);
  if (std::ranges::all_of(dims, [](const ir::Dim& d) { return d == 1; })) return id;
  dims.insert(dims.begin(), rank - dims.size(), ir::Dim(1));
  return reshaped(out, id, dims);
}

// What depends on leaves only is hoisted: it must not be drawn into what is not.
bool stays(const GraphBuilder& out, const Node& node, ValueId result) {
  const auto is_leaf = [&](ValueId id) { return out.only_leaves(id); };
  return !is_leaf(result) || std::ranges::all_of(node.inputs, is_leaf);
}

std::optional<ValueId> fuse(GraphBuilder& out, const Node& node) {
  const auto outer = Formula::of(node);
  const auto which = outer ? last_producer(out, *outer) : std::nullopt;
  if (!which) return std::nullopt;
  const ValueId result = outer->operands[*which];
  const Node producer = *out.producer(result);  // a copy, for the builder's nodes move as it grows
  const ir::ValueType type = out.type(result);
  if (out.infer(node.op, node.inputs, 1)[0].type != type || !stays(out, node, result))
    return std::nullopt;
  const auto joined = inlined(*outer, *which, formula_of(producer, result));
  if (!joined) return std::nullopt;
  const Formula epilogue = starting_with(*joined, result);
  const std::span trailing = std::span(epilogue.operands).subspan(1);
  if (trailing.size() > most) return std::nullopt;
  if (!std::ranges::all_of(trailing, [&](ValueId id) { return may_trail(out, id, type); }))
    return std::nullopt;

  std::vector<ValueId> inputs = producer.inputs;
  inputs.resize(trailing.empty() ? std::min(first, inputs.size()) : first, ir::absent);
  for (const ValueId id : trailing)
    inputs.push_back(producer.as<ir::Conv>() ? of_rank(out, id, type.rank()) : id);
  return out.add(ir::with_epilogue(producer.op, epilogue.expression), std::move(inputs),
                 producer.name);
}

}  // namespace

ir::Graph fuse_epilogue(const ir::Graph& graph, Door&) { return ir::rewrite(graph, fuse); }

}  // namespace tenon::passes
