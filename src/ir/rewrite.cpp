// Rebuilding graphs: rewrite, substitute, splice.
#include "ir/rewrite.h"

#include "base/error.h"
#include "base/text.h"

namespace tenon::ir {
namespace {

using Map = std::vector<ValueId>;  // by value of the source: its id in the result
using Bindings = std::map<std::string, Dim>;

ValueId& at(Map& map, ValueId id) { return map[static_cast<size_t>(id)]; }

std::vector<ValueId> remap(const std::vector<ValueId>& ids, Map& map) {
  std::vector<ValueId> result;
  for (const ValueId id : ids) result.push_back(id == absent ? absent : at(map, id));
  return result;
}

ValueId copy_leaf(GraphBuilder& out, const GraphValue& value, ValueType type) {
  switch (value.origin) {
    case Origin::input: return out.input(value.name, std::move(type));
    case Origin::weight: return out.weight(value.name, std::move(type));
    case Origin::constant: return out.constant(value.name, std::move(type), value.bytes);
    case Origin::slot: return out.slot(value.name, std::move(type));
    case Origin::node: break;
  }
  base::fail(ErrorCode::build, "internal: a node's output is copied as a leaf");
}

// Carries the model's name of a value over, unless the new one is no node's output or has a name.
void keep_name(GraphBuilder& out, const GraphValue& old, ValueId id) {
  const GraphValue& value = out.value(id);
  if (!old.name.empty() && value.origin == Origin::node && value.name.empty()) {
    out.name_value(id, old.name);
  }
}

void copy_node(GraphBuilder& out, const Graph& source, const Node& node, Op op, Map& map) {
  const auto ids = out.add_node(std::move(op), remap(node.inputs, map),
                                static_cast<int>(node.outputs.size()), node.name);
  for (size_t i = 0; i < ids.size(); ++i) {
    at(map, node.outputs[i]) = ids[i];
    keep_name(out, source.value(node.outputs[i]), ids[i]);
  }
}

void copy_outputs(GraphBuilder& out, const Graph& source, Map& map) {
  for (const Output& output : source.outputs()) out.output(output.name, at(map, output.value));
}

ValueType substitute_type(ValueType type, const Bindings& bindings) {
  if (type.dims) {
    for (Dim& dim : *type.dims) dim = dim.substitute(bindings);
  }
  return type;
}

void require(GraphBuilder& out, std::span<const Constraint> constraints, const Bindings& bindings) {
  for (Constraint constraint : constraints) {
    constraint.left = constraint.left.substitute(bindings);
    constraint.right = constraint.right.substitute(bindings);
    out.require({&constraint, 1});
  }
}

// New names of the symbols that the graph binds, where `out` has them already.
Bindings renamed_symbols(GraphBuilder& out, const Graph& graph) {
  Bindings renamed;
  for (const Node& node : graph.nodes()) {
    for (const std::string& symbol : node.op.bound_symbols()) {
      const std::string fresh = out.fresh_symbol(symbol);
      if (fresh != symbol) renamed.emplace(symbol, Dim::symbol(fresh));
    }
  }
  return renamed;
}

// A constant that a graph made for itself; its name means nothing outside.
bool unnamed(const GraphValue& value) {
  return value.origin == Origin::constant && value.bytes && value.name.size() > 1 &&
         value.name[0] == '#' && value.name.find_first_not_of("0123456789", 1) == std::string::npos;
}

}  // namespace

class Rewriter {
 public:
  Rewriter(const Graph& source, const Rewrite& rewrite)
      : source_(source),
        rewrite_(rewrite),
        uses_(source.use_counts()),
        map_(source.values().size(), absent) {}

  Graph run() {
    copy_leaves();
    for (const Node& node : source_.nodes()) {
      if (!offer(node)) copy_node(out_, source_, node, node.op, map_);
      for (const ValueId id : node.outputs) count_uses(id);
    }
    copy_outputs(out_, source_, map_);
    out_.require(source_.constraints());  // whatever becomes of the nodes that made them
    return out_.finish();
  }

