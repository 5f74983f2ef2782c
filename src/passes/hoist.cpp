// Folding is hoisting: nodes that depend on leaves only, in bodies too, move into the weights
// graph, whose outputs are main's slots.
#include <algorithm>
#include <map>

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
    return node.op.info().pure && node.op.info().has_kernels && !node.op.info().binds &&
           node.op.bodies().empty() && std::ranges::all_of(node.inputs, given) &&
           std::ranges::all_of(node.outputs, is_static);
  }

  const ir::Graph& graph_;
  std::vector<bool> early_;
};

// The weights graph while main and its bodies are copied.
struct Weights {
  GraphBuilder out;
  std::map<ValueId, std::string> slots;  // by value of the weights graph
};

// Main, or a body of it. What it reads of the weights graph crosses as a slot, once for all.
class MainPart : public ir::GraphCopier {
 public:
  MainPart(const ir::Graph& source, GraphBuilder& out, Weights& weights)
      : GraphCopier(source, out),
        early_(source),
        weights_(weights),
        early_part_(source, weights.out) {}

  void copy(const Node& node) override {
    early_(node.outputs[0]) ? early_part_.copy(node) : GraphCopier::copy(node);
  }

 private:
  ValueId missing(ValueId id) override {
    if (source().value(id).origin == Origin::input) return GraphCopier::missing(id);
    // A slot holds nothing twice: what enlarges is done again in main.
    const int producer = source().value(id).node;
    if (producer >= 0 && source().nodes()[static_cast<size_t>(producer)].op.info().enlarges) {
      GraphCopier::copy(source().nodes()[static_cast<size_t>(producer)]);
      return (*this)(id);
    }
    const ValueId value = early_part_(id);
    const auto [slot, fresh] = weights_.slots.emplace(value, std::to_string(weights_.slots.size()));
    if (fresh) weights_.out.output(slot->second, value);
    return out().slot(slot->second, source().type(id));
  }
  std::unique_ptr<GraphCopier> for_body(const ir::Graph& body, GraphBuilder& out) override {
    return std::make_unique<MainPart>(body, out, weights_);
  }

  const Early early_;
  Weights& weights_;
  GraphCopier early_part_;
};

}  // namespace

void hoist(const ir::Graph& graph, ir::Graph& main, ir::Graph& weights) {
  GraphBuilder main_out;
  Weights weights_part;
  MainPart(graph, main_out, weights_part).run();
  main = main_out.finish();
  weights = weights_part.out.finish();
}

}  // namespace tenon::passes
