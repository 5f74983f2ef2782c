// Folding is hoisting: nodes that depend on leaves only move into the weights graph, whose outputs
// are main's slots.
#include <algorithm>

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

// One of the two graphs while it grows.
struct Part {
  GraphBuilder out;
  std::vector<ValueId> ids;  // by value of the source; absent where it is not (yet) in this part

  explicit Part(const ir::Graph& source) : ids(source.values().size(), ir::absent) {}
  ValueId& at(ValueId id) { return ids[static_cast<size_t>(id)]; }

  void copy(const ir::Graph& source, const Node& node, std::vector<ValueId> inputs) {
    const auto outputs = static_cast<int>(node.outputs.size());
    const auto made = out.add_node(node.op, std::move(inputs), outputs, node.name);
    for (size_t i = 0; i < made.size(); ++i) {
      at(node.outputs[i]) = made[i];
      const std::string& name = source.value(node.outputs[i]).name;
      if (!name.empty()) out.name_value(made[i], name);
    }
  }
};

class Splitter {
 public:
  explicit Splitter(const ir::Graph& graph)
      : graph_(graph), early_(graph), main_(graph), weights_(graph) {}

  void run() {
    copy_leaves();
    for (const Node& node : graph_.nodes()) place(node);
    for (const ir::Output& output : graph_.outputs()) {
      main_.out.output(output.name, in_main(output.value));
    }
    main_.out.require(graph_.requirements());
  }
  ir::Graph take_main() { return main_.out.finish(); }
  ir::Graph take_weights() { return weights_.out.finish(); }

 private:
  void copy_leaves() {
    for (size_t i = 0; i < graph_.values().size(); ++i) {
      const ir::GraphValue& value = graph_.values()[i];
      const ir::ValueType& type = value.value.type;
      if (value.origin == Origin::input) main_.ids[i] = main_.out.input(value.name, type);
      if (value.origin == Origin::weight) weights_.ids[i] = weights_.out.weight(value.name, type);
      if (value.origin == Origin::constant) {
        weights_.ids[i] = weights_.out.constant(value.name, type, value.bytes);
      }
    }
  }

  void place(const Node& node) {
    const bool early = early_(node.outputs[0]);
    std::vector<ValueId> inputs;
    for (const ValueId id : node.inputs) {
      if (id == ir::absent) {
        inputs.push_back(id);
      } else {
        inputs.push_back(early ? weights_.at(id) : in_main(id));
      }
    }
    (early ? weights_ : main_).copy(graph_, node, std::move(inputs));
  }

  // A value as main reads it: what the weights graph holds crosses as a slot, once. A slot holds
  // nothing twice: what enlarges is done again in main.
  ValueId in_main(ValueId id) {
    ValueId& known = main_.at(id);
    if (known != ir::absent) return known;
    const int producer = graph_.value(id).node;
    if (producer >= 0 && graph_.nodes()[static_cast<size_t>(producer)].op.info().enlarges) {
      const Node& node = graph_.nodes()[static_cast<size_t>(producer)];
      main_.copy(graph_, node, {in_main(node.inputs[0])});
      return known;
    }
    const std::string name = std::to_string(slots_++);
    weights_.out.output(name, weights_.at(id));
    return known = main_.out.slot(name, graph_.type(id));
  }

  const ir::Graph& graph_;
  Early early_;
  Part main_, weights_;
  size_t slots_ = 0;
};

}  // namespace

void hoist(const ir::Graph& graph, ir::Graph& main, ir::Graph& weights) {
  Splitter splitter(graph);
  splitter.run();
  main = splitter.take_main();
  weights = splitter.take_weights();
}

}  // namespace tenon::passes