 private:
  // All at once and first, so that unnamed constants of the rewrites get names of their own.
  void copy_leaves() {
    for (size_t i = 0; i < map_.size(); ++i) {
      const GraphValue& value = source_.values()[i];
      if (value.origin == Origin::node) continue;
      map_[i] = copy_leaf(out_, value, value.value.type);
      count_uses(static_cast<ValueId>(i));
    }
  }

  void count_uses(ValueId id) {
    const ValueId mapped = at(map_, id);
    out_.source_uses_[static_cast<size_t>(mapped)] += uses_[static_cast<size_t>(id)];
  }

  bool offer(const Node& node) {
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const bool used = uses_[static_cast<size_t>(node.outputs[i])] > 0;
      if (used != (i == 0)) return false;
    }
    Node remapped{node.op, remap(node.inputs, map_), node.outputs, node.name};
    const std::optional<ValueId> replacement = rewrite_(out_, remapped);
    if (!replacement) return false;
    const GraphValue& old = source_.value(node.outputs[0]);
    check_type(node, old.value.type, *replacement);
    // Outputs that nobody uses stand for the replacement too: no use of them will ask for their
    // type.
    for (const ValueId id : node.outputs) at(map_, id) = *replacement;
    name_producer(node, *replacement);
    keep_name(out_, old, *replacement);
    return true;
  }

  void check_type(const Node& node, const ValueType& old, ValueId id) const {
    const ValueType& type = out_.type(id);
    const bool same_rank = !old.dims || (type.dims && type.rank() == old.rank());
    if (type.dtype == old.dtype && same_rank) return;
    base::fail(ErrorCode::build, "internal: {} {}: a rewrite makes {} of {}", node.op.info().name,
               base::quoted(node.name), type.text(), old.text());
  }

  // A node that a rewrite has just made, and left without a name, is called like the one that it
  // replaces.
  void name_producer(const Node& node, ValueId id) {
    const GraphValue& value = out_.value(id);
    if (value.node < 0 || out_.source_uses_[static_cast<size_t>(id)] > 0) return;
    out_.name_if_nameless(value.node, node.name);
  }

  const Graph& source_;
  const Rewrite& rewrite_;
  GraphBuilder out_;
  std::vector<int> uses_;
  Map map_;
};

Graph rewrite(const Graph& graph, const Rewrite& rewrite) { return Rewriter(graph, rewrite).run(); }

Graph substitute(const Graph& graph, const std::map<std::string, Dim>& bindings) {
  GraphBuilder out;
  Map map(graph.values().size(), absent);
  for (size_t i = 0; i < map.size(); ++i) {
    const GraphValue& value = graph.values()[i];
    if (value.origin == Origin::node) continue;
    map[i] = copy_leaf(out, value, substitute_type(value.value.type, bindings));
  }
  for (const Node& node : graph.nodes()) {
    copy_node(out, graph, node, node.op.substitute(bindings), map);
  }
  copy_outputs(out, graph, map);
  require(out, graph.requirements(), bindings);
  return out.finish();
}

std::vector<ValueId> splice(GraphBuilder& out, const Graph& graph,
                            std::span<const ValueId> inputs) {
  if (inputs.size() != graph.inputs().size()) {
    base::fail(ErrorCode::build, "internal: a graph of {} inputs is given {}",
               graph.inputs().size(), inputs.size());
  }
  Map map(graph.values().size(), absent);
  for (size_t i = 0; i < inputs.size(); ++i) at(map, graph.inputs()[i]) = inputs[i];
  for (const ValueId id : graph.leaves()) {
    const GraphValue& value = graph.value(id);
    at(map, id) = unnamed(value)
                      ? out.constant(value.value.type.dtype, value.value.type.shape(), *value.bytes)
                      : copy_leaf(out, value, value.value.type);
  }
  const Bindings renamed = renamed_symbols(out, graph);
  for (const Node& node : graph.nodes()) {
    copy_node(out, graph, node, renamed.empty() ? node.op : node.op.substitute(renamed), map);
  }
  require(out, graph.requirements(), renamed);
  std::vector<ValueId> results;
  for (const Output& output : graph.outputs()) results.push_back(at(map, output.value));
  return results;
}

}  // namespace tenon::ir
