// Rebuilding graphs: rewrite, substitute, splice.
#include "ir/rewrite.h"

#include <algorithm>

#include "base/error.h"
#include "ir/copy.h"

namespace tenon::ir {
namespace {

using Bindings = std::map<std::string, Dim>;

class Substituter : public GraphCopier {
 public:
  Substituter(const Graph& source, GraphBuilder& out, const Bindings& bindings)
      : GraphCopier(source, out), bindings_(bindings) {}

 protected:
  ValueId missing(ValueId id) override {
    ValueType type = source().type(id);
    if (type.dims) {
      for (Dim& dim : *type.dims) dim = dim.substitute(bindings_);
    }
    return copy_leaf(id, std::move(type));
  }
  std::vector<ValueId> copies(const Node& node) override {
    if (bindings_.empty()) return GraphCopier::copies(node);
    return GraphCopier::copies(
        {node.op.substitute(bindings_), node.inputs, node.outputs, node.name});
  }
  Constraint requirement(const Constraint& each) override {
    return {each.kind, each.left.substitute(bindings_), each.right.substitute(bindings_),
            each.reason};
  }
  std::unique_ptr<GraphCopier> for_body(const Graph& body, GraphBuilder& out) override {
    return std::make_unique<Substituter>(body, out, bindings_);
  }

  const Bindings& bindings() const { return bindings_; }

 private:
  const Bindings& bindings_;
};

// A constant that a graph made for itself; its name means nothing outside.
bool unnamed(const GraphValue& value) {
  return value.origin == Origin::constant && value.bytes && value.name.size() > 1 &&
         value.name[0] == '#' && value.name.find_first_not_of("0123456789", 1) == std::string::npos;
}

// New names of the symbols that the graph binds, where `out` has them already.
Bindings renamed_symbols(GraphBuilder& out, const Graph& graph) {
  Bindings renamed;
  for (const std::string& symbol : bound_symbols(graph)) {
    const std::string fresh = out.fresh_symbol(symbol);
    if (fresh != symbol) renamed.emplace(symbol, Dim::symbol(fresh));
  }
  return renamed;
}

class Splicer : public Substituter {
 public:
  using Substituter::Substituter;

 private:
  std::unique_ptr<GraphCopier> for_body(const Graph& body, GraphBuilder& out) override {
    return std::make_unique<Splicer>(body, out, bindings());
  }
  ValueId missing(ValueId id) override {
    const GraphValue& value = source().value(id);
    if (!unnamed(value)) return Substituter::missing(id);
    return out().constant(value.value.type.dtype, value.value.type.shape(), *value.bytes);
  }
};

}  // namespace

class Rewriter : public GraphCopier {
 public:
  Rewriter(const Graph& source, GraphBuilder& out, const Rewrite& rewrite)
      : GraphCopier(source, out), fresh_(rewrite), rewrite_(rewrite), uses_(source.use_counts()) {}

 private:
  // Whatever becomes of the nodes that made them.
  void copy_requirements() override { out().require(source().constraints()); }

  std::unique_ptr<GraphCopier> for_body(const Graph& body, GraphBuilder& out) override {
    return std::make_unique<Rewriter>(body, out, fresh_);
  }

  ValueId missing(ValueId id) override {
    const ValueId copy = GraphCopier::missing(id);
    count_uses(id, copy);
    return copy;
  }

  std::vector<ValueId> copies(const Node& node) override {
    const bool used = std::ranges::any_of(node.outputs, [&](ValueId id) { return uses(id) > 0; });
    std::vector<ValueId> values = used ? rewrite_(out(), node).values : std::vector<ValueId>();
    if (values.empty()) {
      values = GraphCopier::copies(node);
    } else {
      check(node, values);
      for (const ValueId id : values) name_producer(node, id);
    }
    for (size_t i = 0; i < values.size(); ++i) count_uses(node.outputs[i], values[i]);
    return values;
  }

  int uses(ValueId id) const { return uses_[static_cast<size_t>(id)]; }
  void count_uses(ValueId id, ValueId copy) {
    if (copy != absent) out().source_uses_[static_cast<size_t>(copy)] += uses(id);
  }

  void check(const Node& node, const std::vector<ValueId>& values) {
    const std::string where = describe(node);
    if (values.size() != node.outputs.size()) {
      base::fail(ErrorCode::build, "internal: {}: a rewrite makes {} values of {} outputs", where,
                 values.size(), node.outputs.size());
    }
    for (size_t i = 0; i < values.size(); ++i) {
      if (uses(node.outputs[i]) == 0) continue;  // nothing will ask for its type
      const ValueType& old = source().type(node.outputs[i]);
      if (values[i] != absent && stands_for(out().type(values[i]), old)) continue;
      base::fail(ErrorCode::build, "internal: {}: a rewrite makes {} of {}", where,
                 values[i] == absent ? "nothing" : out().type(values[i]).text(), old.text());
    }
  }

  static bool stands_for(const ValueType& type, const ValueType& old) {
    return type.dtype == old.dtype && (!old.dims || (type.dims && type.rank() == old.rank()));
  }

  // A node that a rewrite has just made, and left without a name, is called like the one that it
  // replaces.
  void name_producer(const Node& node, ValueId id) {
    if (id == absent || out().source_uses_[static_cast<size_t>(id)] > 0) return;
    const GraphValue& value = out().value(id);
    if (value.node >= 0) out().name_if_nameless(value.node, node.name);
  }

  const Rewrite& fresh_;
  const Rewrite rewrite_;  // which may remember values of this graph
  std::vector<int> uses_;
};

Graph rewrite(const Graph& graph, const Rewrite& rewrite) {
  GraphBuilder out;
  out.reserve(graph);  // for constants and symbols that rewrites make
  Rewriter(graph, out, rewrite).run();
  return out.finish();
}

Graph substitute(const Graph& graph, const Bindings& bindings) {
  GraphBuilder out;
  Substituter(graph, out, bindings).run();
  return out.finish();
}

namespace {

std::vector<ValueId> copy_into(GraphCopier& copier, const Graph& graph,
                               std::span<const ValueId> inputs) {
  if (inputs.size() != graph.inputs().size()) {
    base::fail(ErrorCode::build, "internal: a graph of {} inputs is given {}",
               graph.inputs().size(), inputs.size());
  }
  for (size_t i = 0; i < inputs.size(); ++i) copier.set(graph.inputs()[i], inputs[i]);
  copier.copy_nodes();
  copier.copy_requirements();
  std::vector<ValueId> results;
  for (const Output& output : graph.outputs()) results.push_back(copier(output.value));
  return results;
}

}  // namespace

std::vector<ValueId> splice(GraphBuilder& out, const Graph& graph, std::span<const ValueId> inputs,
                            Bindings bindings) {
  bindings.merge(renamed_symbols(out, graph));
  Splicer splicer(graph, out, bindings);
  return copy_into(splicer, graph, inputs);
}

std::vector<ValueId> splice_body(GraphBuilder& out, const Graph& body,
                                 std::span<const ValueId> inputs) {
  GraphCopier copier(body, out);
  return copy_into(copier, body, inputs);
}

}  // namespace tenon::ir
