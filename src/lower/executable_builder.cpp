// Nodes with kernels, and who lies in whose memory.
#include "lower/executable_builder.h"

#include "base/error.h"
#include "ir/ops/reorder.h"
#include "ir/verify.h"
#include "lower/call.h"
#include "lower/places.h"

namespace tenon::lower {
namespace {

std::string first_tactic(const kernel::Kernel& kernel, const kernel::Call& call,
                         kernel::Backend& backend) {
  const std::vector<kernel::Tactic> tactics = kernel::tactics_of(kernel, call, backend);
  return tactics.empty() ? "" : tactics[0].name;
}

}  // namespace

void ExecutableBuilder::add_step(const kernel::Kernel* kernel, std::string tactic) {
  steps_.push_back({static_cast<int>(steps_.size()), kernel, std::move(tactic)});
}

std::vector<ir::ValueId> ExecutableBuilder::add(const ir::Node& node,
                                                std::vector<ir::ValueId> inputs,
                                                const Candidate& candidate,
                                                std::span<const ir::Layout> layouts, bool on_host) {
  const auto outputs = graph_.add_node(node.op, std::move(inputs),
                                       static_cast<int>(node.outputs.size()), node.name, layouts);
  add_step(candidate.kernel, candidate.tactic.name);
  steps_.back().on_host = on_host;
  return outputs;
}

std::vector<ir::ValueId> ExecutableBuilder::add_first(const ir::Op& op,
                                                      std::vector<ir::ValueId> inputs,
                                                      size_t outputs) {
  if (renames(op)) return {add_alias({op, {}, {}, {}}, inputs[0])};
  kernel::Call call{op, {}, {}, "", &backend_.target(), {}};
  for (const ir::ValueId id : inputs) {
    call.inputs.push_back(id == ir::absent ? kernel::Operand{.present = false}
                                           : operand_at(graph_.type(id), {}));
  }
  const auto ids = graph_.add_node(op, std::move(inputs), static_cast<int>(outputs));
  for (const ir::ValueId id : ids) call.outputs.push_back(operand_at(graph_.type(id), {}));
  const kernel::Kernel& kernel =
      kernel::first_kernel(backend_, std::string(op.info().name), {&call, 1});
  add_step(&kernel, first_tactic(kernel, call, backend_));
  return ids;
}

std::vector<ir::ValueId> ExecutableBuilder::add_executors(
    const ir::Node& node, std::vector<ir::ValueId> inputs,
    std::vector<std::shared_ptr<const Executable>> bodies) {
  const auto outputs =
      graph_.add_node(node.op, std::move(inputs), static_cast<int>(node.outputs.size()), node.name);
  add_step(nullptr, "");
  executors_.insert(steps_.back().node);
  steps_.back().bodies = std::move(bodies);
  return outputs;
}

ir::ValueId ExecutableBuilder::add_alias(const ir::Node& node, ir::ValueId input) {
  if (!graph_.type(input).layout.plain()) {
    base::fail(ErrorCode::build, "internal: {} of a value that is not plain", describe(node));
  }
  const ir::ValueId id = graph_.add(node.op, {input}, node.name);
  add_step(nullptr, "");
  if (is_executors(node.op)) executors_.insert(steps_.back().node);
  return id;
}

ir::ValueId ExecutableBuilder::add_reorder(ir::ValueId value, ir::Layout layout,
                                           const Probes& probes) {
  const ir::Op op = ir::Reorder{layout};
  const ir::ValueId id = graph_.add(op, {value});
  std::vector<kernel::Call> calls;
  for (const Bindings& point : probes.points) {
    calls.push_back({op,
                     {operand_at(graph_.type(value), point)},
                     {operand_at(graph_.type(id), point)},
                     "",
                     &backend_.target(),
                     {}});
  }
  const kernel::Kernel& kernel = kernel::first_kernel(backend_, std::string(op.info().name), calls);
  add_step(&kernel, first_tactic(kernel, calls[0], backend_));
  return id;
}

ir::ValueId ExecutableBuilder::root(ir::ValueId value) const {
  for (const ir::Node* node = graph_.producer(value); node && renames(node->op);
       node = graph_.producer(value)) {
    value = node->inputs[0];
  }
  return value;
}

// What a step makes lies in an output's memory from then on, so the output's extents must be known
// there: not so those that are found between the step and a Reshape behind it.
bool ExecutableBuilder::is_sized_later(ir::ValueId value) const {
  const ir::ValueId made = root(value);
  if (graph_.type(made).dims == graph_.type(value).dims) return false;
  const auto next = executors_.lower_bound(graph_.value(made).node);
  return next != executors_.end() && *next < graph_.value(value).node;
}

void ExecutableBuilder::output(const std::string& name, ir::ValueId value, const Probes& probes) {
  const ir::ValueType& type = graph_.type(value);
  if (!type.is_tensor() || !type.dims) {  // the executor hands it on
    graph_.output(name, value);
    return;
  }
  const ir::Node* const maker = graph_.producer(root(value));
  // What the executor makes is placed with its own extents, not with those it is given later.
  const bool renamed = maker && !maker->op.info().has_kernels && value != root(value);
  if (!maker || renamed || claimed_.contains(root(value)) || is_sized_later(value)) {
    value = add_reorder(value, graph_.type(value).layout, probes);
  }
  claimed_.insert(root(value));
  graph_.output(name, value);
}

Executable ExecutableBuilder::finish() && {
  Executable executable;
  executable.graph = graph_.finish();
  ir::verify(executable.graph);
  if (executable.graph.nodes().size() != steps_.size()) {
    base::fail(ErrorCode::build, "internal: lowering made {} nodes and {} are needed",
               steps_.size(), executable.graph.nodes().size());
  }
  decide_places(executable, std::move(steps_));
  cut_regions(executable, std::move(symbols_));
  return executable;
}

}  // namespace tenon::lower
