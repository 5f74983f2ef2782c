// Signatures, and the loop that runs a region of a lowered graph.
#include "lower/executable.h"

#include <algorithm>

#include "base/cancel.h"
#include "base/error.h"
#include "kernel/select.h"
#include "lower/call.h"
#include "lower/places.h"

namespace tenon::lower {
namespace {

constexpr size_t kMostBytes = PTRDIFF_MAX;

using ir::index;

std::string describe_caller(const Executable& executable, const Region& region, size_t call) {
  return describe(executable.node_of(executable.steps[region.callers[call]]));
}

/// Makes the signature of a region.
class Maker {
 public:
  Maker(const Executable& executable, const Region& region, std::span<const int64_t> symbols,
        kernel::Backend& backend)
      : it_(executable),
        region_(region),
        backend_(backend),
        bindings_(it_.symbols->bindings(region.symbols, symbols)),
        places_(
            it_, [this](ir::ValueId id) { return it_.dims.extents(id, extents_); },
            [this](const ir::Node& node) { return node.op.substitute(dims_of_ops_); }) {
    for (const int symbol : region.symbols) made_->symbols.push_back(symbols[index(symbol)]);
    for (const auto& [name, value] : bindings_) dims_of_ops_.emplace(name, value);
  }

  std::shared_ptr<const Signature> run() && {
    check_constraints(it_.graph, region_.constraints, bindings_);
    extents_.assign(it_.dims.dims().size(), unknown);
    for (const int dim : region_.dims) {
      const auto i = static_cast<size_t>(dim);
      extents_[i] = extent_at(it_.dims.dims()[i], bindings_);
    }
    made_->calls.reserve(region_.callers.size());
    for (const size_t step : region_.callers) add_call(step);
    for (const ir::ValueId id : region_.kept) made_->kept.push_back(operand(id, false));
    for (const ir::ValueId id : region_.outputs) made_->outputs.push_back(operand(id, false));
    place_values();
    prepare();
    return std::move(made_);
  }

 private:
  kernel::Operand operand(ir::ValueId id, bool weight) const {
    const ir::ValueType& type = it_.graph.type(id);
    if (!type.dims)
      base::fail(ErrorCode::invalid_input, "a tensor's rank is not known; give shapes");
    kernel::Operand operand{type.dtype, it_.dims.extents(id, extents_), type.layout, true, weight};
    operand.strides = places_.of(id).strides;
    if (!operand.bytes_if_possible()) {
      base::fail(ErrorCode::unavailable, "{} has more bytes than any memory; give smaller extents",
                 describe(it_.graph, id, bindings_));
    }
    return operand;
  }

  void add_call(size_t index) {
    const Step& step = it_.steps[index];
    const ir::Node& node = it_.node_of(step);
    const bool symbolic = it_.symbolic_op[static_cast<size_t>(step.node)];
    kernel::Call call{symbolic ? node.op.substitute(dims_of_ops_) : node.op,
                      {},
                      {},
                      step.tactic,
                      &backend_.target(),
                      {}};
    call.inputs.reserve(node.inputs.size());
    for (const ir::ValueId id : node.inputs) {
      call.inputs.push_back(id == ir::absent
                                ? kernel::Operand{.present = false}
                                : operand(id, it_.graph.value(id).origin == ir::Origin::slot));
    }
    call.outputs.reserve(node.outputs.size());
    for (const ir::ValueId id : node.outputs) call.outputs.push_back(operand(id, false));
    add_plain_inputs(it_, step, bindings_, call);
    if (const char* reason = kernel::refusal(*step.kernel, call)) {
      base::fail(ErrorCode::invalid_input, "{}: {} does not take these extents ({})",
                 describe(node), step.kernel->name, reason);
    }
    made_->calls.push_back(std::move(call));
  }

  void place_values() {
    std::vector<plan::Interval> intervals = region_.intervals;
    for (size_t i = 0; i < region_.arena.size(); ++i) {
      size_t& bytes = intervals[index(region_.blocks[i])].bytes;
      bytes = std::max(bytes, operand(region_.arena[i], false).bytes());
    }
    plan::Arena arena = plan::plan_memory(intervals);
    made_->offsets = std::move(arena.offsets);
    made_->arena_bytes = arena.bytes;
    for (const ir::ValueId id : region_.aliases) {
      const int64_t offset = places_.of(id).offset;
      made_->places.push_back(byte_count(it_.graph.type(id).dtype, offset));
    }
  }

  /// After all calls are in place: prepared objects may point to them.
  void prepare() {
    size_t most = 0, greediest = 0;
    for (size_t i = 0; i < made_->calls.size(); ++i) {
      const kernel::Kernel& kernel = *it_.steps[region_.callers[i]].kernel;
      made_->prepared.push_back(kernel::prepare(kernel, made_->calls[i], backend_));
      const size_t bytes = made_->prepared[i].scratch;
      if (bytes > most) greediest = i;
      most = std::max(most, bytes);
    }
    made_->scratch_offset = made_->arena_bytes;
    if (most > kMostBytes - std::min(kMostBytes, made_->arena_bytes)) {
      base::fail(ErrorCode::unavailable,
                 "{} wants more bytes of scratch than any memory has; give smaller extents",
                 describe_caller(it_, region_, greediest));
    }
    made_->arena_bytes += most;
  }

