// What a model's graph says about its names, before any node is imported.
#include "onnx/names.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "onnx/import_table.h"
#include "onnx/node.h"

namespace tenon::onnx {
namespace {

using base::fail;

constexpr int before_all_nodes = -1;

// Where each name is defined: the index of its node, or before_all_nodes.
using Definitions = std::map<std::string, int>;

void define(Definitions& definitions, const std::string& name, int node, const std::string& file) {
  if (!definitions.emplace(name, node).second)
    fail(ErrorCode::bad_file, "{}: {} is defined twice", file, base::quoted(name));
}

Definitions definitions_of(const wire::Graph& graph, const std::string& file) {
  Definitions definitions;
  const auto define_initializer = [&](const std::string& name) {
    if (name.empty()) fail(ErrorCode::bad_file, "{}: an initializer has no name", file);
    define(definitions, name, before_all_nodes, file);
  };
  for (const wire::Tensor& initializer : graph.initializers) define_initializer(initializer.name);
  for (const std::string& name : graph.sparse_initializers) define_initializer(name);
  const Definitions initializers = definitions;
  std::set<std::string> inputs;
  for (const wire::ValueInfo& input : graph.inputs) {
    if (input.name.empty()) fail(ErrorCode::bad_file, "{}: a graph input has no name", file);
    if (!inputs.insert(input.name).second)
      fail(ErrorCode::bad_file, "{}: graph input {} is there twice", file,
           base::quoted(input.name));
    if (!initializers.count(input.name)) define(definitions, input.name, before_all_nodes, file);
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (const std::string& output : graph.nodes[i].outputs)
      if (!output.empty()) define(definitions, output, static_cast<int>(i), file);
  return definitions;
}

void check_operand(const wire::Node& node, int index, const std::string& operand,
                   const Definitions& definitions, const std::set<std::string>& around,
                   const std::string& file) {
  const auto definition = definitions.find(operand);
  if (definition == definitions.end() && around.contains(operand)) return;
  if (definition == definitions.end())
    fail(ErrorCode::bad_file,
         "{}: {} reads {}, which is no graph input, initializer or output of a node", file,
         label(node), base::quoted(operand));
  if (definition->second >= index)
    fail(ErrorCode::bad_file,
         "{}: {} reads {} before it is computed; sort the nodes so that each follows what it reads",
         file, label(node), base::quoted(operand));
}

void check_outputs(const wire::Graph& graph, const Definitions& definitions,
                   const std::set<std::string>& around, const std::string& file) {
  if (graph.outputs.empty()) fail(ErrorCode::bad_file, "{}: the graph has no outputs", file);
  for (const wire::ValueInfo& output : graph.outputs) {
    if (!definitions.count(output.name) && !around.contains(output.name))
      fail(ErrorCode::bad_file, "{}: graph output {} is never computed", file,
           base::quoted(output.name));
  }
}

// Calls `visit` for each graph in an attribute of a node.
template <class F>
void for_each_body(const wire::Node& node, F&& visit) {
  for (const wire::Attribute& attribute : node.attributes)
    if (attribute.graph) visit(*attribute.graph);
}

// `around`: names of the graphs around that are computed before it.
void check_graph(const wire::Graph& graph, const std::set<std::string>& around,
                 const std::string& file, std::map<std::string, bool>& uses) {
  const Definitions definitions = definitions_of(graph, file);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const wire::Node& node = graph.nodes[i];
    for (const std::string& name : node.inputs) {
      if (name.empty()) continue;
      check_operand(node, static_cast<int>(i), name, definitions, around, file);
      uses[name] = true;
    }
    for_each_body(node, [&](const wire::Graph& body) {
      std::set<std::string> seen = around;
      for (const auto& [name, index] : definitions)
        if (index < static_cast<int>(i)) seen.insert(name);
      check_graph(body, seen, file, uses);
    });
  }
  check_outputs(graph, definitions, around, file);
  for (const wire::ValueInfo& output : graph.outputs) uses.emplace(output.name, false);
}

// Finds the leaves whose elements are read while building. A walk from each operand that an import
// function reads, backward through what can be computed without a graph input's elements.
class ReadLeaves {
 public:
  ReadLeaves(const wire::Graph& graph, const wire::LiftedNames& lifted,
             std::map<std::string, std::string>& found, const ReadLeaves* around = nullptr)
      : graph_(graph), lifted_(lifted), found_(found), around_(around) {
    for (const wire::Tensor& initializer : graph.initializers) leaves_.insert(initializer.name);
    initializers_ = leaves_;
    for (const wire::ValueInfo& input : graph.inputs)
      if (around) runs_.insert(input.name);
    for (const wire::Node& node : graph.nodes) study(node);
  }

  void run() const {
    for (const wire::Node& node : graph_.nodes) {
      for_each_body(
          node, [&](const wire::Graph& body) { ReadLeaves(body, lifted_, found_, this).run(); });
      const ImportEntry* entry = find_import(full_op_type(node));
      if (!entry) continue;
      for (size_t i = 0; i < node.inputs.size() && i < 32; ++i)
        if (entry->value_operands >> i & 1u) walk(node.inputs[i], reason(node, i));
    }
  }

