// Running: inputs checked and bound, memory found by signature, steps run with one set of weights.
#include "tenon/context.h"

#include <algorithm>
#include <list>

#include "base/convert.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "runtime/allocated.h"
#include "runtime/engine_impl.h"
#include "runtime/queue_guard.h"
#include "runtime/timed_backend.h"

namespace tenon {

using namespace runtime;

namespace {

// What a context keeps for one signature of input shapes.
struct Prepared {
  std::vector<Shape> input_shapes;
  std::shared_ptr<const lower::Signature> signature;
  kernel::Memory arena;
  std::vector<void*> buffers;                 // by value
  std::vector<kernel::Memory> device_inputs;  // of backends that are not the host
  std::vector<kernel::Memory> device_outputs;
};

// Signatures kept by a context; the least recently used goes first.
constexpr size_t most_signatures = 8;

bool overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes) {
  const auto* first = static_cast<const std::byte*>(a);
  const auto* second = static_cast<const std::byte*>(b);
  return a_bytes > 0 && b_bytes > 0 && first < second + b_bytes && second < first + a_bytes;
}

std::string listed(std::span<const std::string> names) {
  constexpr size_t most = 20;
  if (names.size() <= most) return base::join(names, ", ");
  return fmt::format("{} and {} more", base::join(names.first(most), ", "), names.size() - most);
}

// Two outputs in one place would leave the bytes of whichever is written last.
void check_apart(const std::map<std::string, TensorView>& out) {
  for (auto a = out.begin(); a != out.end(); ++a) {
    for (auto b = std::next(a); b != out.end(); ++b) {
      if (overlap(a->second.data, a->second.bytes(), b->second.data, b->second.bytes())) {
        throw InputError(fmt::format("out {}: overlaps out {}; give each its own memory",
                                     base::quoted(a->first), base::quoted(b->first)));
      }
    }
  }
}

}  // namespace

struct Context::Impl {
  std::shared_ptr<Engine::Impl> engine;
  std::unique_ptr<kernel::Queue> queue;
  std::list<Prepared> signatures;             // most recently used first
  std::vector<std::vector<std::byte>> dense;  // dense copies of strided inputs, by input
  std::vector<const TensorView*> inputs;      // of this run, in the graph's order
  kernel::RunState state;

  explicit Impl(std::shared_ptr<Engine::Impl> owner)
      : engine(std::move(owner)), queue(engine->backend->queue()) {
    const ir::Graph& graph = engine->lowered.main.graph;
    dense.resize(graph.inputs().size());
    inputs.resize(graph.inputs().size());
    state.threads = engine->backend->target().threads;
  }

  const ir::Graph& graph() const { return engine->lowered.main.graph; }
  const std::string& input_name(size_t i) const { return graph().value(graph().inputs()[i]).name; }

  void take_inputs(const std::map<std::string, TensorView>& given);
  void check_input(size_t i) const;
  [[noreturn]] void unknown_input(const std::map<std::string, TensorView>& given) const;
  lower::Bindings bind() const;
  Prepared& prepared();
  Prepared prepare() const;
  template <class What>
  kernel::Memory memory(size_t bytes, What&& what) const;
  kernel::Memory output_memory(const Prepared& at, size_t i) const;
  kernel::Operand output_operand(const Prepared& at, size_t i) const;
  std::string output_text(const Prepared& at, size_t i) const;
  std::string input_text(size_t i) const;
  void place_inputs(Prepared& at);
  void place_weights(Prepared& at, const WeightSet::Data& set) const;
  uint64_t run(const std::map<std::string, TensorView>& given, const WeightSet& weights,
               Outputs* fresh, const std::map<std::string, TensorView>* out,
               kernel::Backend& through);
  void place_outputs(Prepared& at, Outputs* fresh, const std::map<std::string, TensorView>* out,
                     std::vector<void*>& host);
  void* output_target(const Prepared& at, size_t i, Outputs* fresh,
                      const std::map<std::string, TensorView>* out) const;
  void execute(Prepared& at, const WeightSet::Data& set, const std::vector<void*>& host,
               kernel::Backend& backend);
  std::shared_ptr<WeightSet::Data> choose(const WeightSet& weights) const;

