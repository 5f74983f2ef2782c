// Prepare and publish: how an accepted refit becomes the current weights.
#include <algorithm>
#include <chrono>

#include "base/convert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/spill.h"
#include "base/thread_pool.h"
#include "runtime/allocated.h"
#include "runtime/engine_impl.h"
#include "runtime/evaluate.h"
#include "runtime/leaf_reader.h"
#include "runtime/queue_guard.h"

namespace tenon::runtime {
namespace {

using Impl = Engine::Impl;
using Data = WeightSet::Data;

// Kernels read slots at full speed only from here on.
constexpr uintptr_t slot_alignment = 64;

// True when the source's bytes are the slot's own, so that no copy is made: only where no later
// write goes over them.
bool shares_bytes(const Impl& engine, const lower::SlotProgram& slot, const LeafBytes& leaf) {
  return slot.is_source() && engine.backend->host_memory() &&
         engine.options.memory == Memory::double_ && engine.options.sources == Sources::keep &&
         leaf.source && leaf.source->bytes->memory() && leaf.source->bytes->lasting() &&
         reinterpret_cast<uintptr_t>(leaf.in_place()) % slot_alignment == 0 &&
         leaf.in_place() != nullptr;
}

Source source_over(const kernel::Buffer& memory, const ir::Leaf& leaf) {
  const base::Bytes bytes(static_cast<const std::byte*>(memory.get()), leaf.type.bytes());
  return std::make_shared<weights::TensorSource>(weights::TensorSource{
      leaf.type.dtype, leaf.type.shape(), base::memory_source(bytes, memory), 0});
}

// Arrays that are smaller stay in memory where others go to a file.
constexpr size_t least_spilled = 4096;

TensorView view_of(const weights::TensorSource& source) {
  return {source.bytes->memory() + source.offset, source.dtype, source.shape};
}

/// What sets remember of arrays.
class ArrayKeeper {
 public:
  explicit ArrayKeeper(const Impl& engine) : engine_(engine) {}

  /// Of a view whose bytes are a caller's: the slot's bytes where they are its own, else a copy in
  /// its own dtype, or bytes in a file.
  Source of(size_t index, const TensorView& view, const Data* next) {
    const ir::Leaf& leaf = engine_.leaves[index].leaf;
    const bool may_share = next && engine_.backend->host_memory() &&
                           engine_.options.memory == Memory::double_ &&
                           view.dtype == leaf.type.dtype && (!spills() || next->version > 1);
    for (const size_t slot : engine_.leaves[index].slots) {
      if (may_share && engine_.program(slot, next->extension).is_source())
        return source_over(next->slots[slot].memory, leaf);
    }
    if (spills() && view.bytes() >= least_spilled) return spilled(view);
    const auto what = [&] { return copy_of_weight(leaf.name, view.dtype, view.shape); };
    return allocated(what, view.bytes(), more_memory, [&] {
      return std::make_shared<weights::TensorSource>(weights::copy_of(view));
    });
  }

  /// Of a source: itself, unless its bytes are a caller's or go to a file.
  Source of(size_t index, const Source& source, const Data* next) {
    if (!source || !source->bytes->memory()) return source;
    const bool moves = spills() && source->size() >= least_spilled;
    return source->bytes->lasting() && !moves ? source : of(index, view_of(*source), next);
  }

 private:
  bool spills() const { return engine_.options.sources == Sources::file; }

  Source spilled(const TensorView& view) {
    if (!base::is_dense(view)) return spilled(view_of(weights::copy_of(view)));
    if (!spill_) spill_.emplace();
    const base::Bytes bytes(static_cast<const std::byte*>(view.data), view.bytes());
    const uint64_t offset = spill_->write(bytes);
    return std::make_shared<weights::TensorSource>(
        weights::TensorSource{view.dtype, view.shape, spill_->source(), offset});
  }

