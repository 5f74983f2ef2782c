// Slots from leaves, piece by piece: on the host by all threads, on a device by two queues.
#include "runtime/evaluate.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>

#include "base/error.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "runtime/allocated.h"
#include "runtime/queue_guard.h"

namespace tenon::runtime {
namespace {

using lower::RowTiles;
using lower::SlotCode;

constexpr size_t device_batch = Scratch::kept / 2;  // what is read while the batch before is run

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

void* offset(const void* from, size_t bytes) {
  return static_cast<std::byte*>(const_cast<void*>(from)) +
         bytes;  // kernels only read their inputs
}

/// A part of a job that is done at once: some rows of a slot, or some elements of one that is a
/// leaf.
struct Piece {
  const Job* job = nullptr;
  const SlotCode* code = nullptr;  ///< null: the leaf's elements are the slot's
  std::optional<Rows> rows;        ///< of code: nothing for the whole slot
  Elements leaf;                   ///< without code
  void* target = nullptr;
  size_t bytes = 0;  ///< of the target

  bool cuts(size_t i) const { return rows && job->slot->tiles->cut[i]; }
  Elements elements(size_t i) const {
    return code ? elements_of(job->leaves[i], cuts(i) ? rows : std::nullopt) : leaf;
  }
  size_t leaf_bytes(size_t i) const { return byte_count(job->leaves[i].dtype, elements(i).count); }
  size_t arena_bytes() const { return code ? code->signature->arena_bytes : 0; }
  /// Of a leaf that all tiles read, only the first one's overflows count.
  bool counts(size_t i) const { return !rows || rows->first == 0 || cuts(i); }
};

/// A piece whose leaves are read, or on their way to a device.
struct Placed {
  Piece piece;
  std::vector<void*> buffers;
  void* arena = nullptr;
  kernel::RunState state;
};

struct Lane {
  Scratch::Lane& memory;
  std::unique_ptr<kernel::Queue> queue;
  size_t used = 0, bounced = 0;  ///< of its memory
  std::deque<Placed> pieces;     ///< placed and not known to be done
};

/// What both ways of evaluating do with one piece.
class Evaluation {
 public:
  Evaluation(kernel::Backend& backend, RefitStats& stats, const std::stop_token& stop)
      : backend_(backend), stats_(stats), stop_(stop) {}
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;
  virtual ~Evaluation() = default;

  void add(const Job& job) {
    stats_.bytes += job.slot->code->bytes;
    if (job.slot->is_source()) return add_elements(job);
    const Piece whole{.job = &job,
                      .code = job.slot->code.get(),
                      .target = job.target,
                      .bytes = job.slot->code->bytes};
    if (!job.slot->tiles || scratch_bytes(whole) <= RowTiles::bytes) return add(whole);
    const RowTiles& tiles = *job.slot->tiles;
    void* target = job.target;
    for (int64_t first = 0; first < tiles.rows; first += tiles.tile) {
      const int64_t count = std::min(tiles.tile, tiles.rows - first);
      const SlotCode& code = *(count == tiles.tile ? tiles.code : tiles.last);
      add({&job, &code, Rows{first, count}, {}, target, code.bytes});
      target = offset(target, code.bytes);
    }
  }
  virtual void finish() = 0;

 protected:
  virtual void add(const Piece& piece) = 0;
  /// A leaf's elements into backend memory; how many overflowed.
  virtual int64_t read(Lane& lane, const LeafBytes& leaf, Elements elements, void* target) = 0;

  const void* in_place(const LeafBytes& leaf) const {
    return backend_.host_memory() ? leaf.in_place() : nullptr;
  }
  size_t staged_bytes(const Piece& piece) const {
    size_t bytes = 0;
    for (size_t i = 0; piece.code && i < piece.job->leaves.size(); ++i) {
      if (!in_place(piece.job->leaves[i])) bytes += aligned(piece.leaf_bytes(i));
    }
    return bytes;
  }
  size_t scratch_bytes(const Piece& piece) const {
    return staged_bytes(piece) + aligned(piece.arena_bytes());
  }

