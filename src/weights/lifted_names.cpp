// What leaves of graphs in attributes are called.
#include "weights/lifted_names.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

namespace tenon::weights::wire {
namespace {

std::vector<std::string> leaf_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const Tensor& each : graph.initializers) names.push_back(each.name);
  for (const auto& [name, initializer] : renamed_initializers(graph)) names.push_back(name);
  for (const Node& node : graph.nodes) {
    const bool own = node.domain.empty() || node.domain == "ai.onnx";
    if (own && node.op_type == "Constant" && node.outputs.size() == 1)
      names.push_back(node.outputs[0]);
  }
  return names;
}

std::string called(const Node& node) {
  if (!node.name.empty()) return node.name;
  const auto output =
      std::ranges::find_if(node.outputs, [](const std::string& each) { return !each.empty(); });
  return output == node.outputs.end() ? node.op_type : *output;
}

// Calls `visit(body, path)` for each body, the outer before the inner.
template <class F>
void for_each_body(const Graph& graph, const std::string& path, F&& visit) {
  for (const Node& node : graph.nodes) {
    for (const Attribute& attribute : node.attributes) {
      if (!attribute.graph) continue;
      const std::string inside = fmt::format("{}{}/{}/", path, called(node), attribute.name);
      visit(*attribute.graph, inside);
      for_each_body(*attribute.graph, inside, visit);
    }
  }
}

}  // namespace

LiftedNames lifted_names(const Graph& model) {
  std::map<std::string, int> counts;
  const auto count = [&](const Graph& graph) {
    for (const std::string& name : leaf_names(graph)) ++counts[name];
  };
  count(model);
  for_each_body(model, "", [&](const Graph& body, const std::string&) { count(body); });
  std::set<std::string> taken;
  for (const auto& [name, uses] : counts) taken.insert(name);
  LiftedNames lifted;
  for_each_body(model, "", [&](const Graph& body, const std::string& path) {
    for (const std::string& name : leaf_names(body)) {
      std::string whole = counts[name] == 1 ? name : path + name;
      while (counts[name] != 1 && !taken.insert(whole).second) whole += "_";
      lifted[&body].emplace(name, std::move(whole));
    }
  });
  return lifted;
}

const std::string& whole_name(const LiftedNames& lifted, const Graph& graph,
                              const std::string& name) {
  const auto names = lifted.find(&graph);
  if (names == lifted.end()) return name;
  const auto whole = names->second.find(name);
  return whole == names->second.end() ? name : whole->second;
}

std::map<std::string, std::vector<base::Consumer>> consumers_of(const Graph& model,
                                                                const LiftedNames& lifted) {
  auto consumers = consumers_of(model);
  for (const auto& [body, names] : lifted) {
    const auto inside = consumers_of(*body);
    for (const auto& [name, whole] : names) {
      const auto readers = inside.find(name);
      if (readers != inside.end()) consumers[whole] = readers->second;
    }
  }
  return consumers;
}

}  // namespace tenon::weights::wire
