// load_onnx().
#include "tenon/onnx.h"

#include "api/network_impl.h"
#include "onnx/onnx.h"

namespace tenon {
namespace {

Network network_of(onnx::Draft draft) {
  auto impl = std::make_shared<Network::Impl>();
  impl->draft = std::move(draft);
  return Network(std::move(impl));
}

}  // namespace

Network load_onnx(const std::filesystem::path& path, const OnnxOptions& options) {
  return network_of(onnx::read(path, options));
}

Network load_onnx(std::span<const std::byte> bytes, const OnnxOptions& options) {
  return network_of(onnx::read(base::memory_source({bytes.begin(), bytes.end()}), options));
}

}  // namespace tenon
