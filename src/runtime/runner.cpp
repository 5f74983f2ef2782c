// A run: the set is chosen, values are placed, and region after region is queued.
#include "runtime/runner.h"

#include <unordered_map>

#include "base/convert.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "lower/call.h"
#include "runtime/queue_guard.h"

namespace tenon::runtime {
namespace {

size_t index(ir::ValueId id) { return static_cast<size_t>(id); }

/// Runs of an in-place engine and its writers exclude each other.
class Entered {
 public:
  explicit Entered(Engine::Impl& engine)
      : gate_(engine.options.memory == Memory::in_place ? &engine.gate : nullptr) {
    if (gate_) gate_->lock_shared();
  }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
  ~Entered() {
    if (gate_) gate_->unlock_shared();
  }

 private:
  RunGate* gate_;
};

std::vector<size_t> outputs_by_root(const lower::Executable& executable) {
  std::vector<size_t> result(executable.graph.values().size(), SIZE_MAX);
  for (size_t i = 0; i < executable.graph.outputs().size(); ++i) {
    const ir::ValueId value = executable.graph.outputs()[i].value;
    result[index(executable.storage[index(value)])] = i;
  }
  return result;
}

}  // namespace

Frame::Frame(const lower::Executable& of, const std::vector<lower::SlotProgram>& programs)
    : executable(of),
      output_of_root(outputs_by_root(of)),
      signatures(of.regions.size()),
      buffers(of.graph.values().size()),
      blocks(of.graph.values().size()),
      tensors(of.graph.values().size()) {
  std::unordered_map<std::string_view, size_t> numbers;
  for (size_t i = 0; i < programs.size(); ++i) numbers.emplace(programs[i].name, i);
  for (const ir::ValueId id : of.graph.leaves()) {
    slots.emplace_back(id, numbers.at(of.graph.value(id).name));
  }
}

Runner::Runner(std::shared_ptr<Engine::Impl> engine)
    : engine_(std::move(engine)),
      queue_(engine_->backend->queue()),
      heap_(std::make_shared<BlockHeap>(engine_->backend)),
      frame_(engine_->lowered.main, engine_->lowered.slots),
      rules_(graph(), *engine_->lowered.main.symbols, engine_->file.plan.ranges),
      dense_(rules_.size()),
      device_inputs_(rules_.size()),
      device_outputs_(graph().outputs().size()) {
  state_.threads = engine_->backend->target().threads;
}

std::shared_ptr<WeightSet::Data> Runner::choose(const WeightSet& weights) const {
  if (!weights) return engine_->set_for_run();
  if (weights.data()->ledger != engine_->ledger)
    throw InputError("weights: the set is another engine's");
  if (engine_->options.memory == Memory::in_place && weights.data() != engine_->current()) {
    throw InputError("weights: this set has been overwritten; the engine has memory=\"in_place\"");
  }
  return weights.data();
}

void Runner::wait() {
  through_->synchronize(*queue_);
  if (state_.failure()) throw InputError(lower::failure_text(state_));
}

// A dense, aligned view's bytes are read where they lie, unless bools among them are not 0 or 1.
const void* Runner::dense_input(size_t i) {
  const TensorView& view = *inputs_[i];
  const bool aligned = reinterpret_cast<uintptr_t>(view.data) % size_of(view.dtype) == 0;
  const bool dense = aligned && base::is_dense(view);
  const bool are_bools =
      view.dtype != DType::bool_ || !dense || base::are_bools(view.data, view.bytes());
  if (dense && are_bools) return view.data;
  allocated([&] { return "a dense copy of " + rules_.text(i, view); }, view.bytes(), smaller_inputs,
            [&] { dense_[i].resize(view.bytes()); });
  base::make_dense(view, dense_[i].data());
  return dense_[i].data();
}

void Runner::copy(void* to, const void* from, size_t bytes) {
  if (bytes > 0) through_->copy(*queue_, to, from, bytes, kernel::CopyKind::within);
}

void Runner::place_inputs() {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    void*& buffer = frame_.buffers[index(graph().inputs()[i])];
    const void* bytes = dense_input(i);
    if (through_->host_memory()) {
      buffer = const_cast<void*>(bytes);  // kernels only read their inputs
      continue;
    }
    const size_t size = inputs_[i]->bytes();
    device_inputs_[i].reset();  // of the last run, which is done
    device_inputs_[i] = block(size, [&] { return rules_.text(i, *inputs_[i]); });
    buffer = device_inputs_[i].get();
    if (size > 0) through_->copy(*queue_, buffer, bytes, size, kernel::CopyKind::to_device);
  }
}

