// Signatures, and the loop that runs a lowered graph.
#include "lower/executable.h"

#include <algorithm>

#include "base/error.h"
#include "lower/call.h"
#include "plan/memory.h"

namespace tenon::lower {
namespace {

constexpr size_t kMostBytes = PTRDIFF_MAX;

size_t index(ir::ValueId id) { return static_cast<size_t>(id); }

/// By value: whether the caller gives its memory. True for storage of inputs, leaves, slots and
/// outputs.
std::vector<bool> external_storage(const Executable& executable) {
  const ir::Graph& graph = executable.graph;
  std::vector<bool> external(graph.values().size());
  for (size_t i = 0; i < external.size(); ++i) {
    external[i] = graph.values()[i].origin != ir::Origin::node;
  }
  for (const ir::Output& output : graph.outputs()) {
    external[index(executable.storage[index(output.value)])] = true;
  }
  return external;
}

/// Lifetimes of the storage that steps fill, in steps.
class Lifetimes {
 public:
  explicit Lifetimes(const Executable& executable)
      : executable_(executable), interval_of_(executable.graph.values().size(), -1) {
    const std::vector<bool> external = external_storage(executable);
    for (size_t step = 0; step < executable.steps.size(); ++step) {
      const auto node = static_cast<size_t>(executable.steps[step].node);
      for (const ir::ValueId id : executable.graph.nodes()[node].outputs) use(id, step, external);
      for (const ir::ValueId id : executable.graph.nodes()[node].inputs) use(id, step, external);
    }
  }

  const std::vector<plan::Interval>& intervals() const { return intervals_; }
  std::vector<plan::Interval>& intervals() { return intervals_; }
  int interval_of(size_t value) const { return interval_of_[value]; }
  const std::vector<size_t>& roots() const { return roots_; }

 private:
  void use(ir::ValueId id, size_t step, const std::vector<bool>& external) {
    if (id == ir::absent) return;
    const size_t root = index(executable_.storage[index(id)]);
    if (external[root]) return;
    if (interval_of_[root] < 0) {
      interval_of_[root] = static_cast<int>(intervals_.size());
      intervals_.push_back({0, static_cast<int>(step), static_cast<int>(step)});
      roots_.push_back(root);
    }
    intervals_[static_cast<size_t>(interval_of_[root])].last = static_cast<int>(step);
  }

  const Executable& executable_;
  std::vector<int> interval_of_;
  std::vector<plan::Interval> intervals_;
  std::vector<size_t> roots_;
};

void place_values(const Executable& executable, Signature& signature) {
  Lifetimes lifetimes(executable);
  for (size_t i = 0; i < lifetimes.roots().size(); ++i) {
    const ir::ValueType& type = executable.graph.values()[lifetimes.roots()[i]].value.type;
    lifetimes.intervals()[i].bytes = operand_at(type, signature.bindings).bytes();
  }
  const plan::Arena arena = plan::plan_memory(lifetimes.intervals());
  signature.offsets.assign(executable.graph.values().size(), Signature::external);
  for (size_t i = 0; i < signature.offsets.size(); ++i) {
    const int interval = lifetimes.interval_of(index(executable.storage[i]));
    if (interval >= 0) signature.offsets[i] = arena.offsets[static_cast<size_t>(interval)];
  }
  signature.arena_bytes = arena.bytes;
}

std::string describe_step(const Executable& executable, size_t step) {
  return describe(executable.graph.nodes()[static_cast<size_t>(executable.steps[step].node)]);
}

size_t scratch_of(const Executable& executable, const Signature& signature, size_t step) {
  const auto scratch = executable.steps[step].kernel->scratch;
  return scratch ? scratch(signature.calls[step]) : 0;
}

void reserve_scratch(const Executable& executable, Signature& signature) {
  size_t most = 0, greediest = 0;
  for (size_t i = 0; i < executable.steps.size(); ++i) {
    const size_t bytes = scratch_of(executable, signature, i);
    if (bytes > most) greediest = i;
    most = std::max(most, bytes);
  }
  signature.scratch_offset = signature.arena_bytes;
  if (most > kMostBytes - std::min(kMostBytes, signature.arena_bytes)) {
    base::fail(ErrorCode::unavailable,
               "{} wants more bytes of scratch than any memory has; give smaller extents",
               describe_step(executable, greediest));
  }
  signature.arena_bytes += most;
}

/// Pointers of all values; storage first, since values that share one follow it.
void fill_buffers(const Executable& executable, const Signature& signature, void* arena,
                  std::span<void*> buffers) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    buffers[i] = signature.offsets[i] == Signature::external
                     ? buffers[index(executable.storage[i])]
                     : static_cast<std::byte*>(arena) + signature.offsets[i];
  }
}

}  // namespace

std::shared_ptr<const Signature> make_signature(const Executable& executable,
                                                const Bindings& bindings,
                                                kernel::Backend& backend) {
  auto signature = std::make_shared<Signature>();
  signature->bindings = bindings;
  check_constraints(executable.graph, bindings);
  check_sizes(executable.graph, bindings);
  for (const ir::GraphValue& value : executable.graph.values()) {
    signature->shapes.push_back(operand_at(value.value.type, bindings).dims);
  }
  for (const Step& step : executable.steps) {
    signature->calls.push_back(call_of_step(executable, step, bindings, backend.target()));
  }
  place_values(executable, *signature);
  reserve_scratch(executable, *signature);
  // After all calls are in place: prepared objects may point to them.
  for (size_t i = 0; i < executable.steps.size(); ++i) {
    const auto prepare = executable.steps[i].kernel->prepare;
    signature->prepared.push_back(prepare ? prepare(signature->calls[i], backend) : nullptr);
  }
  return signature;
}

std::string largest_in_arena(const Executable& executable, const Signature& signature) {
  std::string name = "nothing";
  size_t most = 0;
  for (size_t i = 0; i < signature.offsets.size(); ++i) {
    if (signature.offsets[i] == Signature::external) continue;
    const auto id = static_cast<ir::ValueId>(i);
    const size_t bytes = operand_at(executable.graph.type(id), signature.bindings).bytes();
    if (bytes <= most) continue;
    most = bytes;
    name = describe(executable.graph, id, signature.bindings);
  }
  for (size_t i = 0; i < executable.steps.size(); ++i) {
    const size_t bytes = scratch_of(executable, signature, i);
    if (bytes <= most) continue;
    most = bytes;
    name = "scratch of " + describe_step(executable, i);
  }
  return name;
}

void run_steps(const Executable& executable, const Signature& signature, kernel::Backend& backend,
               kernel::Queue& queue, void* arena, std::span<void*> buffers,
               kernel::RunState& state) {
  fill_buffers(executable, signature, arena, buffers);
  void* const scratch = static_cast<std::byte*>(arena) + signature.scratch_offset;
  for (size_t i = 0; i < executable.steps.size(); ++i) {
    const Step& step = executable.steps[i];
    const ir::Node& node = executable.graph.nodes()[static_cast<size_t>(step.node)];
    kernel::Launch launch;
    launch.call = &signature.calls[i];
    launch.scratch = scratch;
    launch.prepared = signature.prepared[i].get();
    launch.state = &state;
    size_t operand = 0;
    for (const ir::ValueId id : node.inputs) {
      launch.buffers[operand++] = id == ir::absent ? nullptr : buffers[index(id)];
    }
    for (const ir::ValueId id : node.outputs) launch.buffers[operand++] = buffers[index(id)];
    backend.submit(queue, *step.kernel, launch);
  }
}

}  // namespace tenon::lower
