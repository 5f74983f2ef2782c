// The ONNX format here is a model that has initializers and no node: a file of weights by name.
#include "write_arrays.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <protozero/pbf_builder.hpp>

namespace tenon::cli {
namespace {

enum class TensorField : protozero::pbf_tag_type {
  dims = 1,
  data_type = 2,
  name = 8,
  raw_data = 9
};
enum class GraphField : protozero::pbf_tag_type { name = 2, initializer = 5 };
enum class OpsetField : protozero::pbf_tag_type { domain = 1, version = 2 };
enum class ModelField : protozero::pbf_tag_type { ir_version = 1, graph = 7, opset_import = 8 };

constexpr uint64_t most_onnx_bytes = uint64_t{2} << 30;  // protobuf's own limit
constexpr int64_t ir_version = 8, opset = 18;

// TensorProto.DataType.
int32_t onnx_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return 1;
    case DType::u8: return 2;
    case DType::i8: return 3;
    case DType::u16: return 4;
    case DType::i16: return 5;
    case DType::i32: return 6;
    case DType::i64: return 7;
    case DType::bool_: return 9;
    case DType::f16: return 10;
    case DType::f64: return 11;
    case DType::u32: return 12;
    case DType::u64: return 13;
    case DType::bf16: return 16;
    case DType::f8_e4m3: return 17;
    case DType::f8_e4m3fnuz: return 18;
    case DType::f8_e5m2: return 19;
    case DType::f8_e5m2fnuz: return 20;
    case DType::f8_e8m0: return 24;
    case DType::string:
      throw Error(ErrorCode::unsupported, "texts are not written; leave --outputs out to see them");
    default: break;
  }
  throw Error(ErrorCode::unsupported, "an ONNX file packs " + std::string(to_string(dtype)) +
                                          ", which is not written; write .safetensors");
}

void add(protozero::pbf_builder<GraphField>& graph, const std::string& name, const Tensor& array) {
  protozero::pbf_builder<TensorField> tensor(graph, GraphField::initializer);
  tensor.add_packed_int64(TensorField::dims, array.shape().begin(), array.shape().end());
  tensor.add_int32(TensorField::data_type, onnx_type(array.dtype()));
  tensor.add_string(TensorField::name, name);
  tensor.add_bytes(TensorField::raw_data, static_cast<const char*>(array.data()),
                   TensorView(array).bytes());
}

std::string onnx_model(const std::map<std::string, Tensor>& arrays) {
  std::string bytes;
  protozero::pbf_builder<ModelField> model(bytes);
  model.add_int64(ModelField::ir_version, ir_version);
  {
    protozero::pbf_builder<OpsetField> import(model, ModelField::opset_import);
    import.add_string(OpsetField::domain, "");
    import.add_int64(OpsetField::version, opset);
  }
  protozero::pbf_builder<GraphField> graph(model, ModelField::graph);
  graph.add_string(GraphField::name, "weights");
  for (const auto& [name, array] : arrays) add(graph, name, array);
  return bytes;
}

void write_onnx(const Path& file, const std::map<std::string, Tensor>& arrays) {
  uint64_t total = 0;
  for (const auto& [name, array] : arrays) total += TensorView(array).bytes() + name.size() + 128;
  if (total >= most_onnx_bytes) {
    throw Error(
        ErrorCode::unsupported,
        fmt::format("\"{}\": ONNX files hold up to 2 GiB, and this is {}; write .safetensors",
                    file.native(), total));
  }
  const std::string bytes = onnx_model(arrays);
  const Path beside = file.native() + fmt::format(".{}.partial", ::getpid());
  std::ofstream out(beside, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  std::error_code failed;
  if (out) std::filesystem::rename(beside, file, failed);
  if (out && !failed) return;
  std::filesystem::remove(beside, failed);
  throw Error(ErrorCode::io, fmt::format("\"{}\": cannot be written", file.native()));
}

}  // namespace

ArrayWriter array_writer(const char* option, const Path& file) {
  if (file.extension() == ".npz") return write_npz;
  if (file.extension() == ".safetensors") return write_safetensors;
  if (file.extension() == ".onnx") return write_onnx;
  throw UsageError(fmt::format("{} {}: the name ends neither in .npz nor in .safetensors nor .onnx",
                               option, file.native()));
}

}  // namespace tenon::cli
