// Calls become nodes: names are replaced, references to attributes too, until no call is left.
#include "weights/onnx_functions.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace tenon::weights::wire {
namespace {

constexpr size_t kMostNodes = size_t{1} << 20;
constexpr size_t kMostCharacters = size_t{256} << 20;  // of names, which grow with each call
constexpr size_t kDeepest = 64;

using Key = std::tuple<std::string, std::string, std::string>;  // domain, name, overload

Key key_of(const std::string& domain, const std::string& name, const std::string& overload) {
  return {domain == "ai.onnx" ? "" : domain, name, overload};
}

std::string text_of(const Function& function) {
  return base::quoted(function.domain + "." + function.name +
                      (function.overload.empty() ? "" : ":" + function.overload));
}

const Attribute* find(const std::vector<Attribute>& attributes, const std::string& name) {
  const auto found = std::ranges::find(attributes, name, &Attribute::name);
  return found == attributes.end() ? nullptr : &*found;
}

/// One call: what the names and the attributes of the function stand for in it.
class Call {
 public:
  Call(const Function& function, const Node& node, std::string prefix)
      : function_(function), node_(node), prefix_(std::move(prefix)) {
    for (size_t i = 0; i < function.outputs.size() && i < node.outputs.size(); ++i)
      if (!node.outputs[i].empty()) names_[function.outputs[i]] = node.outputs[i];
    for (size_t i = 0; i < function.inputs.size(); ++i)
      names_[function.inputs[i]] = i < node.inputs.size() ? node.inputs[i] : "";
  }

  std::vector<Node> nodes() const {
    const auto opsets = std::make_shared<const std::vector<Opset>>(function_.opsets);
    std::vector<Node> nodes;
    for (const Node& each : function_.nodes) {
      nodes.push_back(renamed(each));
      nodes.back().opsets = opsets;
    }
    // An input that is an output too has the name of what is given.
    for (size_t i = 0; i < function_.outputs.size() && i < node_.outputs.size(); ++i) {
      const std::string& name = function_.outputs[i];
      if (node_.outputs[i].empty() || std::ranges::count(function_.inputs, name) == 0) continue;
      nodes.push_back({.op_type = "Identity",
                       .inputs = {names_.at(name)},
                       .outputs = {node_.outputs[i]},
                       .opsets = opsets});
    }
    return nodes;
  }

 private:
  std::string renamed(const std::string& name) const {
    if (name.empty()) return name;
    const auto known = names_.find(name);
    return known == names_.end() ? prefix_ + "/" + name : known->second;
  }

  Node renamed(Node node) const {
    if (!node.name.empty()) node.name = prefix_ + "/" + node.name;
    for (std::string& name : node.inputs) name = renamed(name);
    for (std::string& name : node.outputs) name = renamed(name);
    std::vector<Attribute> attributes;
    for (const Attribute& each : node.attributes) {
      const Attribute* value = each.reference.empty() ? &each : referred(each.reference);
      if (!value) continue;  // the call leaves it out
      attributes.push_back(*value);
      attributes.back().name = each.name;
      if (each.graph && each.reference.empty())
        attributes.back().graph = std::make_shared<Graph>(renamed(*each.graph));
    }
    node.attributes = std::move(attributes);
    return node;
  }

  Graph renamed(Graph graph) const {
    for (Node& node : graph.nodes) node = renamed(std::move(node));
    for (Tensor& each : graph.initializers) each.name = renamed(each.name);
    for (std::string& each : graph.sparse_initializers) each = renamed(each);
    for (auto* values : {&graph.inputs, &graph.outputs, &graph.value_infos})
      for (ValueInfo& each : *values) each.name = renamed(each.name);
    return graph;
  }

  const Attribute* referred(const std::string& name) const {
    const Attribute* given = find(node_.attributes, name);
    return given ? given : find(function_.defaults, name);
  }

  const Function& function_;
  const Node& node_;
  std::string prefix_;
  std::map<std::string, std::string> names_;
};

class Inliner {
 public:
  Inliner(const Model& model, const Refusals& refusals, const std::string& file) : file_(file) {
    for (const auto& [index, refusal] : refusals)
      refusals_.emplace(&model.functions[index], refusal);
    for (const Function& each : model.functions) {
      const Key key = key_of(each.domain, each.name, each.overload);
      if (!functions_.emplace(key, &each).second) twice_.insert(key);
    }
  }

