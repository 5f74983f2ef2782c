// Engine: what it is made of, and its public face.
#include "tenon/engine.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/change.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "runtime/allocated.h"
#include "runtime/backends.h"
#include "runtime/engine_impl.h"
#include "runtime/read_leaf.h"
#include "tenon/refitter.h"

namespace tenon {

using namespace runtime;

namespace {

std::vector<Port> ports(const ir::Graph& graph,
                        std::span<const std::pair<std::string, ir::ValueId>> values) {
  std::vector<Port> result;
  for (const auto& [name, id] : values) {
    Port port{.name = name,
              .dtype = graph.type(id).dtype,
              .kind = static_cast<PortKind>(graph.type(id).kind)};
    static_assert(static_cast<int>(ir::ValueKind::maps) == static_cast<int>(PortKind::maps));
    const auto& dims = graph.type(id).dims;
    if (!dims) port.shape.emplace_back("...");
    for (const ir::Dim& dim : dims.value_or(ir::Dims())) port.shape.push_back(dim.text());
    result.push_back(std::move(port));
  }
  return result;
}

void check_options(const EngineOptions& options) {
  if (options.sets < 2) {
    base::fail(ErrorCode::invalid_input, "sets: {} is too few; a refit beside runs needs 2 or more",
               options.sets);
  }
}

Source source_of_bytes(const ir::Leaf& leaf, const std::vector<std::byte>& bytes) {
  return std::make_shared<weights::TensorSource>(weights::make_source(
      leaf.name, leaf.type.dtype, leaf.type.shape(), base::memory_source(bytes), 0));
}

}  // namespace

Engine::Impl::Impl(plan::PlanFile plan_file, std::shared_ptr<kernel::Backend> on,
                   const lower::Options& lowering, const EngineOptions& engine_options)
    : backend(std::move(on)),
      options(engine_options),
      file(std::move(plan_file)),
      signatures(options.signature_bytes) {
  check_options(options);
  const ir::Program& program = file.plan.program;
  lower::Options beside = lowering;
  if (!backend->host_memory()) host = make_backend(std::string(host_device), options.threads);
  beside.host = host.get();
  lowered = lower::lower(program, *backend, beside);
  if (backend->captures()) {
    std::vector<size_t> sizes;
    for (const lower::SlotProgram& slot : lowered.slots) sizes.push_back(slot.code->bytes);
    banks = std::make_shared<SlotBanks>(backend, sizes, static_cast<size_t>(options.sets - 1));
  } else {
    pool = std::make_shared<SlotPool>(backend);
  }
  for (const ir::Leaf& leaf : program.leaves) {
    leaf_index.emplace(leaf.name, leaves.size());
    for (const std::string& alias : leaf.aliases) leaf_index.emplace(alias, leaves.size());
    leaves.push_back({.leaf = leaf});
    if (const auto found = file.digests.find(leaf.name); found != file.digests.end())
      leaves.back().digest = found->second;
    const auto source = file.sources.find(leaf.name);
    original.push_back(source == file.sources.end()
                           ? nullptr
                           : std::make_shared<weights::TensorSource>(source->second));
  }
  for (const ir::Guard& guard : program.guards) {
    const size_t leaf = leaf_named(guard.weight);
    leaves[leaf].guards.push_back(&guard);
    original[leaf] = source_of_bytes(leaves[leaf].leaf, guard.bytes);
  }
  file.sources.clear();  // `original` has them
  add_inline_constants();
  for (const lower::SlotProgram& slot : lowered.slots) {
    std::vector<size_t>& feeds = slot_leaves.emplace_back();
    for (const std::string& name : slot.leaves) {
      feeds.push_back(leaf_named(name));
      leaves[feeds.back()].slots.push_back(slot_leaves.size() - 1);
    }
  }
}

void Engine::Impl::add_inline_constants() {
  const ir::Graph& graph = file.plan.program.weights;
  for (const ir::ValueId id : graph.leaves()) {
    const ir::GraphValue& value = graph.value(id);
    if (!value.bytes) continue;
    const auto [at, fresh] = leaf_index.emplace(value.name, leaves.size());
    if (fresh) {
      leaves.push_back({.leaf = {.name = value.name,
                                 .type = value.value.type,
                                 .refittable = false,
                                 .reason = "made while building"}});
      original.emplace_back();
    }
    original[at->second] = source_of_bytes(leaves[at->second].leaf, *value.bytes);
  }
}

bool Engine::Impl::has_digest(size_t leaf, const weights::TensorSource& source) const {
  const Source& first = original[leaf];
  return !leaves[leaf].digest.empty() && first && first->bytes == source.bytes &&
         first->offset == source.offset;
}

size_t Engine::Impl::leaf_named(std::string_view name) const {
  if (const auto found = leaf_index.find(name); found != leaf_index.end()) return found->second;
  std::vector<std::string> names;
  for (const LeafState& state : leaves) names.push_back(state.leaf.name);
  const std::string near = base::nearest(name, names);
  base::fail(ErrorCode::invalid_input, "weight {} is not in this engine{}", base::quoted(name),
             near.empty() ? "" : "; the nearest is " + base::quoted(near));
}

Engine::Impl::DataPtr Engine::Impl::current() const {
  const std::lock_guard lock(state);
  return current_;
}

void Engine::Impl::refuse_in_child() const {
  if (backend->host_memory() || made_in_ == base::forks()) return;
  base::fail(ErrorCode::unavailable,
             "the engine is on {}, whose queues and memory stay with the process that made it; "
             "build or load the engine in the child of a fork, or start the child by spawn",
             options.device);
}

// What a refit under way in the parent had made so far is lost to the child, and no more: its next
// refit begins anew.
void Engine::Impl::begin_in_child() noexcept {
  // The lanes may be as a thread left them in the middle of a change.
  if (writer.begin_in_child()) new (&scratch) Scratch;
  new (&ledger->changed) std::condition_variable_any;
  // Runs that the child does not have keep sets for ever; as handles do, which no refit waits for.
  if (current_) ++current_->handles;
  for (WeightSet::Data* set : ledger->retired) ++set->handles;
  if (gate.begin_in_child()) lost_ = std::exchange(current_, nullptr);
}

Engine::Impl::DataPtr Engine::Impl::set_for_run() const {
  refuse_in_child();
  if (DataPtr set = current()) return set;
  throw NotReadyError(
      "the engine has no weights yet; refit it first (engine.refit, or tenon refit PLAN WEIGHTS)");
}

Source Engine::Impl::source_of(size_t leaf, const DataPtr& base) const {
  if (!leaves[leaf].guards.empty()) return original[leaf];
  if (base) return base->sources[leaf] ? base->sources[leaf] : original[leaf];
  const std::lock_guard lock(state);
  const DataPtr& set = current_ ? current_ : lost_;
  return set && set->sources[leaf] ? set->sources[leaf] : original[leaf];
}

std::vector<Port> Engine::inputs() const {
  const ir::Graph& graph = impl_->file.plan.program.main;
  std::vector<std::pair<std::string, ir::ValueId>> values;
  for (const ir::ValueId id : graph.inputs()) values.emplace_back(graph.value(id).name, id);
  return ports(graph, values);
}

std::vector<Port> Engine::outputs() const {
  const ir::Graph& graph = impl_->file.plan.program.main;
  std::vector<std::pair<std::string, ir::ValueId>> values;
  for (const ir::Output& output : graph.outputs()) values.emplace_back(output.name, output.value);
  return ports(graph, values);
}

const std::string& Engine::device() const { return impl_->options.device; }

std::vector<WeightInfo> Engine::weights() const {
  const std::vector<std::vector<std::string>> kernels = impl_->lowered.kernels_of_slots();
  std::vector<WeightInfo> infos;
  for (const LeafState& state : impl_->leaves) {
    if (!state.leaf.refittable) continue;
    WeightInfo info{state.leaf.name,
                    state.leaf.type.dtype,
                    state.leaf.type.shape(),
                    !state.guards.empty(),
                    {},
                    {},
                    state.leaf.aliases};
    for (const size_t slot : state.slots) {
      info.slots.push_back(impl_->lowered.slots[slot].name);
      info.kernels.insert(info.kernels.end(), kernels[slot].begin(), kernels[slot].end());
    }
    infos.push_back(std::move(info));
  }
  return infos;
}

std::vector<ConstantInfo> Engine::constants() const {
  std::vector<ConstantInfo> infos;
  for (const ir::Leaf& leaf : impl_->file.plan.program.leaves) {
    if (!leaf.refittable)
      infos.push_back({leaf.name, leaf.type.dtype, leaf.type.shape(), leaf.reason});
  }
  return infos;
}

Tensor Engine::read_weight(const std::string& name) const {
  const size_t leaf = impl_->leaf_named(name);
  const ir::Leaf& info = impl_->leaves[leaf].leaf;
  const Source source = impl_->source_of(leaf);
  if (!source) {
    base::fail(ErrorCode::not_ready, "weight {} cannot be read: {}", base::quoted(name),
               impl_->options.sources == Sources::drop
                   ? "the engine drops its sources (sources=\"drop\")"
                   : "the engine has not been refitted yet");
  }
  const Shape shape = info.type.shape();
  const auto what = [&] { return copy_of_weight(name, info.type.dtype, shape); };
  Tensor tensor = allocated(what, info.type.bytes(), more_memory,
                            [&] { return Tensor(info.type.dtype, shape); });
  const LeafBytes bytes{.source = source.get(), .name = info.name, .dtype = info.type.dtype};
  const auto read = [&] { read_leaf(bytes, elements_of(bytes, {}), tensor.data(), {}); };
  if (base::change_of(*source->bytes) != base::Change::none && impl_->has_digest(leaf, *source)) {
    read();  // the digest decides, not what has happened to the file
    const base::Bytes found(static_cast<const std::byte*>(tensor.data()), tensor.bytes());
    if (base::digest(found) == impl_->leaves[leaf].digest) return tensor;
  }
  source->bytes->check_unchanged();
  read();
  source->bytes->check_unchanged();
  if (base::change_of(*source->bytes) != base::Change::none && impl_->has_digest(leaf, *source)) {
    base::fail(ErrorCode::bad_file, "{}: was rewritten under another name after it was opened",
               source->bytes->name());
  }
  return tensor;
}

std::string Engine::digest(const std::string& name) const {
  const std::string& recorded = impl_->leaves[impl_->leaf_named(name)].digest;
  if (!ready() && !recorded.empty()) return recorded;
  const Tensor tensor = read_weight(name);
  return base::digest({static_cast<const std::byte*>(tensor.data()), tensor.bytes()});
}

const std::map<std::string, std::string>& Engine::notes() const { return impl_->file.notes; }

bool Engine::ready() const { return impl_->current() != nullptr; }

uint64_t Engine::version() const {
  const Impl::DataPtr set = impl_->current();
  return set ? set->version : 0;
}

WeightSet Engine::current() const { return WeightSet(impl_->current()); }

void Engine::publish(const WeightSet& set) {
  if (!set || set.data()->ledger != impl_->ledger) {
    base::fail(ErrorCode::invalid_input,
               "publish: the weight set is {}; publish sets of this engine",
               set ? "another engine's" : "empty");
  }
  impl_->refuse_in_child();
  const std::lock_guard lock(impl_->writer);
  if (impl_->options.memory == Memory::in_place && set.data() != impl_->current()) {
    base::fail(ErrorCode::unsupported,
               "publish: an engine with memory=\"in_place\" holds one set of weights only");
  }
  impl_->publish(set.data());
  impl_->refitted = true;
}

RefitReport Engine::refit(const std::filesystem::path& path, const RefitOptions& options) {
  Refitter refitter(*this, options);
  refitter.load(path);
  return refitter.commit();
}

RefitReport Engine::refit(const std::map<std::string, TensorView>& weights,
                          const RefitOptions& options) {
  Refitter refitter(*this, options);
  for (const auto& [name, view] : weights) refitter.borrow(name, view);
  return refitter.commit();
}

RefitReport Engine::reset() {
  GivenWeights given;
  for (size_t leaf = 0; leaf < impl_->leaves.size(); ++leaf) {
    const LeafState& state = impl_->leaves[leaf];
    if (!state.leaf.refittable) continue;
    if (!impl_->original[leaf]) {
      base::fail(ErrorCode::not_ready,
                 "reset: the engine was made without weight {}, or drops its sources",
                 base::quoted(state.leaf.name));
    }
    given.emplace(state.leaf.name,
                  Given{.kind = Given::Kind::set, .source = impl_->original[leaf]});
  }
  return impl_->commit(given, {}, {}, nullptr, [](const ExtensionPtr&) { return nullptr; });
}

std::shared_ptr<Engine::Impl> runtime::make_engine(plan::PlanFile file,
                                                   std::shared_ptr<kernel::Backend> backend,
                                                   const lower::Options& lowering,
                                                   const EngineOptions& options) {
  auto engine =
      std::make_shared<Engine::Impl>(std::move(file), std::move(backend), lowering, options);
  if (engine->missing({}, nullptr).empty()) engine->refit_all({lowering.stop, lowering.progress});
  if (options.sources == Sources::drop) {
    for (size_t leaf = 0; leaf < engine->leaves.size(); ++leaf) {
      const LeafState& state = engine->leaves[leaf];
      if (state.leaf.refittable && state.guards.empty()) engine->original[leaf] = nullptr;
    }
  }
  engine->keep_originals();
  return engine;
}

}  // namespace tenon
