// Beside a device: steps that the host runs, and values on their way to it.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "kernel/select.h"
#include "lower/call.h"
#include "runtime/runner.h"
#include "runtime/timed_backend.h"

namespace tenon::runtime {
using ir::index;

const void* Runner::known_on_host(Frame& frame, ir::ValueId id) {
  const ir::ValueId root = frame.executable.storage[index(id)];
  const auto* const at = static_cast<const std::byte*>(frame.buffers[index(id)]);
  if (frame.on_host[index(root)]) return at;
  if (const auto found = frame.fetched.find(id); found != frame.fetched.end()) {
    return found->second.data();
  }
  if (&frame != &frame_) return nullptr;
  const auto inputs = graph().inputs();
  const auto input = std::ranges::find(inputs, root);
  const void* const bytes =
      input == inputs.end() ? nullptr : host_inputs_[static_cast<size_t>(input - inputs.begin())];
  const auto* const begin = static_cast<const std::byte*>(frame.buffers[index(root)]);
  return bytes ? static_cast<const std::byte*>(bytes) + (at - begin) : nullptr;
}

std::vector<const void*> Runner::bring_to_host(Frame& frame, std::span<const ir::ValueId> values) {
  const bool host_memory = through_->host_memory();
  bool waits = host_memory;  // for a data error of what made them
  const uint64_t version = std::exchange(frame.fetched_of, 0);  // an error leaves nothing to keep
  for (const ir::ValueId id : values) {
    if (host_memory || id == ir::absent || known_on_host(frame, id)) continue;
    const size_t bytes = value_of(frame, id).type.bytes();
    std::vector<std::byte>& fetched = frame.fetched[id];
    fetched.resize(std::max<size_t>(bytes, 1));
    if (bytes > 0) {
      through_->copy(*queue_, fetched.data(), frame.buffers[index(id)], bytes,
                     kernel::CopyKind::from_device);
    }
    waits = true;
  }
  if (waits) wait();
  frame.fetched_of = version;
  std::vector<const void*> places;
  for (const ir::ValueId id : values) {
    places.push_back(id == ir::absent ? nullptr
                     : host_memory    ? frame.buffers[index(id)]
                                      : known_on_host(frame, id));
  }
  return places;
}

void Runner::forget_fetched(Frame& frame) {
  const bool same_weights =
      std::exchange(frame.fetched_of, flight_->set->version) == flight_->set->version;
  std::erase_if(frame.fetched, [&](const auto& entry) {
    const ir::ValueId root = frame.executable.storage[index(entry.first)];
    return !same_weights || frame.executable.graph.value(root).origin != ir::Origin::slot;
  });
}

const HostStep& Runner::host_step(Frame& frame, const lower::Step& step) {
  HostStep& made = frame.host_steps[step.node];
  const bool symbolic = frame.executable.symbolic_op[static_cast<size_t>(step.node)];
  if (made.call && !symbolic) return made;
  made.prepared = {};  // it may refer to the call
  made.call = std::make_unique<const kernel::Call>(
      lower::call_of_step(frame.executable, step, frame.executable.symbols->bindings(symbols_),
                          engine_->host->target()));
  made.prepared = kernel::prepare(*step.kernel, *made.call, *engine_->host);
  return made;
}

void Runner::run_on_host(Frame& frame, const lower::Step& step, bool outermost) {
  const ir::Node& node = frame.executable.node_of(step);
  kernel::Backend& host = *engine_->host;
  const std::vector<const void*> inputs = bring_to_host(frame, node.inputs);
  const HostStep& made = host_step(frame, step);
  const kernel::Buffer scratch =
      made.prepared.scratch > 0 ? host.allocate(made.prepared.scratch) : nullptr;
  const std::unique_ptr<kernel::Queue> queue = host.queue();
  kernel::RunState state(host.target().threads);
  kernel::Launch launch{.call = made.call.get(),
                        .scratch = scratch.get(),
                        .prepared = made.prepared.state.get(),
                        .queue = queue.get(),
                        .state = &state,
                        .node = &node};
  size_t operand = 0;
  for (const void* input : inputs) launch.buffers[operand++] = const_cast<void*>(input);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const size_t root = index(frame.executable.storage[index(node.outputs[i])]);
    frame.blocks[root] = host.allocate(made.call->outputs[i].bytes());
    frame.buffers[root] = launch.buffers[operand++] = frame.blocks[root].get();
  }
  const double start = host.time(*queue);
  host.submit(*queue, *step.kernel, {&launch, 1});
  host.synchronize(*queue);
  if (timed_ && outermost) timed_->add(*made.call, host.time(*queue) - start);
  if (state.failure()) throw InputError(lower::failure_text(state));
}

}  // namespace tenon::runtime
