// open_onnx(): the reader's messages as public structs.
#include "tenon/onnx_model.h"

#include "api/onnx_read.h"
#include "base/error.h"
#include "base/text.h"
#include "weights/lifted_names.h"

namespace tenon {

namespace wire = weights::wire;

struct OnnxTensor::Impl {
  std::optional<weights::TensorSource> source;
  std::optional<Error> refusal;
};

struct OnnxModel::Impl {
  std::shared_ptr<const base::ByteSource> bytes;
  onnx::ReadOptions options;
  wire::Model model;
  OnnxGraph graph;
};

namespace {

class Reader {
 public:
  Reader(const wire::Model& model, const onnx::ReadOptions& options)
      : lifted_(wire::lifted_names(model.graph)), options_(options) {}

  OnnxGraph graph(const wire::Graph& from) const {
    OnnxGraph made;
    for (const wire::Node& each : from.nodes) made.nodes.push_back(node(each));
    for (const wire::Tensor& each : from.initializers)
      made.initializers.push_back(initializer(from, each));
    for (const wire::ValueInfo& each : from.inputs) made.inputs.push_back(port(each));
    for (const wire::ValueInfo& each : from.outputs) made.outputs.push_back(port(each));
    return made;
  }

 private:
  static OnnxPort port(const wire::ValueInfo& from) {
    OnnxPort made{.name = from.name,
                  .type = wire::data_type_name(from.elem_type),
                  .dtype = wire::dtype_of(from.elem_type)};
    if (!from.shape) return made;
    made.extents.emplace();
    for (const wire::Dim& dim : *from.shape) {
      const auto* value = std::get_if<int64_t>(&dim.value);
      const auto* name = std::get_if<std::string>(&dim.value);
      made.extents->push_back(value ? Extent(*value) : Extent(name ? *name : std::string()));
    }
    return made;
  }

  static OnnxTensor tensor(const wire::Tensor& from) {
    return {
        .name = from.name,
        .whole_name = from.name,
        .type = wire::data_type_name(from.data_type),
        .dtype = wire::dtype_of(from.data_type),
        .shape = from.dims,
        .impl = std::make_shared<OnnxTensor::Impl>(OnnxTensor::Impl{from.source, from.refusal})};
  }

  OnnxTensor initializer(const wire::Graph& graph, const wire::Tensor& from) const {
    OnnxTensor made = tensor(from);
    made.whole_name = wire::whole_name(lifted_, graph, from.name);
    if (!options_.weights) return made;
    const auto given = options_.weights->find(made.whole_name);
    if (given != options_.weights->end())
      made.impl = std::make_shared<OnnxTensor::Impl>(OnnxTensor::Impl{given->second, std::nullopt});
    return made;
  }

  OnnxAttribute attribute(const wire::Attribute& from) const {
    switch (from.type) {
      case wire::kFloat: return from.f;
      case wire::kInt: return from.i;
      case wire::kString: return from.s;
      case wire::kTensor:
        return from.tensor ? OnnxAttribute(tensor(*from.tensor)) : std::monostate();
      case wire::kGraph:
        return from.graph ? OnnxAttribute(std::make_shared<const OnnxGraph>(graph(*from.graph)))
                          : std::monostate();
      case wire::kFloats: return from.floats;
      case wire::kInts: return from.ints;
      case wire::kStrings: return from.strings;
      default: return std::monostate();
    }
  }

  OnnxNode node(const wire::Node& from) const {
    OnnxNode made{.op = from.op_type,
                  .domain = from.domain,
                  .name = from.name,
                  .inputs = from.inputs,
                  .outputs = from.outputs};
    for (const wire::Attribute& each : from.attributes)
      made.attributes.emplace(each.name, attribute(each));
    return made;
  }

  wire::LiftedNames lifted_;
  const onnx::ReadOptions& options_;
};

OnnxModel open(std::shared_ptr<const base::ByteSource> bytes, onnx::ReadOptions options) try {
  auto impl = std::make_shared<OnnxModel::Impl>();
  impl->bytes = std::move(bytes), impl->options = std::move(options);
  const bool looks = impl->options.weights.has_value();
  impl->model =
      wire::read_model(impl->bytes, looks ? impl->options.folder : std::filesystem::path());
  impl->graph = Reader(impl->model, impl->options).graph(impl->model.graph);
  return OnnxModel(std::move(impl));
} catch (const BuildError&) {
  throw;
} catch (const Error& error) {  // readers of bytes do not know that they read a network
  if (error.code() != ErrorCode::bad_file && error.code() != ErrorCode::unsupported) throw;
  throw BuildError(error.code(), error.what());
}

}  // namespace

Tensor OnnxTensor::read() const {
  if (impl && impl->refusal) throw BuildError(impl->refusal->code(), impl->refusal->what());
  if (!impl || !impl->source)
    throw BuildError(ErrorCode::unsupported, "tensor " + base::quoted(name) + " is of type " +
                                                 type + ", which Tenon lacks");
  const weights::TensorSource& source = *impl->source;
  Tensor made(source.dtype, source.shape);
  weights::read_elements(source, 0, element_count(source.shape), source.dtype, made.data());
  return made;
}

const OnnxGraph& OnnxModel::graph() const { return impl_->graph; }

int64_t OnnxModel::opset(const std::string& domain) const {
  const auto plain = [](const std::string& name) { return name == "ai.onnx" ? "" : name; };
  for (const wire::Opset& each : impl_->model.opsets)
    if (plain(each.domain) == plain(domain)) return each.version;
  return 0;
}

std::vector<Problem> OnnxModel::problems() const {
  try {
    load_onnx(*this);
    return {};
  } catch (const BuildError& error) {
    if (!error.problems().empty()) return error.problems();
    return {{.kind = std::string(to_string(error.code())), .message = error.what()}};
  }
}

OnnxModel open_onnx(const std::filesystem::path& path, const OnnxOptions& options) {
  onnx::ReadOptions read = to_read(options);
  if (read.folder.empty()) read.folder = base::folder_of(path);
  return open(base::open_file(path), std::move(read));
}

OnnxModel open_onnx(std::span<const std::byte> bytes, const OnnxOptions& options) {
  return open(base::memory_source({bytes.begin(), bytes.end()}), to_read(options));
}

Network load_onnx(const OnnxModel& model) {
  return network_of(onnx::read(model.impl()->bytes, model.impl()->options));
}

}  // namespace tenon