  std::vector<void*> host_outputs;
};

void Context::Impl::unknown_input(const std::map<std::string, TensorView>& given) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < inputs.size(); ++i) names.push_back(input_name(i));
  for (const auto& [name, view] : given) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string near = base::nearest(name, names);
    throw InputError(fmt::format("input {} is not the network's; it takes: {}{}",
                                 base::quoted(name), listed(names),
                                 near.empty() ? "" : "; the nearest is " + base::quoted(near)));
  }
  throw InputError("an input is given twice");
}

void Context::Impl::take_inputs(const std::map<std::string, TensorView>& given) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto found = given.find(input_name(i));
    if (found == given.end()) {
      if (given.size() >= inputs.size()) unknown_input(given);
      throw InputError(fmt::format("input {} is missing; give it a {}", base::quoted(input_name(i)),
                                   graph().type(graph().inputs()[i]).text()));
    }
    inputs[i] = &found->second;
    check_input(i);
  }
  if (given.size() > inputs.size()) unknown_input(given);
}

void Context::Impl::check_input(size_t i) const {
  const TensorView& view = *inputs[i];
  const ir::ValueType& type = graph().type(graph().inputs()[i]);
  if (view.dtype != type.dtype) {
    throw InputError(fmt::format("input {} is {}, the network takes {}; convert it first",
                                 base::quoted(input_name(i)), to_string(view.dtype),
                                 to_string(type.dtype)));
  }
  if (view.shape.size() != type.rank()) {
    throw InputError(fmt::format("input {} has rank {} {}, the network takes rank {} {}",
                                 base::quoted(input_name(i)), view.shape.size(),
                                 to_string(view.shape), type.rank(), ir::text(*type.dims)));
  }
  if (!view.strides.empty() && view.strides.size() != view.shape.size()) {
    throw InputError(fmt::format("input {} has {} strides for rank {}", base::quoted(input_name(i)),
                                 view.strides.size(), view.shape.size()));
  }
  if (view.data == nullptr && element_count(view.shape) > 0) {
    throw InputError(fmt::format("input {} has no data", base::quoted(input_name(i))));
  }
}

// Symbols take their value from the first axis that is nothing but the symbol; then every axis is
// checked.
lower::Bindings Context::Impl::bind() const {
  lower::Bindings bindings;
  const auto each_axis = [&](auto&& f) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      const ir::Dims& dims = *graph().type(graph().inputs()[i]).dims;
      for (size_t axis = 0; axis < dims.size(); ++axis)
        f(i, axis, dims[axis], inputs[i]->shape[axis]);
    }
  };
  each_axis([&](size_t, size_t, const ir::Dim& dim, int64_t extent) {
    std::vector<std::string> symbols;
    dim.symbols(symbols);
    if (symbols.size() == 1 && dim == ir::Dim::symbol(symbols[0]))
      bindings.try_emplace(symbols[0], extent);
  });
  each_axis([&](size_t i, size_t axis, const ir::Dim& dim, int64_t extent) {
    if (dim.evaluate(bindings) == extent) return;
    throw InputError(
        fmt::format("input {}: axis {} has {} elements, the network takes {}{}",
                    base::quoted(input_name(i)), axis, extent, dim.text(),
                    dim.is_constant() ? "" : fmt::format(" = {} here", dim.evaluate(bindings))));
  });
  for (const auto& [symbol, extent] : bindings) {
    const auto range = engine->file.plan.ranges.find(symbol);
    if (range == engine->file.plan.ranges.end()) continue;
    if (extent < range->second.least || extent > range->second.greatest) {
      throw InputError(
          fmt::format("\"{}\" is {} in these inputs; the engine was built for {} to {}", symbol,
                      extent, range->second.least, range->second.greatest));
    }
  }
  return bindings;
}