  const Executable& it_;
  const Region& region_;
  kernel::Backend& backend_;
  Bindings bindings_;
  std::map<std::string, ir::Dim> dims_of_ops_;
  std::vector<int64_t> extents_;  // by entry of the table of dims
  Places places_;
  std::shared_ptr<Signature> made_ = std::make_shared<Signature>();
};

}  // namespace

size_t Signature::bytes() const {
  size_t bytes = sizeof *this;
  for (const kernel::Call& call : calls) {
    bytes += sizeof call + (call.inputs.size() + call.outputs.size()) *
                               (sizeof(kernel::Operand) + 4 * sizeof(int64_t));
  }
  // What kernels prepare is about as much again (walks, windows); few keep tables.
  return 2 * bytes;
}

bool fits(const Region& region, const Signature& signature, std::span<const int64_t> symbols) {
  for (size_t i = 0; i < region.symbols.size(); ++i) {
    if (signature.symbols[i] != symbols[index(region.symbols[i])]) return false;
  }
  return true;
}

std::shared_ptr<const Signature> make_signature(const Executable& executable, const Region& region,
                                                std::span<const int64_t> symbols,
                                                kernel::Backend& backend) {
  return Maker(executable, region, symbols, backend).run();
}

std::shared_ptr<const Signature> make_signature(const Executable& executable,
                                                const Bindings& bindings,
                                                kernel::Backend& backend) {
  return make_signature(executable, executable.regions[0], executable.symbols->values(bindings),
                        backend);
}

kernel::Operand operand_of(const Executable& executable, ir::ValueId id,
                           std::span<const int64_t> symbols) {
  return operand_at(executable.graph.type(id), executable.symbols->bindings(symbols));
}

std::string largest_in_arena(const Executable& executable, const Region& region,
                             const Signature& signature) {
  std::string name = "nothing";
  size_t most = 0;
  const Bindings bindings = [&] {
    Bindings result;
    for (size_t i = 0; i < region.symbols.size(); ++i) {
      result.emplace(executable.symbols->names()[index(region.symbols[i])], signature.symbols[i]);
    }
    return result;
  }();
  for (const ir::ValueId id : region.arena) {
    const size_t bytes = operand_at(executable.graph.type(id), bindings).bytes();
    if (bytes <= most) continue;
    most = bytes;
    name = describe(executable.graph, id, bindings);
  }
  for (size_t i = 0; i < signature.calls.size(); ++i) {
    const size_t bytes = signature.prepared[i].scratch;
    if (bytes <= most) continue;
    most = bytes;
    name = "scratch of " + describe_caller(executable, region, i);
  }
  return name;
}

std::string failure_text(const kernel::RunState& state) {
  return fmt::format("{}: {}", describe(*state.failed_node()), state.failure());
}

void fill_buffers(const Executable& executable, const Region& region, const Signature& signature,
                  void* arena, std::span<void*> buffers) {
  for (size_t i = 0; i < region.arena.size(); ++i) {
    const size_t offset = signature.offsets[index(region.blocks[i])];
    buffers[index(region.arena[i])] = static_cast<std::byte*>(arena) + offset;
  }
  for (size_t i = 0; i < region.aliases.size(); ++i) {
    const ir::ValueId id = region.aliases[i];
    void* const root = buffers[index(executable.storage[index(id)])];
    buffers[index(id)] = static_cast<std::byte*>(root) + signature.places[i];
  }
}

void run_steps(const Executable& executable, const Region& region, const Signature& signature,
               kernel::Backend& backend, kernel::Queue& queue, void* arena,
               std::span<void*> buffers, kernel::RunState& state) {
  fill_buffers(executable, region, signature, arena, buffers);
  void* const scratch = static_cast<std::byte*>(arena) + signature.scratch_offset;
  for (size_t i = 0; i < region.calls.size(); ++i) {
    base::throw_if_stopped(state.stop);
    const auto call = static_cast<size_t>(region.calls[i]);
    const Step& step = executable.steps[region.first + i];
    const ir::Node& node = executable.node_of(step);
    kernel::Launch launch;
    launch.call = &signature.calls[call];
    launch.scratch = scratch;
    launch.prepared = signature.prepared[call].state.get();
    launch.queue = &queue;
    launch.state = &state;
    launch.node = &node;
    size_t operand = 0;
    for (const ir::ValueId id : node.inputs) {
      launch.buffers[operand++] = id == ir::absent ? nullptr : buffers[index(id)];
    }
    for (const ir::ValueId id : node.outputs) launch.buffers[operand++] = buffers[index(id)];
    backend.submit(queue, *step.kernel, {&launch, 1});
  }
}

}  // namespace tenon::lower
