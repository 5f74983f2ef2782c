// Rebuilding a graph node by node.
#pragma once

#include <functional>

#include "ir/graph.h"

namespace tenon::ir {

/// What stands for a node's outputs from now on: one value for each, `absent` for those that nobody
/// uses; or nothing, to keep the node.
struct Replacement {
  std::vector<ValueId> values;

  Replacement(std::nullopt_t) {}                                           // NOLINT
  Replacement(ValueId value) : values{value} {}                            // NOLINT
  Replacement(std::vector<ValueId> values) : values(std::move(values)) {}  // NOLINT
  Replacement(std::optional<ValueId> value) {                              // NOLINT
    if (value) values.push_back(*value);
  }
};

/// Answers for one node of which an output is used, with what replaces it. Its inputs are values of
/// `out` already, its outputs still ids of the source graph. Each graph is rewritten by a fresh
/// copy.
using Rewrite = std::function<Replacement(GraphBuilder& out, const Node& node)>;

/// The graph with every node offered to `rewrite` once, in order; dead nodes are gone.
Graph rewrite(const Graph& graph, const Rewrite& rewrite);

/// The graph with symbols replaced everywhere, types inferred anew.
Graph substitute(const Graph& graph, const std::map<std::string, Dim>& bindings);

/// Copies a whole graph into a builder: `inputs` stand for its inputs; returns its outputs there.
/// Leaves go by name; symbols that it binds get another where `out` has one of that name, and
/// `bindings` replace others.
std::vector<ValueId> splice(GraphBuilder& out, const Graph& graph, std::span<const ValueId> inputs,
                            std::map<std::string, Dim> bindings = {});
/// The same for a body of the graph that is built: its names are known there and stay.
std::vector<ValueId> splice_body(GraphBuilder& out, const Graph& body,
                                 std::span<const ValueId> inputs);

}  // namespace tenon::ir