Prepared Context::Impl::prepare() const {
  Prepared made;
  for (const TensorView* input : inputs) made.input_shapes.push_back(input->shape);
  const lower::Executable& main = engine->lowered.main;
  made.signature = lower::make_signature(main, bind(), *engine->backend);
  const auto arena = [&] {
    return fmt::format("the arena (most of it {})", lower::largest_in_arena(main, *made.signature));
  };
  made.arena = memory(made.signature->arena_bytes, arena);
  made.buffers.assign(graph().values().size(), nullptr);
  if (engine->backend->host_memory()) return made;
  for (size_t i = 0; i < inputs.size(); ++i) {
    made.device_inputs.push_back(memory(inputs[i]->bytes(), [&] { return input_text(i); }));
  }
  for (size_t i = 0; i < graph().outputs().size(); ++i) {
    made.device_outputs.push_back(output_memory(made, i));
  }
  return made;
}

template <class What>
kernel::Memory Context::Impl::memory(size_t bytes, What&& what) const {
  return allocated(what, bytes, smaller_inputs,
                   [&] { return engine->backend->allocate(std::max<size_t>(bytes, 64)); });
}

kernel::Memory Context::Impl::output_memory(const Prepared& at, size_t i) const {
  return memory(output_operand(at, i).bytes(), [&] { return output_text(at, i); });
}

kernel::Operand Context::Impl::output_operand(const Prepared& at, size_t i) const {
  const auto value = static_cast<size_t>(graph().outputs()[i].value);
  return {graph().type(graph().outputs()[i].value).dtype, at.signature->shapes[value]};
}

std::string Context::Impl::output_text(const Prepared& at, size_t i) const {
  return fmt::format("output {} {}", base::quoted(graph().outputs()[i].name),
                     output_operand(at, i).text());
}

std::string Context::Impl::input_text(size_t i) const {
  return fmt::format("input {} {}{}", base::quoted(input_name(i)), to_string(inputs[i]->dtype),
                     to_string(inputs[i]->shape));
}

Prepared& Context::Impl::prepared() {
  const auto same_shapes = [&](const Prepared& at) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (at.input_shapes[i] != inputs[i]->shape) return false;
    }
    return true;
  };
  const auto found = std::find_if(signatures.begin(), signatures.end(), same_shapes);
  if (found != signatures.end()) {
    signatures.splice(signatures.begin(), signatures, found);
    return signatures.front();
  }
  Prepared fresh = prepare();
  if (signatures.size() == most_signatures) signatures.pop_back();
  signatures.push_front(std::move(fresh));
  return signatures.front();
}

void Context::Impl::place_inputs(Prepared& at) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorView& view = *inputs[i];
    const void* bytes = view.data;
    const bool aligned = reinterpret_cast<uintptr_t>(bytes) % size_of(view.dtype) == 0;
    const bool usable = aligned && base::is_dense(view) &&
                        (view.dtype != DType::bool_ || base::are_bools(bytes, view.bytes()));
    if (!usable) {
      allocated([&] { return "a dense copy of " + input_text(i); }, view.bytes(), smaller_inputs,
                [&] { dense[i].resize(view.bytes()); });
      base::make_dense(view, dense[i].data());
      bytes = dense[i].data();
    }
    const auto value = static_cast<size_t>(graph().inputs()[i]);
    if (engine->backend->host_memory()) {
      at.buffers[value] = const_cast<void*>(bytes);  // kernels only read their inputs
    } else {
      at.buffers[value] = at.device_inputs[i].get();
      if (view.bytes() > 0) {
        engine->backend->copy(*queue, at.buffers[value], bytes, view.bytes(),
                              kernel::CopyKind::to_device);
      }
    }
  }
}

void Context::Impl::place_weights(Prepared& at, const WeightSet::Data& set) const {
  for (size_t slot = 0; slot < engine->slot_values.size(); ++slot) {
    at.buffers[static_cast<size_t>(engine->slot_values[slot])] = set.slots[slot].memory.get();
  }
}

