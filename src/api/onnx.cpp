// load_onnx().
#include "tenon/onnx.h"

#include <algorithm>

#include "api/network_impl.h"
#include "api/onnx_read.h"
#include "onnx/import_table.h"

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

Network load_onnx(const std::filesystem::path& path, const OnnxOptions& options) {
  return network_of(onnx::read(path, to_read(options)));
}

Network load_onnx(std::span<const std::byte> bytes, const OnnxOptions& options) {
  return network_of(
      onnx::read(base::memory_source({bytes.begin(), bytes.end()}), to_read(options)));
}

}  // namespace tenon