  const Impl& engine_;
  std::optional<base::Spill> spill_;
};

std::vector<Source> next_sources(Impl& engine, const Accepted& accepted,
                                 const std::vector<Source>& kept, const Data& next) {
  ArrayKeeper keeper(engine);
  std::vector<Source> sources(kept.size());
  std::vector<std::exception_ptr> errors(kept.size());
  const auto keep = [&](size_t index) {
    if (engine.options.sources == Sources::drop && engine.leaves[index].leaf.refittable) return;
    const Given* given = accepted.by_leaf[index];
    if (!given) {
      sources[index] = keeper.of(index, kept[index], &next);
    } else if (given->kind == Given::Kind::borrow) {
      sources[index] = keeper.of(index, given->view, &next);
    } else {
      sources[index] = keeper.of(index, given->source, &next);
    }
  };
  // Beside a device no slot is a weight's own bytes: all arrays are copied. A spill has one file.
  const bool spills = engine.options.sources == Sources::file;
  const int threads = engine.backend->host_memory() || spills ? 1 : base::default_threads();
  base::parallel_for(threads, std::ssize(kept), [&](int64_t i) {
    try {
      keep(static_cast<size_t>(i));
    } catch (...) {
      errors[static_cast<size_t>(i)] = std::current_exception();
    }
  });
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return sources;
}

// Waits until runs keep at most `sets - 2` replaced sets alive, whose buffers can then be used
// again.
void wait_for_buffers(SetLedger& ledger, int sets, const std::stop_token& stop) {
  std::unique_lock lock(ledger.mutex);
  ledger.changed.wait(lock, stop, [&] { return ledger.in_runs() <= sets - 2; });
  lock.unlock();
  base::throw_if_stopped(stop);
}

// What makes these slots, into `next`: their memory is taken all at once, before any is written.
std::vector<Job> take_room(Impl& engine, const LeafReader& reader, std::span<const size_t> slots,
                           Data& next, RefitStats& stats) {
  std::vector<Job> jobs;
  std::vector<size_t> written, sizes;
  size_t total = 0, largest = 0;
  for (const size_t index : slots) {
    const lower::SlotProgram& slot = engine.program(index, next.extension);
    std::vector<LeafBytes> leaves = reader.leaves_of(slot);
    next.slots[index].version = engine.versions + 1;
    if (!leaves.empty() && shares_bytes(engine, slot, leaves[0])) {
      const weights::TensorSource& source = *leaves[0].source;
      void* bytes = const_cast<std::byte*>(source.bytes->memory() + source.offset);
      next.slots[index].memory = kernel::Buffer(source.bytes, bytes);
      stats.bytes += slot.code->bytes;
      continue;
    }
    written.push_back(index);
    sizes.push_back(slot.code->bytes);
    jobs.push_back({&slot, std::move(leaves), nullptr});
    if (__builtin_add_overflow(total, sizes.back(), &total)) total = SIZE_MAX;
    if (sizes.back() > sizes[largest]) largest = sizes.size() - 1;
  }
  const auto what = [&]() -> std::string {
    if (jobs.empty()) return "a set of weights";
    return fmt::format("a set of weights (most of it {})", lower::describe(*jobs[largest].slot));
  };
  std::vector<kernel::Buffer> blocks;
  if (engine.banks) {
    next.bank =
        allocated(what, engine.banks->bytes(), more_memory, [&] { return engine.banks->take(); });
    for (const size_t slot : written) {
      blocks.push_back(engine.banks->slot(next.bank, slot));
      next.bank->versions[slot] = 0;
    }
  } else {
    blocks = allocated(what, total, more_memory, [&] { return engine.pool->allocate(sizes); });
  }
  for (size_t i = 0; i < jobs.size(); ++i) {
    next.slots[written[i]].memory = blocks[i];
    jobs[i].target = blocks[i].get();
  }
  return jobs;
}

// What a set in a bank has from the current one: its bank is two versions old, so slots of another
// version are copied. Returns what they are copied on, or null.
std::unique_ptr<kernel::Queue> take_over(Impl& engine, Data& next) {
  std::vector<std::pair<size_t, const void*>> copied;  // slots, and where they are
  for (size_t i = 0; next.bank && i < next.slots.size(); ++i) {
    const auto from = std::exchange(next.slots[i].memory, engine.banks->slot(next.bank, i));
    if (from == next.slots[i].memory || next.bank->versions[i] == next.slots[i].version) continue;
    next.bank->versions[i] = 0;
    copied.emplace_back(i, from.get());
  }
  if (copied.empty()) return nullptr;
  kernel::Backend& backend = *engine.backend;
  std::unique_ptr<kernel::Queue> queue = backend.queue();
  const QueueGuard queued(backend, *queue);
  for (const auto& [slot, from] : copied) {
    backend.copy(*queue, next.slots[slot].memory.get(), from,
                 engine.lowered.slots[slot].code->bytes, kernel::CopyKind::within);
  }
  return queue;
}

// What makes slots again, over memory that a set has.
std::vector<Job> jobs_over(const Impl& engine, const LeafReader& reader,
                           std::span<const size_t> slots, const Data& set) {
  std::vector<Job> jobs;
  for (const size_t index : slots) {
    const lower::SlotProgram& slot = engine.program(index, set.extension);
    jobs.push_back({&slot, reader.leaves_of(slot), set.slots[index].memory.get()});
  }
  return jobs;
}

}  // namespace
}  // namespace tenon::runtime

