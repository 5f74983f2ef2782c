// Imports a model: leaves and inputs first, then node by node, then outputs.
#include "onnx/onnx.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "onnx/graph_importer.h"
#include "onnx/imports.h"
#include "onnx/symbols.h"

namespace tenon::onnx {
namespace {

using base::fail;

// By domain, "" for the default one.
std::map<std::string, int64_t> opsets_of(const wire::Model& model, const std::string& file) {
  std::map<std::string, int64_t> opsets;
  for (const wire::Opset& each : model.opsets) {
    const bool is_default = is_default_domain(each.domain);
    const auto [known, fresh] = opsets.emplace(is_default ? "" : each.domain, each.version);
    if (!fresh && known->second != each.version)
      fail(ErrorCode::bad_file, "{}: the {} opset is given as {} and {}", file,
           is_default ? "default" : each.domain, known->second, each.version);
  }
  if (opsets.empty()) fail(ErrorCode::bad_file, "{}: the model imports no opset", file);
  const auto given = opsets.find("");
  if (given != opsets.end() && (given->second < oldest_opset || given->second > newest_opset))
    fail(ErrorCode::unsupported, "{}: opset {} is outside {} to {}; convert the model", file,
         given->second, oldest_opset, newest_opset);
  return opsets;
}

// Ops of all graphs that cannot be imported, where an output needs them.
void add_unsupported(const wire::Graph& graph, bool outermost,
                     const std::set<const void*>& unneeded, Problems& problems) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const wire::Node& node = graph.nodes[i];
    if (unneeded.contains(&node)) continue;
    if (!find_import(full_op_type(node)))
      problems.add_op(node, outermost ? static_cast<int64_t>(i) : -1);
    for (const wire::Attribute& attribute : node.attributes)
      if (attribute.graph) add_unsupported(*attribute.graph, false, unneeded, problems);
  }
}

class Importer {
 public:
  Importer(const wire::Model& model, const std::string& file, const ReadOptions& options)
      : Importer(model, file, study_names(model.graph, file), GivenInitializers(options)) {}

  Draft run() {
    state_.given.check_names(model_.graph, state_.names.lifted);
    outermost_.import_leaves();
    for (const wire::ValueInfo& input : graph_.inputs) {
      if (!outermost_.defines(input.name))
        outermost_.define(input.name, import_input(input));
      else if (const ir::ValueId leaf = outermost_.value(input.name); leaf != ir::absent)
        check_declared(input, builder_.type(leaf));
    }
    import_nodes();
    if (!state_.problems.empty()) state_.problems.report();
    std::set<std::string> seen;  // a value that is listed twice has one name, and is given once
    for (const wire::ValueInfo& output : graph_.outputs)
      if (seen.insert(output.name).second) import_output(output);
    if (!state_.problems.empty()) state_.problems.report();
    return {std::move(builder_), std::move(state_.leaves)};
  }

 private:
  Importer(const wire::Model& model, const std::string& file, ModelNames names,
           GivenInitializers given)
      : model_(model),
        graph_(model.graph),
        symbols_(graph_),
        state_{file, opsets_of(model, file), LeafTable(std::move(names.leaves)), std::move(names),
               std::move(given)} {}

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

  // Its elements' extents are found out one by one, where they are no numbers.
  ir::ValueId import_container(const wire::ValueInfo& input) {
    if (const auto type = type_of(input, builder_)) return builder_.input(input.name, *type);
    const wire::ValueInfo& element = input.element[0];
    const bool sequence = input.container == wire::Container::sequence;
    state_.problems.add(fmt::format(
        "input {}, {} of {}", base::quoted(input.name), sequence ? "a sequence" : "an optional",
        element.elem_type == 0 ? "what is no tensor" : wire::data_type_name(element.elem_type)));
    return ir::absent;
  }

  ir::ValueId import_input(const wire::ValueInfo& input) {
    if (!input.element.empty()) return import_container(input);
    const auto dtype = wire::dtype_of(input.elem_type);
    if (!dtype || !input.shape) {
      const std::string name = base::quoted(input.name);
      state_.problems.add(
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
    add_unsupported(graph_, true, state_.names.unneeded, state_.problems);
    try {
      outermost_.import_nodes();
    } catch (const Error&) {
      if (!state_.problems.empty()) state_.problems.report();
      throw;
    }
  }

  void import_output(const wire::ValueInfo& output) {
    const ir::ValueId id = outermost_.value(output.name);
    const DType dtype = builder_.type(id).dtype;
    if (output.elem_type != 0 && wire::dtype_of(output.elem_type) != dtype)
      fail(ErrorCode::bad_file, "{}: graph output {} is declared {} and computed as {}",
           state_.file, base::quoted(output.name), wire::data_type_name(output.elem_type),
           to_string(dtype));
    builder_.output(output.name, id);
  }

  const wire::Model& model_;
  const wire::Graph& graph_;
  Symbols symbols_;
  ir::GraphBuilder builder_;
  ModelState state_;
  GraphImporter outermost_{graph_, builder_, state_};
};

}  // namespace

Draft read(const std::filesystem::path& path, ReadOptions options) {
  if (options.folder.empty()) options.folder = base::folder_of(path);
  return read(base::open_file(path), options);
}

Draft read(std::shared_ptr<const base::ByteSource> bytes, const ReadOptions& options) {
  try {
    const bool looks = options.weights.has_value();
    const wire::Model model =
        wire::read_model(bytes, looks ? options.folder : std::filesystem::path());
    return Importer(model, bytes->name(), options).run();
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

Model load(const std::filesystem::path& path) { return finish(read(path, {})); }

Model load(std::shared_ptr<const base::ByteSource> bytes, const std::filesystem::path& folder) {
  ReadOptions options;
  options.folder = folder;
  return finish(read(std::move(bytes), options));
}

}  // namespace tenon::onnx
