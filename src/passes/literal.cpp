// One-element constants that a pointwise node reads become literals of its expression.
#include "ir/rewrite.h"
#include "passes/formula.h"
#include "passes/pattern.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::ValueId;

// The formula with its first operand that can be a literal made one.
std::optional<Formula> one_more_literal(const ir::GraphBuilder& out, Door& door,
                                        const Formula& formula) {
  for (size_t i = 0; i < formula.operands.size(); ++i) {
    const ValueId id = formula.operands[i];
    if (out.value(id).origin != ir::Origin::constant) continue;
    const auto value = scalar_value(out, id, door);
    if (!value) continue;
    if (auto shorter = with_literal(out, formula, static_cast<int>(i), *value)) return shorter;
  }
  return std::nullopt;
}

std::optional<ValueId> make_literals(ir::GraphBuilder& out, Door& door, const ir::Node& node) {
  std::optional<Formula> formula = Formula::of(node);
  bool changed = false;
  while (formula) {
    auto shorter = one_more_literal(out, door, *formula);
    if (!shorter) break;
    formula = std::move(shorter);
    changed = true;
  }
  if (!changed) return std::nullopt;
  return formula->add_to(out, node.name);
}

}  // namespace

ir::Graph constants_to_literals(const ir::Graph& graph, Door& door) {
  return ir::rewrite(graph, [&](ir::GraphBuilder& out, const ir::Node& node) {
    return make_literals(out, door, node);
  });
}

}  // namespace tenon::passes