namespace tenon {

using namespace runtime;

Engine::Impl::DataPtr Engine::Impl::prepare(const Accepted& accepted, RefitStats& stats,
                                            const base::Watch& watch) {
  const DataPtr old = accepted.base ? accepted.base : current();
  const std::vector<Source> kept = sources_of(*this, accepted.base);
  const LeafReader reader(*this, accepted, kept);
  const std::vector<size_t> slots = touched_slots(*this, accepted, old == nullptr);
  reader.check_unchanged(slots);
  wait_for_buffers(*ledger, options.sets, watch.stop);

  auto next = std::make_shared<Data>();
  next->version = versions + 1;
  next->slots = old ? old->slots : std::vector<Slot>(lowered.slots.size());
  next->extension = accepted.extension;
  const std::vector<Job> jobs = take_room(*this, reader, slots, *next, stats);
  const std::unique_ptr<kernel::Queue> copies = take_over(*this, *next);
  evaluate(*backend, scratch, jobs, stats, watch);
  next->sources = next_sources(*this, accepted, kept, *next);
  reader.check_unchanged(slots);
  watch.step("refitting", 1, 1);
  if (copies) backend->synchronize(*copies);
  for (size_t i = 0; next->bank && i < next->slots.size(); ++i) {
    next->bank->versions[i] = next->slots[i].version;
  }
  versions = next->version;
  next->ledger = ledger;
  return next;
}

void Engine::Impl::keep_originals() {
  ArrayKeeper keeper(*this);
  const DataPtr set = current();
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    const bool has = set && set->sources[leaf] && leaves[leaf].guards.empty();
    original[leaf] = has ? set->sources[leaf] : keeper.of(leaf, original[leaf], nullptr);
  }
}

void Engine::Impl::publish(DataPtr next) {
  DataPtr old, lost;  // they may be the last owners, whose end takes the ledger's mutex
  const std::lock_guard lock(ledger->mutex);
  {
    const std::lock_guard swap(state);
    old = std::exchange(current_, std::move(next));
    lost = std::exchange(lost_, nullptr);
  }
  std::erase(ledger->retired, current_.get());  // a set may be published again
  if (old && old != current_) ledger->retired.push_back(old.get());
}

