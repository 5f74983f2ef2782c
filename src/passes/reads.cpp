// Which leaves' elements are read while a graph is built: a walk against the arrows.
#include "passes/reads.h"

#include <algorithm>

#include "base/text.h"

namespace tenon::passes {
namespace {

using ir::Node;
using ir::Origin;
using ir::ValueId;

std::string describe(const Node& node) {
  const std::string op(node.op.info().name);
  return node.name.empty() ? op : op + " " + base::quoted(node.name);
}

bool is_leaf(const ir::GraphValue& value) {
  return value.origin == Origin::weight || value.origin == Origin::constant;
}

// By value: whether it depends on leaves only.
std::vector<bool> only_leaves(const ir::Graph& graph) {
  std::vector<bool> result;
  for (const ir::GraphValue& value : graph.values()) result.push_back(is_leaf(value));
  for (const Node& node : graph.nodes()) {
    const bool all = std::ranges::all_of(node.inputs, [&](ValueId id) {
      return id == ir::absent || result[static_cast<size_t>(id)];
    });
    for (const ValueId id : node.outputs) result[static_cast<size_t>(id)] = all;
  }
  return result;
}

}  // namespace

uint32_t value_operands(const ir::Op& op) { return op.info().value_operands; }

std::map<std::string, std::string> read_while_building(const ir::Graph& graph,
                                                       ValueOperands operands) {
  const std::vector<bool> leaves = only_leaves(graph);
  std::vector<std::string> readers(graph.values().size());  // "" where nothing reads the elements
  for (size_t i = graph.nodes().size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    std::string passed_on;
    for (const ValueId id : node.outputs) {
      if (leaves[static_cast<size_t>(id)]) passed_on = readers[static_cast<size_t>(id)];
      if (!passed_on.empty()) break;
    }
    const uint32_t read = operands(node.op);
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] == ir::absent) continue;
      std::string& reader = readers[static_cast<size_t>(node.inputs[k])];
      if (k < 32 && (read >> k & 1u)) reader = describe(node);
      if (reader.empty()) reader = passed_on;
    }
  }
  std::map<std::string, std::string> result;
  for (size_t i = 0; i < readers.size(); ++i) {
    const ir::GraphValue& value = graph.values()[i];
    if (is_leaf(value) && !readers[i].empty()) result.emplace(value.name, readers[i]);
  }
  return result;
}

}  // namespace tenon::passes
