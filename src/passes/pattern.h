// Small questions that several passes ask about nodes and values.
#pragma once

#include <array>
#include <optional>

#include "ir/ops.h"
#include "passes/pass.h"

namespace tenon::passes {

/// Operand `i` of a node, `absent` where it is not given.
ir::ValueId operand(const ir::Node& node, size_t i);

/// The producer of a value that has no other use, if its op is a T. A copy, for the builder's nodes
/// move as it grows.
template <class T>
std::optional<ir::Node> sole_producer(const ir::GraphBuilder& out, ir::ValueId id) {
  const ir::Node* producer = out.producer(id);
  if (!producer || !producer->as<T>() || !out.single_use(id)) return std::nullopt;
  return *producer;
}

/// (a, b) of a pointwise node that computes exactly op(a, b).
std::optional<std::array<ir::ValueId, 2>> binary_operands(const ir::Node& node, ir::Scalar op);

/// A weight or constant of one element, whatever its rank.
bool is_scalar_leaf(const ir::GraphBuilder& out, ir::ValueId id);
/// The value of a scalar leaf; nothing where its bytes are not known, or a double does not hold it.
/// No guard yet.
std::optional<double> scalar_value(const ir::GraphBuilder& out, ir::ValueId id, Door& door);
/// Records that `pass` used the leaf's value; a constant needs no guard.
void guard_leaf(const ir::GraphBuilder& out, ir::ValueId id, Door& door, std::string_view pass);

/// The value under other dims: itself where they are the same.
ir::ValueId reshaped(ir::GraphBuilder& out, ir::ValueId id, const ir::Dims& dims);

}  // namespace tenon::passes
