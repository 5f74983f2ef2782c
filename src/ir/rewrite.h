// Rebuilding a graph node by node.
#pragma once

#include <functional>

#include "ir/graph.h"

namespace tenon::ir {

/// Answers for one node, whose inputs are values of `out` already, with what replaces its first
/// output, or nothing to keep it. Called only for nodes with one used output, the first.
/// `node.outputs` are still ids of the source graph.
using Rewrite = std::function<std::optional<ValueId>(GraphBuilder& out, const Node& node)>;

/// The graph with every node offered to `rewrite` once, in order; dead nodes are gone.
Graph rewrite(const Graph& graph, const Rewrite& rewrite);

/// The graph with symbols replaced everywhere, types inferred anew.
Graph substitute(const Graph& graph, const std::map<std::string, Dim>& bindings);

/// Copies a whole graph into a builder: `inputs` stand for its inputs; returns its outputs there.
/// Leaves go by name; symbols that it binds get another where `out` has one of that name.
std::vector<ValueId> splice(GraphBuilder& out, const Graph& graph, std::span<const ValueId> inputs);

}  // namespace tenon::ir
