// The legal program: how its two graphs and its tables fit together.
#include "ir/program.h"

#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "ir/verify.h"

namespace tenon::ir {
namespace {

using base::quoted;
using LeafTable = std::map<std::string_view, const Leaf*>;
using Names = std::set<std::string_view>;

template <class... Args>
void require(bool rule, fmt::format_string<Args...> format, Args&&... args) {
  if (rule) return;
  base::throw_error(ErrorCode::build,
                    "internal: " + fmt::format(format, std::forward<Args>(args)...));
}

LeafTable leaf_table(const std::vector<Leaf>& leaves) {
  LeafTable table;
  for (const Leaf& leaf : leaves) {
    require(table.emplace(leaf.name, &leaf).second, "two leaves are named {}", quoted(leaf.name));
    require(leaf.type.is_static() && leaf.type.layout.plain(), "leaf {} is {}", quoted(leaf.name),
            leaf.type.text());
    require(leaf.refittable == leaf.reason.empty(), "leaf {} has {} reason", quoted(leaf.name),
            leaf.refittable ? "a" : "no");
  }
  return table;
}

Names aliases_of(const std::vector<Leaf>& leaves, const LeafTable& table) {
  Names aliases;
  for (const Leaf& leaf : leaves) {
    for (const std::string& alias : leaf.aliases)
      require(!table.contains(alias) && aliases.insert(alias).second, "two leaves are named {}",
              quoted(alias));
  }
  return aliases;
}

// Constants with their bytes in the graph need no row: passes make them.
void check_weights_leaves(const Graph& weights, const LeafTable& table, const Names& aliases) {
  require(weights.inputs().empty(), "the weights graph has inputs");
  require(count_nodes(weights) == weights.nodes().size(), "the weights graph has bodies");
  for (const ValueId id : weights.leaves()) {
    const GraphValue& value = weights.value(id);
    require(value.origin != Origin::slot, "the weights graph has slot {}", quoted(value.name));
    require(!aliases.contains(value.name), "two leaves are named {}", quoted(value.name));
    const auto row = table.find(value.name);
    if (row == table.end() && value.bytes) continue;
    require(row != table.end(), "leaf {} is not in the table", quoted(value.name));
    const Leaf& leaf = *row->second;
    require(leaf.type == value.value.type, "leaf {} is {} in the graph, {} in the table",
            quoted(leaf.name), value.value.type.text(), leaf.type.text());
    require(leaf.refittable == (value.origin == Origin::weight),
            "leaf {} is refittable in the graph or the table only", quoted(leaf.name));
  }
}

void check_slots(const Program& program) {
  std::map<std::string_view, const ValueType*> given;
  for (const Output& output : program.weights.outputs()) {
    given.emplace(output.name, &program.weights.type(output.value));
  }
  for (const GraphValue* leaf : all_leaves(program.main)) {
    const GraphValue& slot = *leaf;
    require(slot.origin == Origin::slot, "the main graph has leaf {}", quoted(slot.name));
    const auto found = given.find(slot.name);
    require(found != given.end(), "no output of the weights graph is slot {}", quoted(slot.name));
    require(*found->second == slot.value.type, "slot {} is {} in the main graph, {} is computed",
            quoted(slot.name), slot.value.type.text(), found->second->text());
    given.erase(found);
  }
  require(given.empty(), "the main graph has no slot {}",
          quoted(given.empty() ? "" : given.begin()->first));
}

// Layouts are a target's: lowering chooses them.
void check_plain(const Graph& graph) {
  for (const GraphValue& value : graph.values()) {
    const ValueType& type = value.value.type;
    require(type.layout.plain(), "a value is {}, and only plain layouts are portable", type.text());
  }
  for (const Node& node : graph.nodes()) {
    for (const Body& body : node.op.bodies()) check_plain(*body);
  }
}

void check_guards(const std::vector<Guard>& guards, const LeafTable& table) {
  for (const Guard& guard : guards) {
    const auto row = table.find(guard.weight);
    require(row != table.end(), "guard of {}, which is no leaf", quoted(guard.weight));
    require(guard.bytes.size() == row->second->type.bytes(), "guard of {} has {} bytes",
            quoted(guard.weight), guard.bytes.size());
  }
}

}  // namespace

void verify(const Program& program) {
  verify(program.main);
  verify(program.weights);
  check_plain(program.main);
  check_plain(program.weights);
  const LeafTable table = leaf_table(program.leaves);
  check_weights_leaves(program.weights, table, aliases_of(program.leaves, table));
  check_slots(program);
  check_guards(program.guards, table);
}

}  // namespace tenon::ir
