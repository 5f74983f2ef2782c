// Nodes of equal op and equal inputs are one. Leaves are never merged by value: a refit may part
// them.
#include <map>
#include <unordered_map>

#include "ir/ops/bind.h"
#include "ir/rewrite.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::Node;
using ir::ValueId;

// Finds the first of equal nodes by their hash.
class CommonNodes {
 public:
  ir::Replacement operator()(ir::GraphBuilder& out, const Node& node) {
    if (!node.op.info().pure) return std::nullopt;
    const uint64_t key = hash(node);
    for (auto [at, end] = known_.equal_range(key); at != end; ++at) {
      const Node& other = *out.producer(at->second);
      if (other.inputs == node.inputs && other.op == node.op &&
          other.outputs.size() == node.outputs.size()) {
        return other.outputs;
      }
    }
    const auto ids =
        out.add_node(node.op, node.inputs, static_cast<int>(node.outputs.size()), node.name);
    known_.emplace(key, ids[0]);
    return ids;
  }

 private:
  static uint64_t hash(const Node& node) {
    uint64_t hash = node.op.hash();
    for (const ValueId id : node.inputs) {
      hash = (hash ^ static_cast<uint64_t>(static_cast<uint32_t>(id))) * 0x9e3779b97f4a7c15u;
    }
    return hash;
  }

  std::unordered_multimap<uint64_t, ValueId> known_;
};

// Binds of one value find the same numbers: the symbols of the first stand for those of the others.
std::map<std::string, ir::Dim> equal_symbols(const ir::Graph& graph) {
  std::map<ValueId, const ir::Bind*> first;
  std::map<std::string, ir::Dim> equal;
  for (const Node& node : graph.nodes()) {
    const auto* bind = node.as<ir::Bind>();
    if (!bind) continue;
    const auto [known, fresh] = first.emplace(node.inputs[0], bind);
    if (fresh || bind->symbols == known->second->symbols) continue;
    for (size_t i = 0; i < bind->symbols.size(); ++i) {
      equal.emplace(bind->symbols[i], ir::Dim::symbol(known->second->symbols[i]));
    }
  }
  return equal;
}

}  // namespace

ir::Graph merge_common(const ir::Graph& graph, Door&) {
  ir::Graph merged = ir::rewrite(graph, CommonNodes());
  // Nodes whose extents have become equal may be equal now, and bind equal numbers.
  for (auto equal = equal_symbols(merged); !equal.empty(); equal = equal_symbols(merged)) {
    merged = ir::rewrite(ir::substitute(merged, equal), CommonNodes());
  }
  return merged;
}

}  // namespace tenon::passes
