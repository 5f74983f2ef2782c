// Engine::layers(): the steps of the lowered network with their kernels.
#include "tenon/layers.h"

#include <algorithm>

#include "lower/call.h"
#include "lower/probe.h"
#include "runtime/engine_impl.h"

namespace tenon {
namespace {

std::string tactic_name(const lower::Step& step, const kernel::Call& call) {
  if (!step.kernel->tactics) return {};
  for (const kernel::Tactic& tactic : step.kernel->tactics(call)) {
    if (tactic.id == step.tactic) return tactic.name;
  }
  return std::to_string(step.tactic);
}

}  // namespace

std::vector<LayerInfo> Engine::layers() const {
  const plan::Plan& plan = impl_->file.plan;
  const lower::Executable& main = impl_->lowered.main;
  const lower::Bindings typical =
      lower::probe_points(plan.program.main, plan.ranges).points.front();
  std::vector<LayerInfo> layers;
  for (const lower::Step& step : main.steps) {
    if (!step.kernel) continue;
    const ir::Node& node = main.graph.nodes()[static_cast<size_t>(step.node)];
    const ir::GraphValue& output = main.graph.value(node.outputs.front());
    const kernel::Call call = lower::call_of_step(main, step, typical, impl_->backend->target());
    layers.push_back({std::string(node.op.info().name), node.name.empty() ? output.name : node.name,
                      std::string(step.kernel->name), tactic_name(step, call),
                      output.value.type.text()});
  }
  return layers;
}

}  // namespace tenon
