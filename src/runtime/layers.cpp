// Engine::layers(): the steps of the lowered network with their kernels.
#include "tenon/layers.h"

#include <algorithm>
#include <iterator>

#include "ir/ops.h"
#include "runtime/engine_impl.h"

namespace tenon {
namespace {

template <class... Ops>
bool is_one_of(const ir::Node& node) {
  return (node.as<Ops>() || ...);
}

LayerInfo layer_of(const ir::Graph& graph, const ir::Node& node) {
  const ir::GraphValue& output = graph.value(node.outputs.front());
  LayerInfo layer;
  layer.op = node.op.info().name;
  layer.name = node.name.empty() ? output.name : node.name;
  layer.output = output.value.type.text();
  layer.moves = is_one_of<ir::Concat, ir::Expand, ir::Reorder, ir::Reshape, ir::Slice, ir::Tile,
                          ir::Transpose>(node);
  return layer;
}

std::vector<LayerInfo> layers_of(const lower::Executable& executable, std::string_view memory) {
  std::vector<LayerInfo> layers;
  for (const lower::Step& step : executable.steps) {
    if (!step.kernel && step.bodies.empty()) continue;
    LayerInfo& layer = layers.emplace_back(layer_of(executable.graph, executable.node_of(step)));
    layer.tactic = step.tactic;
    layer.device = step.on_host || !step.kernel ? host_device : memory;
    if (step.kernel) layer.kernel = step.kernel->name;
    for (const auto& body : step.bodies) {
      std::ranges::move(layers_of(*body, memory), std::back_inserter(layer.body));
    }
  }
  return layers;
}

}  // namespace

std::vector<LayerInfo> Engine::layers() const {
  return layers_of(impl_->lowered.main, impl_->backend->memory());
}

std::vector<LayerInfo> Engine::views() const {
  const lower::Executable& main = impl_->lowered.main;
  std::vector<bool> runs(main.graph.nodes().size());
  for (const lower::Step& step : main.steps) runs[static_cast<size_t>(step.node)] = true;
  std::vector<LayerInfo> views;
  for (size_t n = 0; n < runs.size(); ++n) {
    if (!runs[n]) views.push_back(layer_of(main.graph, main.graph.nodes()[n]));
  }
  return views;
}

}  // namespace tenon
