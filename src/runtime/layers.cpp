// Engine::layers(): the steps of the lowered network with their kernels.
#include "tenon/layers.h"

#include "runtime/engine_impl.h"

namespace tenon {
std::vector<LayerInfo> Engine::layers() const {
  const lower::Executable& main = impl_->lowered.main;
  std::vector<LayerInfo> layers;
  for (const lower::Step& step : main.steps) {
    if (!step.kernel) continue;
    const ir::Node& node = main.graph.nodes()[static_cast<size_t>(step.node)];
    const ir::GraphValue& output = main.graph.value(node.outputs.front());
    layers.push_back({std::string(node.op.info().name), node.name.empty() ? output.name : node.name,
                      std::string(step.kernel->name), step.tactic,
                      std::string(step.on_host ? host_device : impl_->backend->memory()),
                      output.value.type.text()});
  }
  return layers;
}

}  // namespace tenon