  /// Of a lane whose memory nothing uses.
  void grow(Lane& lane, const Piece& piece, size_t bytes) {
    const size_t staged = staged_bytes(piece), arena = piece.arena_bytes();
    const auto what = [&] {
      const std::string slot = lower::describe(*piece.job->slot);
      if (staged > arena) return "reading the leaves of " + slot;
      const SlotCode& code = *piece.code;
      return fmt::format(
          "the arena of {} (most of it {})", slot,
          lower::largest_in_arena(code.executable, code.executable.regions[0], *code.signature));
    };
    lane.memory.memory = nullptr;
    lane.memory.bytes = 0;
    lane.memory.memory = allocated(what, std::max(staged, arena), more_memory,
                                   [&] { return backend_.allocate(bytes); });
    lane.memory.bytes = bytes;
  }

  /// Reads what the piece needs, into the lane's memory or straight into the slot.
  void place(Lane& lane, Placed& placed) {
    const Piece& piece = placed.piece;
    if (!piece.code) return read_leaf_of(lane, piece, 0, piece.target);
    const lower::Executable& executable = piece.code->executable;
    placed.state.threads = backend_.target().threads;
    placed.buffers.assign(executable.graph.values().size(), nullptr);
    for (size_t i = 0; i < piece.job->leaves.size(); ++i) {
      const LeafBytes& leaf = piece.job->leaves[i];
      void*& buffer = placed.buffers[static_cast<size_t>(executable.graph.inputs()[i])];
      if (const void* bytes = in_place(leaf)) {
        buffer = offset(bytes, byte_count(leaf.dtype, piece.elements(i).first));
      } else {
        buffer = take(lane, piece.leaf_bytes(i));
        read_leaf_of(lane, piece, i, buffer);
      }
    }
    const ir::ValueId output = executable.graph.outputs()[0].value;
    const ir::ValueId result = executable.storage[static_cast<size_t>(output)];
    placed.buffers[static_cast<size_t>(result)] = piece.target;
    placed.arena = take(lane, piece.arena_bytes());
  }

  void run(Lane& lane, Placed& placed) {
    if (!placed.piece.code) return;
    const SlotCode& code = *placed.piece.code;
    const base::FloatMode mode;
    lower::run_steps(code.executable, code.executable.regions[0], *code.signature, backend_,
                     *lane.queue, placed.arena, placed.buffers, placed.state);
  }

  static void check(const Placed& placed) {
    if (!placed.state.failure()) return;
    const Job& job = *placed.piece.job;
    std::vector<std::string> names;
    for (const LeafBytes& leaf : job.leaves) names.push_back(base::quoted(leaf.name));
    base::fail(ErrorCode::refit, "weight{} {}: {}", names.size() == 1 ? "" : "s",
               names.empty() ? job.slot->name : base::join(names, ", "),
               lower::failure_text(placed.state));
  }

  void report_overflows() {
    for (const auto& [where, count] : overflowed_) {
      const LeafBytes& leaf = where.first->leaves[where.second];
      stats_.overflowed[std::string(leaf.name)] = count;
    }
  }

  kernel::Backend& backend_;

 private:
  void add_elements(const Job& job) {
    const LeafBytes& leaf = job.leaves[0];
    const size_t element = byte_count(leaf.dtype, 1);
    const int64_t count = elements_of(leaf, {}).count;
    const auto most = static_cast<int64_t>(RowTiles::bytes / element);
    for (int64_t first = 0; first < count; first += most) {
      const int64_t some = std::min(most, count - first);
      add({.job = &job,
           .leaf = {first, some},
           .target = offset(job.target, static_cast<size_t>(first) * element),
           .bytes = static_cast<size_t>(some) * element});
    }
  }

  static void* take(Lane& lane, size_t bytes) {
    void* place = offset(lane.memory.memory.get(), lane.used);
    lane.used += aligned(bytes);
    return place;
  }

  void read_leaf_of(Lane& lane, const Piece& piece, size_t i, void* target) {
    const int64_t count = read(lane, piece.job->leaves[i], piece.elements(i), target);
    if (count == 0 || !piece.counts(i)) return;
    const std::lock_guard lock(overflows_);
    overflowed_[{piece.job, i}] += count;
  }

  RefitStats& stats_;

 protected:
  const std::stop_token& stop_;