void* Context::Impl::output_target(const Prepared& at, size_t i, Outputs* fresh,
                                   const std::map<std::string, TensorView>* out) const {
  const ir::Output& output = graph().outputs()[i];
  const DType dtype = graph().type(output.value).dtype;
  const Shape& shape = at.signature->shapes[static_cast<size_t>(output.value)];
  if (fresh != nullptr) {
    Tensor tensor = allocated([&] { return output_text(at, i); }, output_operand(at, i).bytes(),
                              smaller_inputs, [&] { return Tensor(dtype, shape); });
    return fresh->tensors.insert_or_assign(output.name, std::move(tensor)).first->second.data();
  }
  const auto found = out->find(output.name);
  if (found == out->end()) return nullptr;
  const TensorView& view = found->second;
  if (view.dtype != dtype || view.shape != shape) {
    throw InputError(fmt::format("out {}: is {}{}, the output is {}{}", base::quoted(output.name),
                                 to_string(view.dtype), to_string(view.shape), to_string(dtype),
                                 to_string(shape)));
  }
  if (view.data == nullptr && view.bytes() > 0) {
    throw InputError(fmt::format("out {}: has no data; leave it out if it is not wanted",
                                 base::quoted(output.name)));
  }
  if (!base::is_dense(view) || reinterpret_cast<uintptr_t>(view.data) % size_of(dtype) != 0) {
    throw InputError(
        fmt::format("out {}: must be dense and aligned to its element", base::quoted(output.name)));
  }
  for (size_t input = 0; input < inputs.size(); ++input) {
    if (base::is_dense(*inputs[input]) &&
        overlap(view.data, view.bytes(), inputs[input]->data, inputs[input]->bytes())) {
      throw InputError(fmt::format("out {}: overlaps input {}", base::quoted(output.name),
                                   base::quoted(input_name(input))));
    }
  }
  return const_cast<void*>(view.data);
}

void Context::Impl::place_outputs(Prepared& at, Outputs* fresh,
                                  const std::map<std::string, TensorView>* out,
                                  std::vector<void*>& host) {
  host.assign(graph().outputs().size(), nullptr);
  for (size_t i = 0; i < host.size(); ++i) host[i] = output_target(at, i, fresh, out);
  if (out != nullptr) {
    check_apart(*out);
    for (const auto& [name, view] : *out) {
      const auto same = [&](const ir::Output& output) { return output.name == name; };
      if (std::none_of(graph().outputs().begin(), graph().outputs().end(), same)) {
        std::vector<std::string> names;
        for (const ir::Output& output : graph().outputs()) names.push_back(output.name);
        throw InputError(fmt::format("out {} is not the network's; it gives: {}",
                                     base::quoted(name), listed(names)));
      }
    }
  }
  for (size_t i = 0; i < host.size(); ++i) {
    const auto value = static_cast<size_t>(
        engine->lowered.main.storage[static_cast<size_t>(graph().outputs()[i].value)]);
    if (!engine->backend->host_memory()) {
      at.buffers[value] = at.device_outputs[i].get();
      continue;
    }
    if (host[i] == nullptr) {  // an output that the caller does not want still needs a place
      if (at.device_outputs.empty()) at.device_outputs.resize(host.size());
      if (!at.device_outputs[i]) at.device_outputs[i] = output_memory(at, i);
      at.buffers[value] = at.device_outputs[i].get();
    } else {
      at.buffers[value] = host[i];
    }
  }
}

void Context::Impl::execute(Prepared& at, const WeightSet::Data& set,
                            const std::vector<void*>& host, kernel::Backend& backend) {
  state.failure.store(nullptr);
  place_weights(at, set);
  {
    const base::FloatMode mode;
    lower::run_steps(engine->lowered.main, *at.signature, backend, *queue, at.arena.get(),
                     at.buffers, state);
  }
  if (!backend.host_memory()) {
    for (size_t i = 0; i < host.size(); ++i) {
      const auto value = static_cast<size_t>(graph().outputs()[i].value);
      const size_t bytes = TensorView(nullptr, graph().type(graph().outputs()[i].value).dtype,
                                      at.signature->shapes[value])
                               .bytes();
      if (host[i] && bytes > 0) {
        backend.copy(*queue, host[i], at.device_outputs[i].get(), bytes,
                     kernel::CopyKind::from_device);
      }
    }
  }
  backend.synchronize(*queue);
  if (const char* failure = state.failure.load()) throw InputError(failure);
}

