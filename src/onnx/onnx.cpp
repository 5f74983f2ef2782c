// Imports a model: leaves and inputs first, then node by node, then outputs.
#include "onnx/onnx.h"

#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "onnx/node_context.h"
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

class Importer {
 public:
  Importer(const wire::Model& model, const std::string& file)
      : model_(model),
        graph_(model.graph),
        names_(study_names(graph_, file)),
        symbols_(graph_),
        leaves_(builder_, names_),
        state_{default_opset(model, file), file, names_, builder_, leaves_} {}

  Model run() {
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
        check_declared(input, builder_.type(leaf->second));
    }
    import_nodes();
    if (!problems_.empty()) problems_.report();
    for (const wire::ValueInfo& output : graph_.outputs) import_output(output);
    return {{builder_.finish(), leaves_.take_leaves()}, leaves_.take_sources()};
  }

 private:
  void import_model_features() {
    if (model_.has_functions) problems_.add("functions of the model's own");
  }

  void import_initializer(const wire::Tensor& initializer) {
    ir::ValueId id = ir::absent;
    if (initializer.source)
      id = leaves_.add_initializer(initializer.name, *initializer.source);
    else
      problems_.add(fmt::format("initializer {} of type {}", base::quoted(initializer.name),
                                wire::data_type_name(initializer.data_type)));
    values_[initializer.name] = id;
  }

  ir::Dim import_dim(const wire::ValueInfo& input, size_t axis) {
    const auto& value = (*input.shape)[axis].value;
    const auto* parameter = std::get_if<std::string>(&value);
    if (parameter && !parameter->empty()) return symbols_.named(*parameter);
    const auto* extent = std::get_if<int64_t>(&value);
    if (!extent || *extent == -1) return symbols_.fresh(input.name, axis);  // -1: old exporters
    if (*extent < 0)
      fail(ErrorCode::bad_file, "{}: graph input {} has an extent of {}", state_.file,
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
    return builder_.input(input.name, {*dtype, std::move(dims)});
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
      fail(ErrorCode::bad_file, "{}: input {} is not declared as its initializer is, {}{}",
           state_.file, base::quoted(input.name), to_string(leaf.dtype), ir::text(*leaf.dims));
  }

  // What infer() refuses is told only when nothing is unsupported: a model that needs more than we
  // have is that first.
  void import_nodes() {
    for (const wire::Node& node : graph_.nodes)
      if (!supported(node)) problems_.add_op(node);
    try {
      for (const wire::Node& node : graph_.nodes) import_node(node);
    } catch (const Error&) {
      if (!problems_.empty()) problems_.report();
      throw;
    }
  }

  static bool supported(const wire::Node& node) {
    return is_default_domain(node.domain) && find_import(node.op_type);
  }

  // A node that cannot be imported, or that reads what one would have made, has outputs without a
  // value; so the nodes after it are still looked at.
  void import_node(const wire::Node& node) {
    for (const std::string& output : node.outputs) values_[output] = ir::absent;
    if (!supported(node)) return;
    const ImportEntry& entry = *find_import(node.op_type);
    const auto inputs = operands(node, entry);
    if (!inputs) return;
    try {
      NodeContext context(node, state_, *inputs);
      const Outputs outputs = entry.import(context);
      context.check_attributes_used();
      for (size_t i = 0; i < node.outputs.size(); ++i) define_output(context, i, outputs);
    } catch (const Unsupported& unsupported) {
      problems_.add(unsupported.what);
    }
  }

  std::optional<std::vector<ir::ValueId>> operands(const wire::Node& node,
                                                   const ImportEntry& entry) const {
    const auto count = static_cast<int>(node.inputs.size());
    if (count < entry.min_inputs || (entry.max_inputs != any_number && count > entry.max_inputs))
      fail(ErrorCode::bad_file, "{}: {} has {} operands", state_.file, label(node), count);
    std::vector<ir::ValueId> ids;
    for (const std::string& name : node.inputs) {
      ids.push_back(name.empty() ? ir::absent : values_.at(name));
      if (!name.empty() && ids.back() == ir::absent) return std::nullopt;
    }
    return ids;
  }

  void define_output(const NodeContext& context, size_t i, const Outputs& outputs) {
    const std::string& name = context.node().outputs[i];
    if (i >= outputs.size()) {
      if (context.output_used(i)) context.unsupported("output {}", i);
      return;
    }
    if (name.empty()) return;
    values_[name] = outputs[i];
    const ir::GraphValue& value = builder_.value(outputs[i]);
    if (value.origin == ir::Origin::node && value.name.empty())
      builder_.name_value(outputs[i], name);
  }

  void import_output(const wire::ValueInfo& output) {
    const ir::ValueId id = values_.at(output.name);
    const DType dtype = builder_.type(id).dtype;
    if (output.elem_type != 0 && wire::dtype_of(output.elem_type) != dtype)
      fail(ErrorCode::bad_file, "{}: graph output {} is declared {} and computed as {}",
           state_.file, base::quoted(output.name), wire::data_type_name(output.elem_type),
           to_string(dtype));
    builder_.output(output.name, id);
  }

  const wire::Model& model_;
  const wire::Graph& graph_;
  GraphNames names_;
  Symbols symbols_;
  ir::GraphBuilder builder_;
  LeafTable leaves_;
  ImportState state_;
  Problems problems_;
  std::map<std::string, ir::ValueId> values_;  // `absent` for what could not be imported
};

}  // namespace

Model load(const std::filesystem::path& path) {
  return load(base::open_file(path), path.parent_path());
}

Model load(std::shared_ptr<const base::ByteSource> bytes, const std::filesystem::path& folder) {
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

}  // namespace tenon::onnx
