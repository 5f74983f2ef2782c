// The last step of building a graph: dead nodes go, and what is left is numbered densely.
#include <algorithm>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/text.h"
#include "ir/graph.h"

namespace tenon::ir {
namespace {

// What outputs and requirements need, by way of values and of symbols.
class Needed {
 public:
  explicit Needed(const Graph& graph) : graph_(graph), needed_(graph.nodes().size()) {
    for (size_t i = 0; i < needed_.size(); ++i) {
      for (std::string& symbol : graph.nodes()[i].op.bound_symbols())
        binders_.emplace(std::move(symbol), i);
    }
  }

  std::vector<bool> run(std::span<const std::vector<Constraint>> of_nodes,
                        std::span<const Constraint> requirements) && {
    for (const Output& output : graph_.outputs()) need(output.value);
    need(requirements);
    for (size_t i = needed_.size(); i-- > 0;) {
      if (!needed_[i]) continue;
      const Node& node = graph_.nodes()[i];
      for (const ValueId id : node.inputs) need(id);
      if (!binders_.empty()) need(symbols_of(graph_, node));
      need(of_nodes[i]);
    }
    return std::move(needed_);
  }

 private:
  void need(ValueId id) {
    const int node = id == absent ? -1 : graph_.value(id).node;
    if (node >= 0) needed_[static_cast<size_t>(node)] = true;
  }
  void need(const std::vector<std::string>& symbols) {
    for (const std::string& symbol : symbols) {
      if (const auto at = binders_.find(symbol); at != binders_.end()) needed_[at->second] = true;
    }
  }
  void need(std::span<const Constraint> constraints) {
    if (binders_.empty()) return;
    std::vector<std::string> symbols;
    for (const Constraint& constraint : constraints) {
      constraint.left.symbols(symbols);
      constraint.right.symbols(symbols);
    }
    need(symbols);
  }

  const Graph& graph_;
  std::vector<bool> needed_;               // by node
  std::map<std::string, size_t> binders_;  // the first node that binds each symbol
};

void check_unique_names(const Graph& graph) {
  std::set<std::string_view> inputs, outputs;
  for (const ValueId id : graph.inputs()) {
    const std::string& name = graph.value(id).name;
    if (inputs.insert(name).second) continue;
    base::fail(ErrorCode::build, "two inputs are named {}; give one another name",
               base::quoted(name));
  }
  for (const Output& output : graph.outputs()) {
    if (outputs.insert(output.name).second) continue;
    base::fail(ErrorCode::build, "two outputs are named {}; give one another name",
               base::quoted(output.name));
  }
}

// New ids of old values, handed out in the order in which they are asked for.
class Numbering {
 public:
  Numbering(const Graph& graph, std::vector<GraphValue>& values)
      : graph_(graph), values_(values), ids_(graph.values().size(), absent) {}

  ValueId operator()(ValueId old) {
    if (old == absent) return absent;
    ValueId& id = ids_[static_cast<size_t>(old)];
    if (id == absent) {
      id = static_cast<ValueId>(values_.size());
      values_.push_back(graph_.value(old));
    }
    return id;
  }
  void number_leaf(ValueId old) {
    if (old != absent && graph_.value(old).origin != Origin::node) (*this)(old);
  }

 private:
  const Graph& graph_;
  std::vector<GraphValue>& values_;
  std::vector<ValueId> ids_;
};

// Tells constraints apart by what they check; the first one's reason is as good as another's.
class ConstraintSet {
 public:
  bool insert(const Constraint& constraint) {
    std::string left = constraint.left.text(), right = constraint.right.text();
    if (constraint.kind != Constraint::Kind::at_least && right < left) std::swap(left, right);
    return seen_.emplace(constraint.kind, std::move(left), std::move(right)).second;
  }

 private:
  std::set<std::tuple<Constraint::Kind, std::string, std::string>> seen_;
};

}  // namespace

Graph GraphBuilder::finish() {
  check_unique_names(graph_);
  const std::vector<bool> needed = Needed(graph_).run(node_constraints_, requirements_);
  Graph result;
  Numbering renumber(graph_, result.values_);
  for (const ValueId id : graph_.inputs_) result.inputs_.push_back(renumber(id));
  for (size_t i = 0; i < needed.size(); ++i) {
    if (!needed[i]) continue;
    for (const ValueId id : graph_.nodes_[i].inputs) renumber.number_leaf(id);
  }
  for (const Output& output : graph_.outputs_) renumber.number_leaf(output.value);

  ConstraintSet constraints;
  for (size_t i = 0; i < needed.size(); ++i) {
    if (!needed[i]) continue;
    Node& node = result.nodes_.emplace_back(std::move(graph_.nodes_[i]));
    for (ValueId& id : node.inputs) id = renumber(id);
    for (ValueId& id : node.outputs) {
      id = renumber(id);
      result.values_[static_cast<size_t>(id)].node = static_cast<int>(result.nodes_.size() - 1);
    }
    for (Constraint& constraint : node_constraints_[i]) {
      if (constraints.insert(constraint)) result.constraints_.push_back(std::move(constraint));
    }
  }
  result.first_requirement_ = result.constraints_.size();
  for (Constraint& constraint : requirements_) {
    if (constraints.insert(constraint)) result.constraints_.push_back(std::move(constraint));
  }
  for (Output& output : graph_.outputs_) {
    result.outputs_.push_back({std::move(output.name), renumber(output.value)});
  }
  *this = GraphBuilder();
  return result;
}

}  // namespace tenon::ir
