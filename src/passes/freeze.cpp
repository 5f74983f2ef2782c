// Which leaves may be refitted: the policy, against what building reads.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "passes/pass.h"
#include "passes/reads.h"

namespace tenon::passes {
namespace {

using base::quoted;
using ir::GraphBuilder;
using ir::Leaf;
using ir::Origin;
using ir::ValueId;
using Kind = RefitPolicy::Kind;

// What an importer says of a leaf whose elements it has read itself begins so, too.
bool is_read(const Leaf& leaf) { return leaf.reason.starts_with(ir::read_while_building_reason); }

// Leaves that are constants in the graph, or read while building, are frozen to begin with, and say
// why.
void settle_defaults(ir::Network& network) {
  std::map<std::string, Origin> origins;
  for (const ValueId id : network.graph.leaves()) {
    origins.emplace(network.graph.value(id).name, network.graph.value(id).origin);
  }
  const auto readers = read_while_building(network.graph);
  for (Leaf& leaf : network.leaves) {
    const auto origin = origins.find(leaf.name);
    if (origin != origins.end() && origin->second == Origin::constant) leaf.refittable = false;
    if (const auto reader = readers.find(leaf.name); reader != readers.end()) {
      leaf.refittable = false;
      if (!is_read(leaf))
        leaf.reason = fmt::format("{} ({})", ir::read_while_building_reason, reader->second);
    }
    if (leaf.refittable || !leaf.reason.empty()) continue;
    const DType dtype = leaf.type.dtype;
    const std::string_view kind = is_floating(dtype)      ? "a constant of the model"
                                  : dtype == DType::bool_ ? "a bool"
                                                          : "an integer";
    leaf.reason = is_integer(dtype)
                      ? fmt::format("{} ({}): frozen unless named", kind, to_string(dtype))
                      : fmt::format("{}: frozen unless named", kind);
  }
}

[[noreturn]] void fail_unknown(const std::string& name, const std::vector<Leaf>& leaves) {
  std::vector<std::string> known;
  for (const Leaf& leaf : leaves) known.push_back(leaf.name);
  const std::string nearest = base::nearest(name, known);
  base::fail(ErrorCode::build, "refit: {} is no weight or constant of this model{}", quoted(name),
             nearest.empty() ? "" : "; the nearest is " + quoted(nearest));
}

// Every name is a leaf's, and of a leaf that nothing reads while building.
void check_names(const std::vector<Leaf>& leaves, const std::set<std::string>& names) {
  std::vector<std::string> problems;
  for (const std::string& name : names) {
    const auto leaf = std::ranges::find(leaves, name, &Leaf::name);
    if (leaf == leaves.end()) fail_unknown(name, leaves);
    if (is_read(*leaf)) problems.push_back(quoted(name) + ", " + leaf->reason);
  }
  if (problems.empty()) return;
  base::fail(ErrorCode::build, "refit: these cannot be refitted, leave them out of the names: {}",
             base::join(problems, "; "));
}

void apply(const RefitPolicy& policy, std::vector<Leaf>& leaves) {
  for (Leaf& leaf : leaves) {
    if (policy.kind == Kind::names && policy.names.contains(leaf.name)) {
      leaf.refittable = true;
      leaf.reason.clear();
    } else if (policy.kind != Kind::all && leaf.refittable) {
      leaf.refittable = false;
      leaf.reason = policy.kind == Kind::none ? "refit=\"none\"" : "not named in refit";
    }
  }
}

// The graph with each leaf a weight or a constant, as its row says; leaves without a row stay what
// they are.
class Refreezer {
 public:
  explicit Refreezer(const ir::Network& network) : graph_(network.graph) {
    for (const Leaf& leaf : network.leaves) refittable_.emplace(leaf.name, leaf.refittable);
  }

  ir::Graph run() {
    std::vector<ValueId> ids;
    for (const ir::GraphValue& value : graph_.values()) ids.push_back(copy(value));
    const auto map = [&](ValueId id) {
      return id == ir::absent ? id : ids[static_cast<size_t>(id)];
    };
    for (const ir::Node& node : graph_.nodes()) {
      std::vector<ValueId> inputs;
      std::ranges::transform(node.inputs, std::back_inserter(inputs), map);
      const auto made = out_.add_node(node.op, std::move(inputs),
                                      static_cast<int>(node.outputs.size()), node.name);
      for (size_t i = 0; i < made.size(); ++i) {
        ids[static_cast<size_t>(node.outputs[i])] = made[i];
        const std::string& name = graph_.value(node.outputs[i]).name;
        if (!name.empty()) out_.name_value(made[i], name);
      }
    }
    for (const ir::Output& output : graph_.outputs()) out_.output(output.name, map(output.value));
    out_.require(graph_.requirements());
    return out_.finish();
  }

 private:
  ValueId copy(const ir::GraphValue& value) {
    const ir::ValueType& type = value.value.type;
    if (value.origin == Origin::node) return ir::absent;
    if (value.origin == Origin::input) return out_.input(value.name, type);
    const auto row = refittable_.find(value.name);
    const bool weight = row == refittable_.end() ? value.origin == Origin::weight : row->second;
    return weight ? out_.weight(value.name, type) : out_.constant(value.name, type, value.bytes);
  }

  const ir::Graph& graph_;
  GraphBuilder out_;
  std::map<std::string, bool> refittable_;
};

}  // namespace

ir::Network freeze(ir::Network network, const RefitPolicy& policy) {
  settle_defaults(network);
  if (policy.kind == Kind::names) check_names(network.leaves, policy.names);
  apply(policy, network.leaves);
  network.graph = Refreezer(network).run();
  return network;
}

}  // namespace tenon::passes
