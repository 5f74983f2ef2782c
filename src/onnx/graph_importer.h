// Imports one graph of a model, the outermost or one in an attribute.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "onnx/given.h"
#include "onnx/import_node.h"
#include "onnx/names.h"
#include "onnx/problems.h"

namespace tenon::onnx {

/// What all graphs of a model share while it is imported.
struct ModelState {
  std::string file;
  std::map<std::string, int64_t> opsets;  ///< by domain, "" for the default one
  LeafTable leaves;
  ModelNames names;
  GivenInitializers given;
  Problems problems = {};
  size_t nodes = 0;  ///< imported so far: the body of a loop may be imported more than once
};

/// Values of one graph by their names, in the order in which it is imported.
class GraphImporter {
 public:
  /// All must outlive the importer. `around` is the graph that this one is in an attribute of.
  GraphImporter(const wire::Graph& graph, ir::GraphBuilder& builder, ModelState& model,
                const GraphImporter* around = nullptr)
      : graph_(graph), state_{builder, model.leaves}, model_(model), around_(around) {}

  void import_leaves();
  void import_nodes();
  void define(const std::string& name, ir::ValueId id) { values_[name] = id; }
  bool defines(const std::string& name) const { return values_.contains(name); }
  /// The value of a name, made here of a leaf or known value of the graphs around; `absent` for
  /// what could not be imported.
  ir::ValueId value(const std::string& name);

  /// What a graph inside reads of this one as an operand: values of these names.
  std::vector<std::pair<std::string, ir::ValueId>> captures(const wire::Graph& inside) const;
  ModelState& model() const { return model_; }

 private:
  const ir::GraphValue* find(const std::string& name) const;
  int64_t version_of(const wire::Node& node) const;
  Node node_of(const wire::Node& node);
  AttributeValue value_of(const wire::Attribute& attribute);
  void import(const wire::Node& node);
  std::optional<std::vector<ir::ValueId>> operands(const wire::Node& node);
  const std::string& whole_name(const std::string& name) const;
  void add_initializer(const std::string& name, const ir::ValueType& type,
                       const std::optional<weights::TensorSource>& source);
  /// Texts are no leaf: the graph holds them.
  void add_texts(const wire::Tensor& initializer);
  bool renames_initializer(const wire::Node& node) const;
  void add_second_name(const wire::Node& node);
  bool is_unneeded(const void* thing) const { return model_.names.unneeded.contains(thing); }
  /// A problem of the model, or a line of the log where no output needs the node or initializer.
  void report(const void* thing, const std::string& what, const wire::Node* node = nullptr);

  const wire::Graph& graph_;
  ImportState state_;
  ModelState& model_;
  const GraphImporter* around_;
  std::set<std::string> initializers_;
  std::map<std::string, ir::ValueId> values_;  // `absent` for what could not be imported
};

}  // namespace tenon::onnx
