// load_onnx().
#include "tenon/onnx.h"

#include <algorithm>

#include "api/network_impl.h"
#include "api/onnx_read.h"
#include "base/byte_source.h"
#include "base/error.h"
#include "base/text.h"
#include "onnx/import_table.h"
#include "weights/open.h"

namespace tenon {

onnx::ReadOptions to_read(const OnnxOptions& options) {
  onnx::ReadOptions result;
  result.folder = options.folder;
  if (!options.weights) result.weights = std::nullopt;
  for (const auto& [name, view] : options.weights.value_or(std::map<std::string, TensorView>()))
    result.weights->emplace(name, weights::callers_tensor("weights: " + name, view));
  return result;
}

Network network_of(onnx::Draft draft) {
  auto impl = std::make_shared<Network::Impl>();
  impl->draft = std::move(draft);
  return Network(std::move(impl));
}

std::vector<std::string> onnx_operators() {
  std::vector<std::string> names;
  for (const auto& each : onnx::op_types()) names.emplace_back(each);
  std::ranges::sort(names);
  return names;
}

namespace {

// What people give where a model is wanted.
void refuse_other_kinds(const base::ByteSource& source) {
  using weights::FileStart;
  switch (weights::start_of(source)) {
    case FileStart::safetensors:
      base::fail(ErrorCode::bad_file,
                 "{}: is a safetensors file or a plan, and no model; load a plan (tenon.load), or "
                 "build the model and refit it with these weights",
                 source.name());
    case FileStart::zip:
      base::fail(ErrorCode::bad_file,
                 "{}: is a zip archive (.npz, or torch's .pt), and no ONNX model; export the model "
                 "to ONNX, or give a module to tenon.torch",
                 source.name());
    case FileStart::pickle:
      base::fail(
          ErrorCode::bad_file,
          "{}: is a pickle (torch's old .pt or .bin), and no ONNX model; export the model to "
          "ONNX, or give a module to tenon.torch",
          source.name());
    case FileStart::other: break;
  }
}

}  // namespace

Network load_onnx(const std::filesystem::path& path, const OnnxOptions& options) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    base::fail(ErrorCode::bad_file, "{}: is a folder; give the ONNX file of a model in it",
               base::quoted(path.native()));
  }
  refuse_other_kinds(*base::open_file(path));
  return network_of(onnx::read(path, to_read(options)));
}

Network load_onnx(std::span<const std::byte> bytes, const OnnxOptions& options) {
  const auto source = base::memory_source({bytes.begin(), bytes.end()});
  refuse_other_kinds(*source);
  return network_of(onnx::read(source, to_read(options)));
}

}  // namespace tenon
