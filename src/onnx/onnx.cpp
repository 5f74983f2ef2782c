// Imports a model: leaves and inputs first, then node by node, then outputs.
#include "onnx/onnx.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "onnx/import_node.h"
#include "onnx/problems.h"
#include "onnx/symbols.h"

namespace tenon::onnx {
namespace {

using base::fail;

int64_t default_opset(const wire::Model& model, const std::string& file) {
  std::optional<int64_t> opset;
  for (const wire::Opset& each : model.opsets) {
    if (!is_default_domain(each.domain)) continue;
    if (opset && *opset != each.version)
      fail(ErrorCode::bad_file, "{}: the default opset is given as {} and {}", file, *opset,
           each.version);
    opset = each.version;
  }
  if (!opset) fail(ErrorCode::bad_file, "{}: the model imports no default opset", file);
  if (*opset < oldest_opset || *opset > newest_opset)
    fail(ErrorCode::unsupported, "{}: opset {} is outside {} to {}; convert the model", file,
         *opset, oldest_opset, newest_opset);
  return *opset;
}

// The attribute's value by its type, which says what is set.
AttributeValue value_of(const wire::Attribute& attribute) {
  switch (attribute.type) {
    case wire::kFloat: return attribute.f;
    case wire::kInt: return attribute.i;
    case wire::kString: return attribute.s;
    case wire::kTensor:
      if (!attribute.tensor) return {};
      return TensorValue{attribute.tensor->source,
                         wire::data_type_name(attribute.tensor->data_type)};
    case wire::kFloats: return attribute.floats;
    case wire::kInts: return attribute.ints;
    case wire::kStrings: return attribute.strings;
    default: return {};
  }
}

Node node_of(const wire::Node& node, int64_t opset, const GraphNames& names) {
  Node result{.op_type = node.op_type,
              .domain = node.domain,
              .name = node.name,
              .version = opset,
              .inputs = node.inputs,
              .outputs = node.outputs};
  for (const std::string& output : node.outputs)
    result.wanted.push_back(!output.empty() && names.uses.count(output) > 0);
  for (const wire::Attribute& attribute : node.attributes)
    result.attributes.push_back({attribute.name, value_of(attribute)});
  return result;
}

class Importer {
 public:
  Importer(const wire::Model& model, const std::string& file)
      : model_(model),
        graph_(model.graph),
        file_(file),
        opset_(default_opset(model, file)),
        names_(study_names(graph_, file)),
        symbols_(graph_),
        draft_{{}, LeafTable(std::move(names_.leaves))} {}

  Draft run() {
    import_model_features();
    for (const wire::Tensor& initializer : graph_.initializers) import_initializer(initializer);
    for (const std::string& name : graph_.sparse_initializers) {
      problems_.add("sparse initializer " + base::quoted(name));
      values_[name] = ir::absent;
    }
    for (const wire::ValueInfo& input : graph_.inputs) {
      if (const auto leaf = values_.find(input.name); leaf == values_.end())
        values_[input.name] = import_input(input);
      else if (leaf->second != ir::absent)
        check_declared(input, draft_.builder.type(leaf->second));
    }
    import_nodes();
    if (!problems_.empty()) problems_.report();
    for (const wire::ValueInfo& output : graph_.outputs) import_output(output);
    return std::move(draft_);
  }

 private:
  void import_model_features() {
    if (model_.has_functions) problems_.add("functions of the model's own");
  }

  void import_initializer(const wire::Tensor& initializer) {
    if (initializer.source) return add_initializer(initializer.name, *initializer.source);
    problems_.add(fmt::format("initializer {} of type {}", base::quoted(initializer.name),
                              wire::data_type_name(initializer.data_type)));
    values_[initializer.name] = ir::absent;
  }

  void add_initializer(const std::string& name, const weights::TensorSource& source) {
    values_[name] = draft_.leaves.add_initializer(draft_.builder, name, source);
    initializers_.insert(name);
  }

  // Exporters merge initializers that happen to be equal and write an Identity for each lost name:
  // that name is a leaf of its own again.
  bool renames_initializer(const Node& node) const {
    return node.op_type == "Identity" && node.inputs.size() == 1 && node.outputs.size() == 1 &&
           !node.outputs[0].empty() && node.attributes.empty() &&
           initializers_.contains(node.inputs[0]);
  }

  ir::Dim import_dim(const wire::ValueInfo& input, size_t axis) {
    const auto& value = (*input.shape)[axis].value;
    const auto* parameter = std::get_if<std::string>(&value);
    if (parameter && !parameter->empty()) return symbols_.named(*parameter);
    const auto* extent = std::get_if<int64_t>(&value);
    if (!extent || *extent == -1) return symbols_.fresh(input.name, axis);  // -1: old exporters
    if (*extent < 0)
      fail(ErrorCode::bad_file, "{}: graph input {} has an extent of {}", file_,
           base::quoted(input.name), *extent);
    return *extent;
  }