 private:
  static std::string reason(const wire::Node& node, size_t operand) {
    return read_reason(fmt::format("{}, operand {}", label(node), operand));
  }

  bool foldable(const std::string& name) const {
    if (name.empty() || leaves_.count(name) || producers_.count(name)) return true;
    return around_ && !runs_.count(name) && around_->foldable(name);
  }

  void study(const wire::Node& node) {
    const bool renames =
        node.op_type == "Identity" && !node.inputs.empty() && initializers_.count(node.inputs[0]);
    const bool leaf = renames || node.op_type == "Constant";
    bool computable = node.op_type == "Shape";
    if (!computable) {
      computable = true;
      for (const std::string& input : node.inputs) computable = computable && foldable(input);
      for_each_body(node, [&](const wire::Graph&) { computable = false; });
    }
    for (const std::string& output : node.outputs) {
      if (renames) initializers_.insert(output);
      if (leaf)
        leaves_.insert(output);
      else if (computable)
        producers_[output] = &node;
      else
        runs_.insert(output);
    }
  }

  void walk(const std::string& start, const std::string& reason) const {
    std::vector<std::string> open{start};
    while (!open.empty()) {
      const std::string name = std::move(open.back());
      open.pop_back();
      if (name.empty() || !visited_.insert(name).second || runs_.count(name)) continue;
      if (leaves_.count(name)) {
        found_.emplace(whole_name(name), reason);
      } else if (const auto producer = producers_.find(name); producer != producers_.end()) {
        if (producer->second->op_type == "Shape") continue;
        open.insert(open.end(), producer->second->inputs.begin(), producer->second->inputs.end());
      } else if (around_) {
        around_->walk(name, reason);
      }
    }
  }

  const std::string& whole_name(const std::string& name) const {
    return wire::whole_name(lifted_, graph_, name);
  }

  const wire::Graph& graph_;
  const wire::LiftedNames& lifted_;
  std::map<std::string, std::string>& found_;
  const ReadLeaves* around_;
  std::set<std::string> leaves_, initializers_;
  std::set<std::string> runs_;  // known in a run only
  mutable std::set<std::string> visited_;
  // Of values that need no graph input's elements.
  std::map<std::string, const wire::Node*> producers_;
};

void add_free_names(const wire::Graph& graph, std::set<std::string> here,
                    std::set<std::string>& seen, std::vector<std::string>& names) {
  const auto read = [&](const std::string& name) {
    if (!name.empty() && !here.contains(name) && seen.insert(name).second) names.push_back(name);
  };
  for (const wire::ValueInfo& input : graph.inputs) here.insert(input.name);
  for (const wire::Tensor& initializer : graph.initializers) here.insert(initializer.name);
  for (const std::string& name : graph.sparse_initializers) here.insert(name);
  for (const wire::Node& node : graph.nodes) {
    for (const std::string& name : node.inputs) read(name);
    for_each_body(node, [&](const wire::Graph& body) { add_free_names(body, here, seen, names); });
    here.insert(node.outputs.begin(), node.outputs.end());
  }
  for (const wire::ValueInfo& output : graph.outputs) read(output.name);
}

void add_all(const wire::Node& node, std::set<const void*>& unneeded) {
  unneeded.insert(&node);
  for_each_body(node, [&](const wire::Graph& body) {
    for (const wire::Tensor& initializer : body.initializers) unneeded.insert(&initializer);
    for (const std::string& sparse : body.sparse_initializers) unneeded.insert(&sparse);
    for (const wire::Node& inner : body.nodes) add_all(inner, unneeded);
  });
}

// Backward from the outputs; nodes are sorted.
std::set<const void*> unneeded_of(const wire::Graph& graph) {
  std::set<std::string> needed;
  for (const wire::ValueInfo& output : graph.outputs) needed.insert(output.name);
  const auto is_needed = [&](const std::string& name) {
    return !name.empty() && needed.contains(name);
  };
  std::set<const void*> unneeded;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const wire::Node& node = graph.nodes[i];
    if (std::ranges::none_of(node.outputs, is_needed)) {
      add_all(node, unneeded);
      continue;
    }
    needed.insert(node.inputs.begin(), node.inputs.end());
    for_each_body(node, [&](const wire::Graph& body) {
      for (const std::string& name : free_names(body)) needed.insert(name);
    });
  }
  for (const wire::Tensor& initializer : graph.initializers)
    if (!is_needed(initializer.name)) unneeded.insert(&initializer);
  for (const std::string& sparse : graph.sparse_initializers)
    if (!is_needed(sparse)) unneeded.insert(&sparse);
  return unneeded;
}

}  // namespace

std::vector<std::string> free_names(const wire::Graph& graph) {
  std::set<std::string> seen;
  std::vector<std::string> names;
  add_free_names(graph, {}, seen, names);
  return names;
}

ModelNames study_names(const wire::Graph& model, const std::string& file) {
  ModelNames names;
  check_graph(model, {}, file, names.uses);
  names.lifted = wire::lifted_names(model);
  names.leaves.consumers = wire::consumers_of(model, names.lifted);
  names.unneeded = unneeded_of(model);
  ReadLeaves(model, names.lifted, names.leaves.read_while_building).run();
  return names;
}

}  // namespace tenon::onnx
