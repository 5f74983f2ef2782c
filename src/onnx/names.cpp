// What a model's graph says about its names, before any node is imported.
#include "onnx/names.h"

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
                   const Definitions& definitions, const std::string& file) {
  const auto definition = definitions.find(operand);
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
                   const std::string& file) {
  if (graph.outputs.empty()) fail(ErrorCode::bad_file, "{}: the graph has no outputs", file);
  std::set<std::string> seen;
  for (const wire::ValueInfo& output : graph.outputs) {
    if (!definitions.count(output.name))
      fail(ErrorCode::bad_file, "{}: graph output {} is never computed", file,
           base::quoted(output.name));
    if (!seen.insert(output.name).second)
      fail(ErrorCode::bad_file, "{}: graph output {} is there twice", file,
           base::quoted(output.name));
  }
}

// Finds the leaves whose elements are read while building. A walk from each operand that an import
// function reads, backward through what can be computed without a graph input's elements.
class ReadLeaves {
 public:
  explicit ReadLeaves(const wire::Graph& graph) : graph_(graph) {
    for (const wire::Tensor& initializer : graph.initializers) leaves_.insert(initializer.name);
    initializers_ = leaves_;
    for (const wire::Node& node : graph.nodes) study(node);
  }

  std::map<std::string, std::string> find() {
    for (const wire::Node& node : graph_.nodes) {
      const ImportEntry* entry =
          is_default_domain(node.domain) ? find_import(node.op_type) : nullptr;
      if (!entry) continue;
      for (size_t i = 0; i < node.inputs.size() && i < 32; ++i)
        if (entry->value_operands >> i & 1u) walk(node.inputs[i], reason(node, i));
    }
    return std::move(found_);
  }

 private:
  static std::string reason(const wire::Node& node, size_t operand) {
    return read_reason(fmt::format("{}, operand {}", label(node), operand));
  }

  bool foldable(const std::string& name) const {
    return name.empty() || leaves_.count(name) || producers_.count(name);
  }

  void study(const wire::Node& node) {
    const bool renames =
        node.op_type == "Identity" && !node.inputs.empty() && initializers_.count(node.inputs[0]);
    const bool leaf = renames || node.op_type == "Constant";
    bool computable = node.op_type == "Shape";
    if (!computable) {
      computable = true;
      for (const std::string& input : node.inputs) computable = computable && foldable(input);
    }
    for (const std::string& output : node.outputs) {
      if (renames) initializers_.insert(output);
      if (leaf)
        leaves_.insert(output);
      else if (computable)
        producers_[output] = &node;
    }
  }

  void walk(const std::string& start, const std::string& reason) {
    std::vector<std::string> open{start};
    while (!open.empty()) {
      const std::string name = std::move(open.back());
      open.pop_back();
      if (name.empty() || !visited_.insert(name).second) continue;
      if (leaves_.count(name)) {
        found_.emplace(name, reason);
      } else if (const auto producer = producers_.find(name);
                 producer != producers_.end() && producer->second->op_type != "Shape") {
        open.insert(open.end(), producer->second->inputs.begin(), producer->second->inputs.end());
      }
    }
  }

  const wire::Graph& graph_;
  std::set<std::string> leaves_, initializers_, visited_;
  // Of values that need no graph input's elements.
  std::map<std::string, const wire::Node*> producers_;
  std::map<std::string, std::string> found_;
};

}  // namespace

GraphNames study_names(const wire::Graph& graph, const std::string& file) {
  const Definitions definitions = definitions_of(graph, file);
  GraphNames names;
  names.leaves.consumers = wire::consumers_of(graph);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const wire::Node& node = graph.nodes[i];
    for (const std::string& name : node.inputs) {
      if (name.empty()) continue;
      check_operand(node, static_cast<int>(i), name, definitions, file);
      ++names.uses[name];
    }
  }
  check_outputs(graph, definitions, file);
  for (const wire::ValueInfo& output : graph.outputs) ++names.uses[output.name];
  names.leaves.read_while_building = ReadLeaves(graph).find();
  return names;
}

}  // namespace tenon::onnx
