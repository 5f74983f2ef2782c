// A run: the set is chosen, values are placed, and region after region is queued.
#include "runtime/runner.h"

#include <unordered_map>
#include <utility>

#include "base/convert.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "lower/call.h"
#include "runtime/queue_guard.h"
#include "runtime/timed_backend.h"

namespace tenon::runtime {
namespace {

using ir::index;

std::vector<size_t> outputs_by_root(const lower::Executable& executable) {
  std::vector<size_t> result(executable.graph.values().size(), SIZE_MAX);
  for (size_t i = 0; i < executable.graph.outputs().size(); ++i) {
    const ir::ValueId value = executable.graph.outputs()[i].value;
    result[index(executable.storage[index(value)])] = i;
  }
  return result;
}

void check(const kernel::RunState& state) {
  if (state.failure()) throw InputError(lower::failure_text(state));
}

}  // namespace

void Flight::release() noexcept {
  set.reset();
  if (entered.owns_lock()) entered.unlock();
}

void Submitted::wait() const {
  done->wait();
  check(flight->state);
}

Frame::Frame(const lower::Executable& of, const std::vector<lower::SlotProgram>& programs)
    : executable(of),
      output_of_root(outputs_by_root(of)),
      signatures(of.regions.size()),
      buffers(of.graph.values().size()),
      blocks(of.graph.values().size()),
      tensors(of.graph.values().size()) {
  std::unordered_map<std::string_view, size_t> numbers;
  for (size_t i = 0; i < programs.size(); ++i) numbers.emplace(programs[i].name, i);
  on_host.resize(buffers.size());
  for (const lower::Step& step : of.steps) {
    for (const ir::ValueId id : of.node_of(step).outputs) {
      if (step.on_host) on_host[index(of.storage[index(id)])] = true;
    }
  }
  for (const ir::ValueId id : of.graph.leaves()) {
    slots.emplace_back(id, numbers.at(of.graph.value(id).name));
  }
}

Runner::Runner(std::shared_ptr<Engine::Impl> engine)
    : engine_(std::move(engine)),
      queue_(engine_->backend->queue()),
      heap_(std::make_shared<BlockHeap>(engine_->backend)),
      frame_(engine_->lowered.main, engine_->lowered.slots),
      rules_(graph(), *engine_->lowered.main.symbols, engine_->file.plan.ranges,
             engine_->backend->memory()),
      dense_(rules_.size()),
      device_inputs_(rules_.size()),
      device_outputs_(graph().outputs().size()),
      host_inputs_(rules_.size()) {}

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
  check(flight_->state);
}

// A dense, aligned view's bytes are read where they lie, unless bools among them are not 0 or 1.
const void* Runner::dense_input(size_t i) {
  const TensorView& view = *inputs_[i];
  const bool aligned = reinterpret_cast<uintptr_t>(view.data) % byte_count(view.dtype, 1) == 0;
  const bool dense = aligned && base::is_dense(view);
  const bool are_bools =
      view.dtype != DType::bool_ || !dense || base::are_bools(view.data, view.bytes());
  if (dense && are_bools) return view.data;
  allocated([&] { return "a dense copy of " + rules_.text(i, view); }, view.bytes(), smaller_inputs,
            [&] {
              if (!dense_[i] || !through_->host_memory())
                dense_[i] = std::make_shared<std::vector<std::byte>>();
              dense_[i]->resize(view.bytes());
            });
  base::make_dense(view, dense_[i]->data());
  return dense_[i]->data();
}

// An array on the device is used as it lies.
void Runner::check_device_input(size_t i) const {
  const TensorView& view = *inputs_[i];
  const bool aligned = reinterpret_cast<uintptr_t>(view.data) % byte_count(view.dtype, 1) == 0;
  if (aligned && base::is_dense(view)) return;
  throw InputError(fmt::format(
      "{} lies on {}, where it must be dense and aligned to its element; make it contiguous",
      rules_.text(i, view), base::quoted(view.device)));
}

// Bools come through the host, which sees to their bytes.
const void* Runner::bools_of_device(size_t i) {
  const auto bytes = std::make_shared<std::vector<std::byte>>(inputs_[i]->bytes());
  through_->copy(*queue_, bytes->data(), inputs_[i]->data, bytes->size(),
                 kernel::CopyKind::from_device);
  through_->synchronize(*queue_);
  base::make_bools(bytes->data(), bytes->size());
  dense_[i] = bytes;
  return bytes->data();
}

void Runner::copy(void* to, const void* from, size_t bytes) {
  if (bytes > 0) through_->copy(*queue_, to, from, bytes, kernel::CopyKind::within);
}

void Runner::place_inputs(const Sequences& sequences) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (!inputs_[i]) {
      frame_.tensors[index(graph().inputs()[i])] = held_input(i, sequences);
      continue;
    }
    void*& buffer = frame_.buffers[index(graph().inputs()[i])];
    const bool on_host = inputs_[i]->on_host();
    if (!on_host) check_device_input(i);
    const bool in_place = !on_host && inputs_[i]->dtype != DType::bool_;
    const void* const bytes = in_place  ? inputs_[i]->data
                              : on_host ? dense_input(i)
                                        : bools_of_device(i);
    host_inputs_[i] = in_place ? nullptr : bytes;
    if (through_->host_memory() || in_place) {
      buffer = const_cast<void*>(bytes);  // kernels only read their inputs
      continue;
    }
    const size_t size = inputs_[i]->bytes();
    buffer = allocated([&] { return rules_.text(i, *inputs_[i]); }, size, smaller_inputs,
                       [&] { return device_inputs_[i].reserve(*engine_->backend, size); });
    if (size > 0) through_->copy(*queue_, buffer, bytes, size, kernel::CopyKind::to_device);
    if (bytes != inputs_[i]->data) retire(dense_[i]);  // behind the copy that reads it
  }
}

