// Which leaves may be refitted: the policy, against what building reads.
#include <fnmatch.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "ir/copy.h"
#include "passes/pass.h"

namespace tenon::passes {
namespace {

using base::quoted;
using ir::Leaf;
using ir::Origin;
using ir::ValueId;
using Kind = RefitPolicy::Kind;

// What an importer says of a leaf whose elements it has read begins so.
bool is_read(const Leaf& leaf) { return leaf.reason.starts_with(ir::read_while_building_reason); }

// Leaves that are constants in the graph are frozen to begin with, and say why.
void settle_defaults(ir::Network& network) {
  std::map<std::string, Origin> origins;
  for (const ir::GraphValue* leaf : ir::all_leaves(network.graph)) {
    origins.emplace(leaf->name, leaf->origin);
  }
  for (Leaf& leaf : network.leaves) {
    const auto origin = origins.find(leaf.name);
    if (origin != origins.end() && origin->second == Origin::constant) leaf.refittable = false;
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

// A name that is no leaf's may be a glob: it stands for the weights that it matches.
std::set<std::string> matched(const std::vector<Leaf>& leaves, const std::set<std::string>& names) {
  std::set<std::string> result;
  for (const std::string& name : names) {
    const size_t before = result.size();
    if (std::ranges::find(leaves, name, &Leaf::name) == leaves.end()) {
      for (const Leaf& leaf : leaves) {
        if (leaf.refittable && ::fnmatch(name.c_str(), leaf.name.c_str(), 0) == 0)
          result.insert(leaf.name);
      }
    }
    if (result.size() == before) result.insert(name);
  }
  return result;
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

void apply_policy(const RefitPolicy& policy, std::vector<Leaf>& leaves) {
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

// A frozen leaf that the model copies from a refittable one follows it.
void follow_copied(std::vector<Leaf>& leaves) {
  std::map<std::string, const Leaf*> by_name;
  for (const Leaf& leaf : leaves) by_name.emplace(leaf.name, &leaf);
  std::map<std::string, std::string> followed;
  for (const Leaf& leaf : leaves) {
    const Leaf* first = &leaf;
    while (!first->refittable && !first->copies.empty()) first = by_name.at(first->copies);
    if (first != &leaf && first->refittable && !is_read(leaf))
      followed.emplace(leaf.name, first->name);
  }
  for (Leaf& leaf : leaves) {
    const auto found = followed.find(leaf.name);
    leaf.copies = found == followed.end() ? "" : found->second;
    if (found != followed.end())
      leaf.reason =
          fmt::format("the model copies it from {}, which is refitted", quoted(leaf.copies));
  }
}

// Makes each leaf a weight or a constant, as its row says; leaves without a row stay what they are.
class Refreezer : public ir::GraphCopier {
 public:
  using Refittable = std::map<std::string, const Leaf*>;

  Refreezer(const ir::Graph& source, ir::GraphBuilder& out, const Refittable& refittable)
      : GraphCopier(source, out), refittable_(refittable) {}

 private:
  ValueId missing(ValueId id) override {
    const ir::GraphValue& value = source().value(id);
    const auto row = refittable_.find(value.name);
    if (value.origin == Origin::input || row == refittable_.end()) return GraphCopier::missing(id);
    const ir::ValueType& type = value.value.type;
    if (row->second->refittable) return out().weight(value.name, type);
    if (!row->second->copies.empty()) return out().weight(row->second->copies, type);
    return out().constant(value.name, type, value.bytes);
  }

  std::unique_ptr<GraphCopier> for_body(const ir::Graph& body, ir::GraphBuilder& out) override {
    return std::make_unique<Refreezer>(body, out, refittable_);
  }

  const Refittable& refittable_;
};

ir::Graph refrozen(const ir::Network& network) {
  Refreezer::Refittable refittable;
  for (const Leaf& leaf : network.leaves) refittable.emplace(leaf.name, &leaf);
  ir::GraphBuilder out;
  Refreezer(network.graph, out, refittable).run();
  return out.finish();
}

}  // namespace

ir::Network freeze(ir::Network network, RefitPolicy policy) {
  settle_defaults(network);
  policy.names = matched(network.leaves, policy.names);
  if (policy.kind == Kind::names) check_names(network.leaves, policy.names);
  apply_policy(policy, network.leaves);
  follow_copied(network.leaves);
  network.graph = refrozen(network);
  return network;
}

}  // namespace tenon::passes