 private:
  std::mutex overflows_;
  std::map<std::pair<const Job*, size_t>, int64_t> overflowed_;  // by leaf of a job
};

/// Where work is done when submit() returns: threads take pieces, each reads and runs its own.
class HostEvaluation final : public Evaluation {
 public:
  HostEvaluation(kernel::Backend& backend, Scratch& scratch, RefitStats& stats,
                 const std::stop_token& stop)
      : Evaluation(backend, stats, stop) {
    for (Scratch::Lane& lane : scratch.lanes) {
      lanes_.push_back({.memory = lane, .queue = backend.queue()});
      free_.push_back(&lanes_.back());
    }
  }

  void finish() override {
    flush();
    report_overflows();
  }

 protected:
  // A large piece has all threads for its kernels.
  void add(const Piece& piece) override {
    if (piece.bytes > RowTiles::bytes) {
      base::throw_if_stopped(stop_);
      return work(piece);
    }
    pending_.push_back(piece);
    pending_bytes_ += piece.bytes;
    if (pending_bytes_ > most_pending) flush();
  }

  int64_t read(Lane&, const LeafBytes& leaf, Elements elements, void* target) override {
    const void* there = leaf.in_place();
    if (!there) return read_leaf(leaf, elements, target, stop_);
    const size_t element = byte_count(leaf.dtype, 1);
    std::memcpy(target, offset(there, static_cast<size_t>(elements.first) * element),
                static_cast<size_t>(elements.count) * element);
    return 0;
  }

 private:
  static constexpr size_t most_pending = size_t{8} << 20;  // between two looks at the stop token

  void flush() {
    base::throw_if_stopped(stop_);
    std::vector<std::exception_ptr> errors(pending_.size());
    // Waking another thread takes as long as a copy of this much.
    const bool alone = pending_bytes_ < (size_t{256} << 10);
    const int most = std::min(backend_.target().threads, static_cast<int>(lanes_.size()));
    const int threads = alone ? 1 : most;
    base::parallel_for(threads, std::ssize(pending_), [&](int64_t i) {
      try {
        work(pending_[static_cast<size_t>(i)]);
      } catch (...) {
        errors[static_cast<size_t>(i)] = std::current_exception();
      }
    });
    pending_.clear();
    pending_bytes_ = 0;
    for (const std::exception_ptr& error : errors) {
      if (error) std::rethrow_exception(error);
    }
  }

  void work(const Piece& piece) {
    const Lease lane = take_lane();
    lane->used = 0;
    if (const size_t bytes = scratch_bytes(piece); bytes > lane->memory.bytes)
      grow(*lane, piece, std::max(bytes, 2 * RowTiles::bytes));
    Placed placed;
    placed.piece = piece;
    const QueueGuard queued(backend_, *lane->queue);
    place(*lane, placed);
    run(*lane, placed);
    backend_.synchronize(*lane->queue);
    check(placed);
  }

  /// There are as many lanes as threads.
  using Lease = std::unique_ptr<Lane, std::function<void(Lane*)>>;
  Lease take_lane() {
    const std::lock_guard lock(mutex_);
    Lane* lane = free_.back();
    free_.pop_back();
    return {lane, [this](Lane* done) {
              const std::lock_guard back(mutex_);
              free_.push_back(done);
            }};
  }

  std::deque<Lane> lanes_;
  std::mutex mutex_;
  std::vector<Lane*> free_;
  std::vector<Piece> pending_;
  size_t pending_bytes_ = 0;
};

/// Where queues work on their own: two lanes, of which one is read into while the other is run.
class DeviceEvaluation final : public Evaluation {
 public:
  DeviceEvaluation(kernel::Backend& backend, Scratch& scratch, RefitStats& stats,
                   const std::stop_token& stop)
      : Evaluation(backend, stats, stop),
        lanes_{{{.memory = scratch.lanes[0]}, {.memory = scratch.lanes[1]}}} {
    lane().queue = backend.queue();
  }
  // Leaving by an exception: what is queued uses memory that is about to go.
  ~DeviceEvaluation() override {
    for (Lane& each : lanes_) {
      try {
        if (each.queue && !done_) backend_.synchronize(*each.queue);
      } catch (const std::exception&) {  // the first error is the one to report
      }
    }
  }

  void finish() override {
    launch();
    for (Lane& each : lanes_) settle(each);
    done_ = true;
    report_overflows();
  }