  /// Of functions that nothing calls.
  void tell_damaged() const {
    for (const auto& [function, refusal] : refusals_)
      base::log(LogLevel::warn, "{}: function {} is left out, for nothing calls it: {}", file_,
                text_of(*function), refusal.what());
  }

  void run(Graph& graph) { graph.nodes = expanded(std::move(graph.nodes)); }

 private:
  std::vector<Node> expanded(std::vector<Node> nodes) {
    std::vector<Node> result;
    for (Node& node : nodes) {
      for (Attribute& attribute : node.attributes)
        if (attribute.graph) run(*attribute.graph);
      const auto found = functions_.find(key_of(node.domain, node.op_type, node.overload));
      if (found == functions_.end()) {
        count(node);
        result.push_back(std::move(node));
        continue;
      }
      for (Node& each : call(*found->second, node)) result.push_back(std::move(each));
    }
    return result;
  }

  std::vector<Node> call(const Function& function, const Node& node) {
    if (const auto refusal = refusals_.find(&function); refusal != refusals_.end())
      throw Error(refusal->second);
    if (twice_.contains(key_of(function.domain, function.name, function.overload)))
      base::fail(ErrorCode::bad_file, "{}: function {} is there twice", file_, text_of(function));
    check(function, node);
    if (!under_way_.insert(&function).second)
      base::fail(ErrorCode::bad_file, "{}: function {} calls itself", file_, text_of(function));
    if (under_way_.size() > kDeepest)
      base::fail(ErrorCode::unsupported, "{}: functions call each other more than {} deep", file_,
                 kDeepest);
    count(node);
    std::vector<Node> nodes = expanded(Call(function, node, prefix_of(node)).nodes());
    under_way_.erase(&function);
    return nodes;
  }

  // A small file may stand for a model without end.
  void count(const Node& node) {
    for (const auto* names : {&node.inputs, &node.outputs})
      for (const std::string& name : *names) characters_ += name.size();
    if (++count_ > kMostNodes || characters_ > kMostCharacters)
      base::fail(ErrorCode::unsupported,
                 "{}: has more than {} nodes, or their names more than {} characters, those of "
                 "functions counted at each call",
                 file_, kMostNodes, kMostCharacters);
  }

  void check(const Function& function, const Node& node) const {
    if (node.inputs.size() > function.inputs.size() ||
        node.outputs.size() > function.outputs.size())
      base::fail(ErrorCode::bad_file,
                 "{}: function {} is called with {} inputs and {} outputs, and has {} and {}",
                 file_, text_of(function), node.inputs.size(), node.outputs.size(),
                 function.inputs.size(), function.outputs.size());
    for (const Attribute& each : node.attributes)
      if (std::ranges::count(function.attributes, each.name) == 0 &&
          !find(function.defaults, each.name))
        base::fail(ErrorCode::bad_file, "{}: function {} has no attribute {}", file_,
                   text_of(function), base::quoted(each.name));
    for (const std::string& name : function.attributes)
      if (!find(node.attributes, name) && is_needed(function, name))
        base::fail(ErrorCode::bad_file, "{}: function {} is called without its attribute {}", file_,
                   text_of(function), base::quoted(name));
  }

  // ONNX lets a node go without an attribute whose reference has no value; a Constant has nothing
  // else.
  static bool is_needed(const Function& function, const std::string& name) {
    return std::ranges::any_of(function.nodes, [&](const Node& node) {
      return node.op_type == "Constant" && !node.attributes.empty() &&
             node.attributes[0].reference == name;
    });
  }

  // The call's name, where no call before has it; what it makes is unique in any case.
  std::string prefix_of(const Node& node) {
    for (const std::string* name : {&node.name, node.outputs.empty() ? nullptr : &node.outputs[0]})
      if (name && !name->empty() && prefixes_.insert(*name).second) return *name;
    for (size_t i = 1;; ++i)
      if (const auto [name, fresh] = prefixes_.insert(node.op_type + "." + std::to_string(i));
          fresh)
        return *name;
  }

  const std::string& file_;
  std::map<Key, const Function*> functions_;
  std::map<const Function*, Error> refusals_;
  std::set<Key> twice_;
  std::set<const Function*> under_way_;
  std::set<std::string> prefixes_;
  size_t count_ = 0, characters_ = 0;
};

}  // namespace

void inline_functions(Model& model, const Refusals& refusals, const std::string& file) {
  if (model.functions.empty()) return;
  Inliner inliner(model, refusals, file);
  inliner.run(model.graph);
  inliner.tell_damaged();
}

}  // namespace tenon::weights::wire
