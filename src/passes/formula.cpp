// Pointwise nodes in the making: literals, inlining, pruning.
#include "passes/formula.h"

#include <algorithm>

#include "passes/pattern.h"

namespace tenon::passes {
namespace {

using ir::Expression;
using ir::GraphBuilder;
using ir::Scalar;
using ir::ValueId;
using Code = std::vector<Expression::Instruction>;

size_t index_of(int i) { return static_cast<size_t>(i); }

// The greatest rank among the operands; nothing if one is unknown.
std::optional<size_t> rank_of(const GraphBuilder& out, const std::vector<ValueId>& operands) {
  size_t rank = 0;
  for (const ValueId id : operands) {
    if (!out.type(id).dims) return std::nullopt;
    rank = std::max(rank, out.type(id).rank());
  }
  return rank;
}

std::vector<bool> used_inputs(const Formula& formula) {
  std::vector<bool> used(formula.operands.size());
  for (const auto& instruction : formula.expression.instructions()) {
    if (instruction.op == Scalar::input) used[index_of(instruction.args[0])] = true;
  }
  return used;
}

// The argument whose dtype a literal in place of argument `i` would take, or -1.
int beside(Scalar op, int i) {
  if (op == Scalar::where) return i == 0 ? -1 : 3 - i;
  return ir::arity(op) == 2 ? 1 - i : -1;
}

// Whether argument `i` of an instruction keeps its dtype as a literal.
bool takes_literal(const Code& code, const std::vector<DType>& types, size_t instruction, int i) {
  const auto& user = code[instruction];
  const int other = beside(user.op, i);
  if (other < 0) return false;
  const auto at = index_of(user.args[index_of(other)]);
  const auto self = index_of(user.args[index_of(i)]);
  if (at == self || code[at].op == Scalar::literal) return false;
  const bool exponent = user.op == Scalar::pow && i == 1;  // the result has the base's type
  return types[at] == types[self] || exponent;
}

bool may_be_literal(const Code& code, const std::vector<DType>& types, int which) {
  const auto is_operand = [&](size_t i) {
    return code[i].op == Scalar::input && code[i].args[0] == which;
  };
  if (is_operand(code.size() - 1)) return false;
  for (size_t i = 0; i < code.size(); ++i) {
    if (is_operand(i) && types[i] == DType::bool_) return false;
    if (code[i].op == Scalar::input) continue;
    for (int arg = 0; arg < ir::arity(code[i].op); ++arg) {
      const bool used = is_operand(index_of(code[i].args[index_of(arg)]));
      if (used && !takes_literal(code, types, i, arg)) return false;
    }
  }
  return true;
}

// Where `id` stands among `operands`, appended if it does not.
int position(std::vector<ValueId>& operands, ValueId id) {
  const auto found = std::ranges::find(operands, id);
  const auto at = found - operands.begin();
  if (found == operands.end()) operands.push_back(id);
  return static_cast<int>(at);
}

bool has_pointwise_operand(const GraphBuilder& out, const ir::Node& node) {
  return std::ranges::any_of(
      node.inputs, [&](ValueId id) { return sole_producer<ir::Pointwise>(out, id).has_value(); });
}

// The formula with operand `i` inlined, if that is a pointwise node that belongs to `whole` alone.
std::optional<Formula> one_link(const GraphBuilder& out, const Formula& formula, size_t i,
                                ValueId whole) {
  const ValueId id = formula.operands[i];
  const auto inner = sole_producer<ir::Pointwise>(out, id);
  const auto& dims = out.type(id).dims;
  if (!inner || !dims || dims != out.type(whole).dims) return std::nullopt;
  if (out.only_leaves(id) != out.only_leaves(whole)) return std::nullopt;
  return inlined(formula, i, *Formula::of(*inner));
}

}  // namespace

std::optional<Formula> Formula::of(const ir::Node& node) {
  const auto* pointwise = node.as<ir::Pointwise>();
  if (!pointwise) return std::nullopt;
  return Formula{pointwise->expression, node.inputs};
}

std::vector<DType> Formula::types(const GraphBuilder& out) const {
  std::vector<DType> dtypes;
  for (const ValueId id : operands) dtypes.push_back(out.type(id).dtype);
  return expression.infer(dtypes);
}

ValueId Formula::add_to(GraphBuilder& out, std::string name) const {
  const bool bare = expression.instructions().size() == 1 && operands.size() == 1;
  if (bare && expression.instructions()[0].op == Scalar::input) return operands[0];
  return out.add(ir::Pointwise{expression}, operands, std::move(name));
}

std::optional<Formula> without_unused(const GraphBuilder& out, Formula formula) {
  const std::vector<bool> used = used_inputs(formula);
  std::vector<ValueId> kept;
  std::vector<int> map;
  for (size_t i = 0; i < used.size(); ++i) {
    map.push_back(static_cast<int>(kept.size()));
    if (used[i]) kept.push_back(formula.operands[i]);
  }
  const auto rank = rank_of(out, formula.operands);
  if (kept.empty() || !rank || rank_of(out, kept) != rank) return std::nullopt;
  return Formula{formula.expression.with_inputs(map), std::move(kept)};
}

std::optional<Formula> with_literal(const GraphBuilder& out, const Formula& formula, int which,
                                    double value) {
  if (!may_be_literal(formula.expression.instructions(), formula.types(out), which)) {
    return std::nullopt;
  }
  return without_unused(out, {formula.expression.with_literal(which, value), formula.operands});
}

std::optional<Formula> inlined(const Formula& outer, size_t which, const Formula& inner) {
  const size_t together =
      outer.expression.instructions().size() + inner.expression.instructions().size();
  if (together > Expression::max_instructions) return std::nullopt;
  Formula result;
  std::vector<int> outer_map(outer.operands.size()), inner_map;
  for (size_t i = 0; i < outer.operands.size(); ++i) {
    if (i != which) {
      outer_map[i] = position(result.operands, outer.operands[i]);
      continue;
    }
    for (const ValueId id : inner.operands) inner_map.push_back(position(result.operands, id));
  }
  if (result.operands.size() > max_operands) return std::nullopt;
  result.expression = outer.expression.inline_input(static_cast<int>(which), inner.expression,
                                                    outer_map, inner_map);
  if (result.expression.instructions().size() > max_instructions) return std::nullopt;
  return result;
}

std::optional<Formula> chain(GraphBuilder& out, const ir::Node& node) {
  std::optional<Formula> formula = Formula::of(node);
  if (!formula || !has_pointwise_operand(out, node)) return std::nullopt;
  const ValueId whole = out.add(node.op, node.inputs);  // for its type; dies, for nothing uses it
  bool changed = false;
  for (size_t i = 0; i < formula->operands.size();) {
    auto longer = one_link(out, *formula, i, whole);
    i = longer ? 0 : i + 1;
    changed |= longer.has_value();
    if (longer) formula = std::move(longer);
  }
  return changed ? formula : std::nullopt;
}

}  // namespace tenon::passes