void Engine::Impl::write_in_place(const Accepted& accepted, RefitStats& stats,
                                  const base::Watch& watch) {
  const DataPtr old = current();
  const std::vector<Source> kept = sources_of(*this);
  const LeafReader reader(*this, accepted, kept);
  const std::vector<size_t> slots = touched_slots(*this, accepted, false);
  reader.check_unchanged(slots);
  auto next = std::make_shared<Data>();
  next->slots = old->slots;
  next->bank = old->bank;
  next->extension = accepted.extension;
  next->sources = next_sources(*this, accepted, kept, *next);
  base::throw_if_stopped(watch.stop);
  // Without the old sources nothing can be restored: what is begun is ended, whoever watches.
  const base::Watch from_here = options.sources == Sources::drop ? base::Watch() : watch;
  const std::vector<Job> jobs = jobs_over(*this, reader, slots, *next);
  const std::lock_guard alone(gate);
  try {
    evaluate(*backend, scratch, jobs, stats, from_here);
    reader.check_unchanged(slots);
  } catch (...) {
    restore(std::span(slots).first(stats.begun), reader);
    throw;
  }
  for (const size_t slot : slots) next->slots[slot].version = versions + 1;
  next->version = ++versions;
  next->ledger = ledger;
  publish(std::move(next));
}

void Engine::Impl::restore(std::span<const size_t> slots, const LeafReader& before) noexcept {
  const DataPtr old = current();
  try {
    Accepted nothing;
    nothing.by_leaf.resize(leaves.size());
    nothing.extension = old->extension;
    const std::vector<Source> kept = sources_of(*this);
    const LeafReader reader(*this, nothing, kept, before.trusted());
    reader.check_unchanged(slots);
    RefitStats unused;
    evaluate(*backend, scratch, jobs_over(*this, reader, slots, *old), unused, {});
    reader.check_unchanged(slots);
  } catch (const std::exception& error) {
    base::log(
        LogLevel::error,
        "refit in place failed and the old weights cannot be read again ({}); refit the engine",
        error.what());
    const std::lock_guard lock(state);
    lost_ = std::exchange(current_, nullptr);
  }
}

RefitReport Engine::Impl::commit(const GivenWeights& given, Demands demands,
                                 const base::Watch& watch, const DataPtr& base,
                                 const Extended& extended) {
  const auto start = std::chrono::steady_clock::now();
  refuse_in_child();
  const std::lock_guard lock(writer);
  base::throw_if_stopped(watch.stop);
  const ExtensionPtr before = extension(base);
  const Accepted accepted = check(given, demands, extended ? extended(before) : before, base);
  RefitStats stats;
  if (options.memory == Memory::in_place && current()) {
    write_in_place(accepted, stats, watch);
  } else {
    publish(prepare(accepted, stats, watch));
  }
  refitted = true;
  RefitReport report;
  report.changed = accepted.changed;
  report.ignored = accepted.ignored;
  report.overflowed = std::move(stats.overflowed);
  std::erase_if(report.overflowed, [&](const auto& entry) {  // others were read for shared slots
    return std::ranges::find(report.changed, entry.first) == report.changed.end();
  });
  std::vector<std::string> unread;
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    const LeafState& state = leaves[leaf];
    if (is_expected(leaf) && !accepted.by_leaf[leaf]) report.kept.push_back(state.leaf.name);
    if (accepted.by_leaf[leaf] && is_expected(leaf) && state.slots.empty())
      unread.push_back(base::quoted(state.leaf.name));
  }
  // Such as an initializer of which the model reads a copy under another name, a weight of its own:
  // who brings the one alone may have meant the other.
  for (const std::string& name : report.kept.empty() ? std::vector<std::string>() : unread)
    base::log(LogLevel::warn, "refit: no kernel reads {}, and what was kept stays as it was", name);
  report.bytes = stats.bytes;
  report.version = versions;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

void Engine::Impl::refit_all(const base::Watch& watch) {
  const std::lock_guard lock(writer);
  Accepted nothing;
  nothing.by_leaf.resize(leaves.size());
  RefitStats stats;
  publish(prepare(nothing, stats, watch));
}

}  // namespace tenon