void Runner::place_weights(Frame& frame) const {
  for (const auto& [value, slot] : frame.slots) {
    frame.buffers[index(value)] = set_->slots[slot].memory.get();
  }
}

void Runner::place_output(size_t i, const kernel::Operand& type, RunOutputs& outputs) {
  void* const host = outputs.target(i, type);
  const ir::ValueId value = graph().outputs()[i].value;
  void*& buffer = frame_.buffers[index(frame_.executable.storage[index(value)])];
  if (host && through_->host_memory()) {
    buffer = host;
    return;
  }
  // An output that the caller does not want still needs a place.
  device_outputs_[i].reset();
  device_outputs_[i] = block(type.bytes(), [&] { return outputs.text(i, type); });
  buffer = device_outputs_[i].get();
  if (host && type.bytes() > 0) host_copies_.push_back({host, buffer, type.bytes()});
}

void Runner::place_values(Frame& frame, size_t number, RunOutputs* outputs) {
  const lower::Region& region = frame.executable.regions[number];
  const lower::Signature& made = *frame.signatures[number];
  const auto place_block = [&](ir::ValueId id, const kernel::Operand& type) {
    const auto what = [&] {
      const lower::Bindings bindings = frame.executable.symbols->bindings(symbols_);
      return lower::describe(frame.executable.graph, id, bindings);
    };
    frame.blocks[index(id)] = block(type.bytes(), what);
    frame.buffers[index(id)] = frame.blocks[index(id)].get();
  };
  for (size_t i = 0; i < region.outputs.size(); ++i) {
    const ir::ValueId id = region.outputs[i];
    if (outputs) {
      place_output(frame.output_of_root[index(id)], made.outputs[i], *outputs);
    } else {
      place_block(id, made.outputs[i]);
    }
  }
  for (size_t i = 0; i < region.kept.size(); ++i) place_block(region.kept[i], made.kept[i]);
}

const lower::Signature& Runner::signature(Frame& frame, size_t number) {
  const lower::Region& region = frame.executable.regions[number];
  auto& last = frame.signatures[number];
  if (!last || !lower::fits(region, *last, symbols_)) {
    last = engine_->signatures.find_or_make(frame.executable, region, symbols_, *engine_->backend);
  }
  return *last;
}

void Runner::run_regions(Frame& frame, RunOutputs* outputs) {
  for (size_t number = 0; number < frame.executable.regions.size(); ++number) {
    const lower::Region& region = frame.executable.regions[number];
    const lower::Signature& made = signature(frame, number);
    const auto arena_text = [&] {
      return fmt::format("the arena (most of it {})",
                         lower::largest_in_arena(frame.executable, region, made));
    };
    void* const arena = allocated(arena_text, made.arena_bytes, smaller_inputs, [&] {
      return arena_.reserve(*engine_->backend, made.arena_bytes);
    });
    place_values(frame, number, outputs);
    if (outputs && number == 0) place_inputs();
    // A profile is of the outermost graph's steps.
    kernel::Backend& through = outputs ? *through_ : *engine_->backend;
    lower::run_steps(frame.executable, region, made, through, *queue_, arena, frame.buffers,
                     state_);
    if (region.ends_in_executor) {
      run_executors_step(frame, frame.executable.steps[region.last - 1], outputs);
    }
    for (const ir::ValueId id : region.done) {
      frame.blocks[index(id)].reset();
      frame.tensors[index(id)].reset();
    }
  }
}

uint64_t Runner::run(const RunRequest& request, kernel::Backend& through) {
  rules_.take(request.inputs, inputs_);
  const Entered entered(*engine_);
  set_ = choose(request.weights);
  through_ = &through;
  rules_.bind(inputs_, symbols_);
  RunOutputs outputs(graph(), request.fresh, request.out, inputs_);
  host_copies_.clear();
  state_.clear();
  const QueueGuard queued(*engine_->backend, *queue_);
  place_weights(frame_);
  {
    const base::FloatMode mode;
    run_regions(frame_, &outputs);
  }
  for (const HostCopy& copy : host_copies_) {
    through.copy(*queue_, copy.to, copy.from, copy.bytes, kernel::CopyKind::from_device);
  }
  wait();
  scalars_.clear();
  heap_->trim();
  arena_.settle();
  const uint64_t version = set_->version;
  set_.reset();
  return version;
}

}  // namespace tenon::runtime
