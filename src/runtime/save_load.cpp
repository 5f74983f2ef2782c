// Plans out of engines, and engines out of plans.
#include "base/error.h"
#include "base/text.h"
#include "runtime/allocated.h"
#include "runtime/backends.h"
#include "runtime/engine_impl.h"
#include "runtime/evaluate.h"
#include "runtime/leaf_reader.h"
#include "runtime/queue_guard.h"

namespace tenon {

using namespace runtime;

namespace {

// The records of the plan with this engine's own in place of the one for its target, first.
std::vector<plan::Record> records_with(const plan::Plan& plan, const plan::Record& own) {
  std::vector<plan::Record> records = {own};
  for (const plan::Record& record : plan.records) {
    if (record.target != own.target) records.push_back(record);
  }
  return records;
}

class MemoryWriter final : public base::FileWriter {
 public:
  void write(base::Bytes more) override { bytes.insert(bytes.end(), more.begin(), more.end()); }
  void commit() override {}

  std::vector<std::byte> bytes;
};

std::string device_of(const plan::Plan& plan) {
  if (plan.records.empty()) return "cpu";
  const std::string& target = plan.records.front().target;
  return target.substr(0, target.find('/'));
}

}  // namespace

std::vector<std::byte> Engine::Impl::evaluated(const lower::SlotProgram& slot,
                                               std::vector<LeafBytes> leaves_of_slot) const {
  const size_t bytes = slot.code->bytes;
  const auto what = [&] { return copy_of_weight(slot.name, slot.type.dtype, slot.type.shape()); };
  const kernel::Buffer memory =
      allocated(what, bytes, more_memory, [&] { return backend->allocate(bytes); });
  const Job job{&slot, std::move(leaves_of_slot), memory.get()};
  RefitStats unused;
  evaluate(*backend, scratch, std::span(&job, 1), unused, {});
  return on_host(memory, bytes);
}

std::vector<std::byte> Engine::Impl::on_host(const kernel::Buffer& memory, size_t bytes) const {
  std::vector<std::byte> host(bytes);
  const std::unique_ptr<kernel::Queue> queue = backend->queue();
  const QueueGuard queued(*backend, *queue);
  backend->copy(*queue, host.data(), memory.get(), bytes, kernel::CopyKind::from_device);
  backend->synchronize(*queue);
  return host;
}

Source Engine::Impl::sum_of(const lower::SlotProgram& sum, const LeafReader& reader) const {
  return std::make_shared<weights::TensorSource>(
      weights::TensorSource{sum.type.dtype, sum.type.shape(),
                            base::memory_source(evaluated(sum, reader.leaves_of(sum))), 0});
}

void Engine::Impl::save(base::FileWriter& writer_of_file, const SaveOptions& save_options) {
  refuse_in_child();
  std::unique_lock lock(writer);  // one version of all sources; the bytes are read without the lock
  plan::PlanFile out;
  out.plan.program = file.plan.program;
  out.plan.ranges = file.plan.ranges;
  out.plan.records = records_with(file.plan, lowered.record);
  out.identical = save_options.identical || file.identical;
  out.stripped = save_options.strip;
  out.notes = save_options.notes.value_or(file.notes);
  Accepted nothing;
  nothing.by_leaf.resize(leaves.size());
  nothing.extension = extension();
  const std::vector<Source> kept = sources_of(*this);
  const LeafReader reader(*this, nothing, kept);
  std::vector<std::string> problems;
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    const ir::Leaf& info = leaves[leaf].leaf;
    const Source& source = kept[leaf];
    const std::string changed = source ? reader.what_changed(leaf) : "";
    if (!changed.empty() && (info.refittable || !leaves[leaf].slots.empty()))
      problems.push_back(lost_source(leaves[leaf], changed));
    if (info.refittable && !source) {
      if (!save_options.strip) {
        base::fail(
            ErrorCode::not_ready, "save: the engine {} weight {}; {}, or save stripped",
            options.sources == Sources::drop ? "dropped its source of" : "has no",
            base::quoted(info.name),
            options.sources == Sources::drop ? "load it with sources=\"keep\"" : "refit it first");
      }
      // What was dropped has a known digest only if no refit can have changed it.
      if (!refitted || file.identical) out.digests.emplace(info.name, leaves[leaf].digest);
      continue;
    }
    if (source) {
      out.sources.emplace(info.name, *source);
    } else {
      out.digests.emplace(info.name, leaves[leaf].digest);
    }
  }
  if (!problems.empty()) throw RefitError(std::move(problems));
  if (const ExtensionPtr now = extension(); now && save_options.merge && !save_options.strip) {
    for (const auto& [weight, sum] : now->sums) out.sources[weight] = *sum_of(*sum, reader);
  }
  lock.unlock();
  plan::write_plan(writer_of_file, out, {save_options.stop, save_options.progress});
}

void Engine::save(const std::filesystem::path& path, const SaveOptions& options) const {
  const std::unique_ptr<base::FileWriter> writer = base::atomic_file_writer(path);
  impl_->save(*writer, options);
}

std::vector<std::byte> Engine::to_bytes(const SaveOptions& options) const {
  MemoryWriter writer;
  impl_->save(writer, options);
  return std::move(writer.bytes);
}

std::shared_ptr<Engine::Impl> runtime::load_engine(std::shared_ptr<const base::ByteSource> bytes,
                                                   const LoadOptions& options,
                                                   std::shared_ptr<kernel::Backend> backend) {
  const std::string name = bytes->name();
  plan::PlanFile file = plan::read_plan(std::move(bytes));
  plan::verify_digests(file, {options.stop, options.progress});
  EngineOptions engine_options{
      .device = options.device.empty() ? device_of(file.plan) : options.device,
      .threads = options.threads,
      .memory = options.memory,
      .sets = options.sets,
      .sources = options.sources};
  if (!backend) backend = make_backend(engine_options.device, options.threads);
  const plan::Record* found = file.plan.record_for(backend->target().key());
  const std::optional<plan::Record> record = found ? std::optional(*found) : std::nullopt;
  lower::Options lowering;
  lowering.tactics = !options.tactics                    ? lower::Tactics::recorded
                     : options.tactics == Tactics::first ? lower::Tactics::first
                                                         : lower::Tactics::time;
  lowering.record = record ? &*record : nullptr;
  if (record) lowering.precision = record->precision;
  lowering.ranges = file.plan.ranges;
  lowering.stop = options.stop;
  lowering.progress = options.progress;
  try {
    return make_engine(std::move(file), std::move(backend), lowering, engine_options);
  } catch (const BuildError& error) {  // what no kernel takes, sizes beyond all memory
    throw PlanError(fmt::format("{}: {}", name, error.what()));
  }
}

Engine Engine::load(const std::filesystem::path& path, const LoadOptions& options) {
  return Engine(load_engine(base::open_file(path), options));
}

Engine Engine::load(std::vector<std::byte> plan, const LoadOptions& options) {
  return Engine(load_engine(base::memory_source(std::move(plan)), options));
}

}  // namespace tenon
