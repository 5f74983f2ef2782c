// load_onnx().
#include "tenon/onnx.h"

#include "api/network_impl.h"
#include "onnx/onnx.h"

namespace tenon {
namespace {

Network network_of(onnx::Model model) {
  auto impl = std::make_shared<Network::Impl>();
  impl->imported = std::move(model.network.graph);
  impl->leaves = std::move(model.network.leaves);
  impl->sources = std::move(model.sources);
  return Network(std::move(impl));
}

}  // namespace

Network load_onnx(const std::filesystem::path& path) { return network_of(onnx::load(path)); }

Network load_onnx(std::span<const std::byte> bytes) {
  return network_of(onnx::load(base::memory_source({bytes.begin(), bytes.end()}), {}));
}

}  // namespace tenon
