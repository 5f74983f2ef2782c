// Nodes of a graph as calls at concrete extents.
#pragma once

#include "lower/executable.h"

namespace tenon::lower {

/// A type under bindings; throws invalid_input for extents that are negative or overflow. Its bytes
/// may still be more than there can be.
kernel::Operand operand_at(const ir::ValueType& type, const Bindings& bindings,
                           bool weight = false);

/// What a value is under bindings, for an error: `f32[4, 5] of conv "c"`, `f32[3] of input "x"`.
std::string describe(const ir::Graph& graph, ir::ValueId id, const Bindings& bindings);

/// A node under bindings, with operands in the layouts of the graph's types; slots are weights.
kernel::Call call_at(const ir::Graph& graph, const ir::Node& node, const Bindings& bindings,
                     const kernel::Target& target);

/// A step of a lowered graph: with its tactic, and the plain types of packed operands.
kernel::Call call_of_step(const Executable& executable, const Step& step, const Bindings& bindings,
                          const kernel::Target& target);

/// Fills in the plain types of a step's packed operands.
void add_plain_inputs(const Executable& executable, const Step& step, const Bindings& bindings,
                      kernel::Call& call);

/// Throws unavailable, naming the value, for the first whose bytes no memory can have.
void check_sizes(const ir::Graph& graph, const Bindings& bindings);

/// Throws InputError with the constraint's reason for the first that does not hold.
/// False also where the constraint cannot be evaluated.
bool holds(const ir::Constraint& constraint, const Bindings& bindings);
void check_constraints(const ir::Graph& graph, const Bindings& bindings);
/// Those of these numbers only.
void check_constraints(const ir::Graph& graph, std::span<const int> numbers,
                       const Bindings& bindings);

}  // namespace tenon::lower