 protected:
  void add(const Piece& piece) override {
    const size_t scratch = scratch_bytes(piece), memory = lane().memory.bytes;
    const bool full = lane().used + scratch > std::max(device_batch, memory) ||
                      lane().bounced + piece.bytes > device_batch;
    if (full && !lane().pieces.empty()) turn();
    if (lane().used + scratch > lane().memory.bytes)
      grow(lane(), piece, std::max(scratch, device_batch));
    Placed& placed = lane().pieces.emplace_back();
    placed.piece = piece;
    place(lane(), placed);
  }

  int64_t read(Lane& lane, const LeafBytes& leaf, Elements elements, void* target) override {
    base::throw_if_stopped(stop_);
    const size_t element = byte_count(leaf.dtype, 1);
    if (const void* there = leaf.in_place()) {
      send(lane, offset(there, static_cast<size_t>(elements.first) * element), target,
           static_cast<size_t>(elements.count) * element);
      return 0;
    }
    int64_t overflowed = 0;
    const auto most = static_cast<int64_t>(device_batch / element);
    for (int64_t done = 0; done < elements.count; done += most) {
      const Elements some{elements.first + done, std::min(most, elements.count - done)};
      const size_t bytes = static_cast<size_t>(some.count) * element;
      void* bounce = bounce_of(lane, bytes);
      overflowed += read_leaf(leaf, some, bounce, stop_);
      send(lane, bounce, offset(target, static_cast<size_t>(done) * element), bytes);
    }
    return overflowed;
  }

 private:
  Lane& lane() { return lanes_[at_]; }

  void turn() {
    launch();
    at_ = 1 - at_;
    settle(lane());
    if (!lane().queue) lane().queue = backend_.queue();
  }

  void send(Lane& lane, const void* from, void* to, size_t bytes) {
    if (bytes > 0) backend_.copy(*lane.queue, to, from, bytes, kernel::CopyKind::to_device);
  }

  /// Host memory that nothing queued reads any more.
  void* bounce_of(Lane& lane, size_t bytes) {
    if (lane.bounced + bytes > device_batch) {
      backend_.synchronize(*lane.queue);
      lane.bounced = 0;
    }
    std::unique_ptr<std::byte[]>& bounce = lane.memory.bounce;
    if (!bounce) bounce = std::make_unique_for_overwrite<std::byte[]>(device_batch);
    void* place = offset(bounce.get(), lane.bounced);
    lane.bounced = std::min(device_batch, lane.bounced + aligned(bytes));
    return place;
  }

  /// The lane's pieces, those of one code together.
  void launch() {
    std::vector<Placed*> pieces;
    for (Placed& placed : lane().pieces) pieces.push_back(&placed);
    std::ranges::stable_sort(pieces, {}, [](const Placed* placed) { return placed->piece.code; });
    for (Placed* placed : pieces) run(lane(), *placed);
  }

  void settle(Lane& of) {
    if (of.queue) backend_.synchronize(*of.queue);
    for (const Placed& placed : of.pieces) check(placed);
    of.pieces.clear();
    of.used = of.bounced = 0;
  }

  std::array<Lane, 2> lanes_;
  size_t at_ = 0;
  bool done_ = false;
};

std::unique_ptr<Evaluation> evaluation(kernel::Backend& backend, Scratch& scratch,
                                       RefitStats& stats, const std::stop_token& stop) {
  scratch.spread(backend.host_memory() ? backend.target().threads : 2);
  if (backend.host_memory()) return std::make_unique<HostEvaluation>(backend, scratch, stats, stop);
  return std::make_unique<DeviceEvaluation>(backend, scratch, stats, stop);
}

}  // namespace

void evaluate(kernel::Backend& backend, Scratch& scratch, std::span<const Job> jobs,
              RefitStats& stats, const base::Watch& watch) {
  uint64_t total = 0;
  const uint64_t before = stats.bytes;
  for (const Job& job : jobs) total += job.slot->code->bytes;
  const Scratch::Shrink shrink(scratch);
  const std::unique_ptr<Evaluation> all = evaluation(backend, scratch, stats, watch.stop);
  stats.begun = 0;
  for (const Job& job : jobs) {
    watch.step("refitting", stats.bytes - before, total);
    ++stats.begun;
    all->add(job);
  }
  all->finish();
}

}  // namespace tenon::runtime
