// Folding is hoisting: nodes that depend on leaves only move into the weights graph, whose outputs
// are main's slots.
#include <algorithm>

#include "ir/copy.h"
#include "passes/pass.h"

namespace tenon::passes {
namespace {

using ir::GraphBuilder;
using ir::Node;
using ir::Origin;
using ir::ValueId;

// Which values the weights graph can hold: leaves, and results of nodes that move.
class Early {
 public:
  explicit Early(const ir::Graph& graph) : graph_(graph) {
    for (const ir::GraphValue& value : graph.values()) {
      early_.push_back(value.origin == Origin::weight || value.origin == Origin::constant);
    }
    for (const Node& node : graph.nodes()) {
      if (!moves(node)) continue;
      for (const ValueId id : node.outputs) early_[static_cast<size_t>(id)] = true;
    }
  }
  bool operator()(ValueId id) const { return early_[static_cast<size_t>(id)]; }

 private:
  // A symbolic extent is not known before a run, and what a node binds is main's.
  bool moves(const Node& node) const {
    const auto given = [&](ValueId id) { return id == ir::absent || (*this)(id); };
    const auto is_static = [&](ValueId id) { return graph_.type(id).is_static(); };
    return node.op.info().pure && !node.op.info().binds &&
           std::ranges::all_of(node.inputs, given) && std::ranges::all_of(node.outputs, is_static);
  }

  const ir::Graph& graph_;
  std::vector<bool> early_;
};

// What main reads of the weights graph crosses as a slot, once.
class MainPart : public ir::GraphCopier {
 public:
  MainPart(const ir::Graph& source, GraphBuilder& out, GraphCopier& weights,
           GraphBuilder& weights_out)
      : GraphCopier(source, out), weights_(weights), weights_out_(weights_out) {}

 private:
  ValueId missing(ValueId id) override {
    if (source().value(id).origin == Origin::input) return GraphCopier::missing(id);
    const std::string name = std::to_string(slots_++);
    weights_out_.output(name, weights_(id));
    return out().slot(name, source().type(id));
  }

  GraphCopier& weights_;
  GraphBuilder& weights_out_;
  size_t slots_ = 0;
};

}  // namespace

void hoist(const ir::Graph& graph, ir::Graph& main, ir::Graph& weights) {
  GraphBuilder main_out, weights_out;
  ir::GraphCopier weights_part(graph, weights_out);
  MainPart main_part(graph, main_out, weights_part, weights_out);
  const Early early(graph);
  main_part.copy_inputs();
  for (const Node& node : graph.nodes()) {
    (early(node.outputs[0]) ? weights_part : main_part).copy(node);
  }
  main_part.copy_outputs();
  main_part.copy_requirements();
  main = main_out.finish();
  weights = weights_out.finish();
}

}  // namespace tenon::passes
