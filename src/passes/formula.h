// Pointwise nodes in the making: an expression with its operands.
#pragma once

#include <optional>
#include <vector>

#include "ir/ops.h"
#include "ir/rewrite.h"

namespace tenon::passes {

/// What a pointwise node computes and from what, before it is put into a graph.
struct Formula {
  ir::Expression expression;
  std::vector<ir::ValueId> operands;

  /// The formula of a pointwise node; nothing for other ops.
  static std::optional<Formula> of(const ir::Node& node);
  /// The dtype of each instruction.
  std::vector<DType> types(const ir::GraphBuilder& out) const;
  /// Puts the node into the graph; the bare operand where nothing is computed.
  ir::ValueId add_to(ir::GraphBuilder& out, std::string name = {}) const;
};

/// More would spill registers in a kernel's inner loop, and no exporter's chain is longer.
inline constexpr size_t max_operands = 8;
inline constexpr size_t max_instructions = 32;

/// The formula without operands that its expression no longer uses, each of one element. Nothing if
/// none would stay, or if the result's rank would fall.
std::optional<Formula> without_unused(const ir::GraphBuilder& out, Formula formula);

/// Operand `which`, of one element, replaced by its value. Nothing where a literal cannot stand for
/// it: literals take the dtype of the operand beside them.
std::optional<Formula> with_literal(const ir::GraphBuilder& out, const Formula& formula, int which,
                                    double value);

/// Operand `which` replaced by the formula that computes it, its operands in the same place;
/// nothing beyond the limits.
std::optional<Formula> inlined(const Formula& outer, size_t which, const Formula& inner);

/// The formula of a pointwise node with every operand inlined that is itself pointwise, of the
/// node's own dims and used nowhere else, within the limits. What depends on leaves only stays
/// apart, so that hoist can move it.
std::optional<Formula> chain(ir::GraphBuilder& out, const ir::Node& node);

}  // namespace tenon::passes