std::shared_ptr<WeightSet::Data> Context::Impl::choose(const WeightSet& weights) const {
  if (!weights) return engine->set_for_run();
  if (weights.data()->ledger != engine->ledger)
    throw InputError("weights: the set is another engine's");
  if (engine->options.memory == Memory::in_place && weights.data() != engine->current()) {
    throw InputError("weights: this set has been overwritten; the engine has memory=\"in_place\"");
  }
  return weights.data();
}

uint64_t Context::Impl::run(const std::map<std::string, TensorView>& given,
                            const WeightSet& weights, Outputs* fresh,
                            const std::map<std::string, TensorView>* out,
                            kernel::Backend& through) {
  take_inputs(given);
  const bool in_place = engine->options.memory == Memory::in_place;
  std::unique_ptr<RunGate, void (*)(RunGate*)> entered(
      nullptr, [](RunGate* gate) { gate->unlock_shared(); });
  if (in_place) {
    engine->gate.lock_shared();
    entered.reset(&engine->gate);
  }
  const std::shared_ptr<WeightSet::Data> set = choose(weights);
  Prepared& at = prepared();
  const QueueGuard queued(*engine->backend, *queue);
  place_outputs(at, fresh, out, host_outputs);
  place_inputs(at);
  execute(at, *set, host_outputs, through);
  return set->version;
}

Context::Context(const Engine& engine) : impl_(std::make_unique<Impl>(engine.impl())) {}
Context::~Context() = default;
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;

Outputs Context::run(const std::map<std::string, TensorView>& inputs, const WeightSet& weights) {
  Outputs outputs;
  outputs.version = impl_->run(inputs, weights, &outputs, nullptr, *impl_->engine->backend);
  return outputs;
}

uint64_t Context::run(const std::map<std::string, TensorView>& inputs,
                      const std::map<std::string, TensorView>& out, const WeightSet& weights) {
  return impl_->run(inputs, weights, nullptr, &out, *impl_->engine->backend);
}

std::vector<double> Context::profile(const std::map<std::string, TensorView>& inputs, int runs) {
  if (runs < 1) base::fail(ErrorCode::invalid_input, "profile: {} runs; give 1 or more", runs);
  TimedBackend timed(*impl_->engine->backend);
  std::vector<std::vector<double>> by_layer(impl_->engine->lowered.main.steps.size());
  const std::map<std::string, TensorView> no_outputs;
  for (int run = 0; run <= runs; ++run) {
    impl_->run(inputs, {}, nullptr, &no_outputs, timed);
    const std::vector<double> seconds = timed.take_seconds();
    for (size_t i = 0; run > 0 && i < seconds.size(); ++i) by_layer[i].push_back(seconds[i]);
  }
  std::vector<double> medians;
  for (std::vector<double>& seconds : by_layer) {
    const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
    std::nth_element(seconds.begin(), middle, seconds.end());
    medians.push_back(*middle);
  }
  return medians;
}

ContextPool::ContextPool(const Engine& engine) : engine_(engine) {}

Outputs ContextPool::run(const std::map<std::string, TensorView>& inputs,
                         const WeightSet& weights) {
  const Lease context = take();
  return context->run(inputs, weights);
}

uint64_t ContextPool::run(const std::map<std::string, TensorView>& inputs,
                          const std::map<std::string, TensorView>& out, const WeightSet& weights) {
  const Lease context = take();
  return context->run(inputs, out, weights);
}

ContextPool::Lease ContextPool::take() {
  const auto give_back = [this](Context* context) {
    const std::lock_guard lock(mutex_);
    free_.emplace_back(context);
  };
  const std::lock_guard lock(mutex_);
  if (free_.empty()) return {new Context(engine_), give_back};
  Context* context = free_.back().release();
  free_.pop_back();
  return {context, give_back};
}

}  // namespace tenon