void Runner::place_weights(Frame& frame) const {
  for (const auto& [value, slot] : frame.slots) {
    frame.buffers[index(value)] = flight_->set->slots[slot].memory.get();
  }
}

void Runner::place_output(size_t i, const kernel::Operand& type, RunOutputs& outputs) {
  const OutputPlace wanted = outputs.target(i, type);
  const ir::ValueId value = graph().outputs()[i].value;
  void*& buffer = frame_.buffers[index(frame_.executable.storage[index(value)])];
  if (wanted.data && wanted.backends) {
    buffer = wanted.data;
    return;
  }
  // An output that the caller does not want still needs a place.
  buffer = allocated([&] { return outputs.text(i, type); }, type.bytes(), smaller_inputs,
                     [&] { return device_outputs_[i].reserve(*engine_->backend, type.bytes()); });
  if (wanted.data && type.bytes() > 0) host_copies_.push_back({wanted.data, buffer, type.bytes()});
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
    retire(std::move(last));
    last = engine_->signatures.find_or_make(frame.executable, region, symbols_, *engine_->backend);
  }
  return *last;
}

void Runner::run_regions(Frame& frame, RunOutputs* outputs, const Sequences* sequences) {
  if (engine_->host) forget_fetched(frame);
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
    if (outputs && number == 0) place_inputs(*sequences);
    // A profile is of the outermost graph's steps.
    kernel::Backend& through = outputs ? *through_ : *engine_->backend;
    queue_steps(frame, number, arena, through);
    if (region.ends_in_executor) {
      run_executors_step(frame, frame.executable.steps[region.last - 1], outputs);
    }
    for (const ir::ValueId id : region.done) {
      frame.blocks[index(id)].reset();
      frame.tensors[index(id)].reset();
    }
  }
}

void Runner::retire(std::shared_ptr<const void> owner) {
  if (owner && !through_->host_memory()) through_->keep(*queue_, std::move(owner));
}

void Runner::enter(const RunRequest& request) {
  // Where a run may be under way when its context goes on, each has its own.
  if (!through_->host_memory()) flight_.reset();
  if (!flight_) {
    flight_ = std::make_shared<Flight>(engine_->backend->target().threads);
  }
  flight_->state.clear();
  flight_->state.stop = request.options.stop;
  if (engine_->options.memory == Memory::in_place) {
    flight_->entered = std::shared_lock(engine_->gate);
  }
  flight_->set = choose(request.options.weights);
}

void Runner::queue_all(const RunRequest& request) {
  rules_.bind(inputs_, symbols_);
  strings_.clear();
  RunOutputs outputs(graph(), *engine_->backend, request, inputs_);
  host_copies_.clear();
  const QueueGuard queued(*engine_->backend, *queue_);
  place_weights(frame_);
  {
    const base::FloatMode mode;
    run_regions(frame_, &outputs, &request.options.sequences);
    give_sequences(outputs);
  }
  for (const HostCopy& copy : host_copies_) {
    through_->copy(*queue_, copy.to, copy.from, copy.bytes, kernel::CopyKind::from_device);
  }
  if (outputs.holds_strings()) {
    wait();
    outputs.keep_strings();
  }
  if (!through_->host_memory()) {
    retire({flight_.get(), [flight = flight_](Flight*) { flight->release(); }});
  }
  if (!scalars_.empty()) {
    retire(std::make_shared<std::deque<int64_t>>(std::exchange(scalars_, {})));
  }
  std::vector<kernel::Buffer> unused = heap_->trim();
  arena_.settle(unused);
  for (Arena& input : device_inputs_) input.settle(unused);
  for (Arena& output : device_outputs_) output.settle(unused);
  if (!unused.empty()) {
    retire(std::make_shared<std::vector<kernel::Buffer>>(std::move(unused)));
  }
}

uint64_t Runner::enqueue(const RunRequest& request, kernel::Backend& through) {
  through_ = &through;
  rules_.take(request.inputs, request.options.sequences, inputs_);
  try {
    enter(request);
    const uint64_t version = flight_->set->version;
    queue_all(request);
    if (through.host_memory()) flight_->release();
    through_ = engine_->backend.get();
    return version;
  } catch (...) {  // nothing is queued any more
    if (flight_) flight_->release();
    throw;
  }
}

uint64_t Runner::enqueue(const RunRequest& request) {
  if (!request.options.step_times) return enqueue(request, *engine_->backend);
  TimedBackend timed(*engine_->backend);
  timed_ = &timed;
  const std::shared_ptr<void> reset(this, [](Runner* self) { self->timed_ = nullptr; });
  const uint64_t version = enqueue(request, timed);
  *request.options.step_times = timed.take_times();
  return version;
}

uint64_t Runner::run(const RunRequest& request) {
  const uint64_t version = enqueue(request);
  wait();
  return version;
}

Submitted Runner::submit(const RunRequest& request) {
  const uint64_t version = enqueue(request);
  const QueueGuard queued(*engine_->backend, *queue_);
  return {flight_, engine_->backend->record(*queue_), version};
}

}  // namespace tenon::runtime