  ir::ValueId import_input(const wire::ValueInfo& input) {
    const auto dtype = wire::dtype_of(input.elem_type);
    if (!dtype || !input.shape) {
      const std::string name = base::quoted(input.name);
      problems_.add(
          input.elem_type == 0 ? fmt::format("input {}, which is no tensor", name)
          : !dtype ? fmt::format("input {} of type {}", name, wire::data_type_name(input.elem_type))
                   : fmt::format("input {} of unknown rank", name));
      return ir::absent;
    }
    ir::Dims dims;
    for (size_t axis = 0; axis < input.shape->size(); ++axis)
      dims.push_back(import_dim(input, axis));
    return draft_.builder.input(input.name, {*dtype, std::move(dims)});
  }

  // Older models list their initializers among the inputs too.
  void check_declared(const wire::ValueInfo& input, const ir::ValueType& leaf) const {
    bool fits = input.elem_type == 0 || wire::dtype_of(input.elem_type) == leaf.dtype;
    const size_t rank = leaf.dims->size();
    if (fits && input.shape) fits = input.shape->size() == rank;
    for (size_t axis = 0; fits && input.shape && axis < rank; ++axis) {
      const auto* extent = std::get_if<int64_t>(&(*input.shape)[axis].value);
      fits = !extent || *extent == -1 || (*leaf.dims)[axis] == ir::Dim(*extent);
    }
    if (!fits)
      fail(ErrorCode::bad_file, "{}: input {} is not declared as its initializer is, {}{}", file_,
           base::quoted(input.name), to_string(leaf.dtype), ir::text(*leaf.dims));
  }

  // What infer() refuses is told only when nothing is unsupported: a model that needs more than we
  // have is that first.
  void import_nodes() {
    std::vector<Node> nodes;
    for (const wire::Node& node : graph_.nodes) nodes.push_back(node_of(node, opset_, names_));
    for (const Node& node : nodes)
      if (!find_import(node)) problems_.add_op(node);
    try {
      for (const Node& node : nodes) import(node);
    } catch (const Error&) {
      if (!problems_.empty()) problems_.report();
      throw;
    }
  }

  // A node that cannot be imported, or that reads what one would have made, has outputs without a
  // value; so the nodes after it are still looked at.
  void import(const Node& node) {
    for (const std::string& output : node.outputs) values_[output] = ir::absent;
    const auto inputs = operands(node);
    if (!inputs || !find_import(node)) return;
    if (renames_initializer(node))
      return add_initializer(node.outputs[0], draft_.leaves.sources().at(node.inputs[0]));
    try {
      const Outputs outputs = import_node(node, state_, *inputs);
      for (size_t i = 0; i < std::min(outputs.size(), node.outputs.size()); ++i)
        if (!node.outputs[i].empty()) values_[node.outputs[i]] = outputs[i];
    } catch (const Unsupported& unsupported) {
      problems_.add(unsupported.what);
    }
  }

  std::optional<std::vector<ir::ValueId>> operands(const Node& node) const {
    std::vector<ir::ValueId> ids;
    for (const std::string& name : node.inputs) {
      ids.push_back(name.empty() ? ir::absent : values_.at(name));
      if (!name.empty() && ids.back() == ir::absent) return std::nullopt;
    }
    return ids;
  }

  void import_output(const wire::ValueInfo& output) {
    const ir::ValueId id = values_.at(output.name);
    const DType dtype = draft_.builder.type(id).dtype;
    if (output.elem_type != 0 && wire::dtype_of(output.elem_type) != dtype)
      fail(ErrorCode::bad_file, "{}: graph output {} is declared {} and computed as {}", file_,
           base::quoted(output.name), wire::data_type_name(output.elem_type), to_string(dtype));
    draft_.builder.output(output.name, id);
  }

  const wire::Model& model_;
  const wire::Graph& graph_;
  const std::string file_;
  const int64_t opset_;
  GraphNames names_;
  Symbols symbols_;
  Draft draft_;
  ImportState state_{draft_.builder, draft_.leaves};
  Problems problems_;
  std::set<std::string> initializers_;
  std::map<std::string, ir::ValueId> values_;  // `absent` for what could not be imported
};

}  // namespace

Draft read(const std::filesystem::path& path) {
  return read(base::open_file(path), path.parent_path());
}

Draft read(std::shared_ptr<const base::ByteSource> bytes, const std::filesystem::path& folder) {
  try {
    const wire::Model model = wire::read_model(bytes, folder);
    return Importer(model, bytes->name()).run();
  } catch (const BuildError&) {
    throw;
  } catch (const Error& error) {  // readers of bytes do not know that they read a network
    if (error.code() != ErrorCode::bad_file && error.code() != ErrorCode::unsupported) throw;
    throw BuildError(error.code(), error.what());
  }
}

Model finish(Draft draft) {
  Model model{{draft.builder.finish(), {}}, draft.leaves.sources()};
  for (const auto& [name, leaf] : draft.leaves.rows()) model.network.leaves.push_back(leaf);
  return model;
}

Model load(const std::filesystem::path& path) { return finish(read(path)); }

Model load(std::shared_ptr<const base::ByteSource> bytes, const std::filesystem::path& folder) {
  return finish(read(std::move(bytes), folder));
}

}  // namespace tenon::onnx
