// Staging, turns of the host, and the thread on which owners end.
#include "cuda/queue.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <new>
#include <stdexcept>
#include <thread>

#include "base/thread_pool.h"

namespace tenon::cuda {

namespace {

constexpr unsigned kNonBlocking = 1;  // CU_STREAM_NON_BLOCKING
constexpr size_t kStaging = size_t{1} << 20;
// A queue stages no more at a time: then it waits.
constexpr size_t kMostBlocks = 16;
// So much is staged at once, by several threads: one of them copies at a fraction of what a bus
// takes. (The driver stages larger pageable copies by one thread.)
constexpr size_t kMostStaged = size_t{8} << 20;
constexpr int kStagers = 4;
constexpr size_t kLine = 64;
// Launches of one list that may meet a data error.
constexpr size_t kMostWords = 16384;
constexpr int kRelaxed =
    2;  // CU_STREAM_CAPTURE_MODE_RELAXED: other threads may allocate, we load code

}  // namespace

void Turn::tell() const noexcept {
  for (const Back& each : back) std::memcpy(each.to, each.from, each.bytes);
  for (const Failable& each : failables) {
    volatile uint32_t& word = *each.word;
    if (word != 0) each.state->fail(each.node, each.sentence);
    word = 0;
  }
}

class OpenTurns {
 public:
  void begin() {
    const std::lock_guard lock(mutex_);
    ++open_;
  }
  void end() {
    const std::lock_guard lock(mutex_);
    --open_;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int open_ = 0;
};

namespace {

/// A turn on its way to the driver's thread, and from there to the reaper.
struct HandedTurn {
  std::unique_ptr<Turn> turn;
  std::shared_ptr<OpenTurns> open;
};

/// Lets owners go: their ends may call the driver, which the driver's own thread must not.
class Reaper {
 public:
  static Reaper& get() {
    static Reaper& reaper = *new Reaper;  // its thread ends with the process
    return reaper;
  }

  void take(HandedTurn turn) {
    const std::lock_guard lock(mutex_);
    turns_.push_back(std::move(turn));
    changed_.notify_one();
  }

 private:
  Reaper() {
    std::thread([this] { work(); }).detach();
  }

  [[noreturn]] void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return !turns_.empty(); });
      HandedTurn next = std::move(turns_.front());
      turns_.pop_front();
      lock.unlock();
      next.turn.reset();
      next.open->end();
      next.open.reset();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<HandedTurn> turns_;
};

void take_turn(void* data) {
  auto* const handed = static_cast<HandedTurn*>(data);
  handed->turn->tell();
  Reaper::get().take(std::move(*handed));
  delete handed;
}

}  // namespace

Queue::Queue(std::shared_ptr<Device> device)
    : device_(std::move(device)), open_(std::make_shared<OpenTurns>()) {
  const Current current(*device_);
  check(device_->driver().create_stream(&stream_, kNonBlocking), "cuStreamCreate");
}

Queue::~Queue() {
  try {
    const Current current(*device_);
    synchronize();
    device_->driver().destroy_stream(stream_);
  } catch (const std::exception&) {  // the driver is gone, and all that was queued with it
  }
}

void* Queue::stage(size_t bytes) {
  if (turn_->pinned.empty() || turn_->used + bytes > kStaging) {
    if (turn_->pinned.size() >= kMostBlocks) synchronize();
    turn_->pinned.push_back(device_->allocate_pinned(kStaging));
    turn_->used = 0;
  }
  auto* const place = static_cast<std::byte*>(turn_->pinned.back().get()) + turn_->used;
  turn_->used += (bytes + kLine - 1) / kLine * kLine;
  return place;
}

void Queue::copy(void* to, const void* from, size_t bytes, kernel::CopyKind kind) {
  const Driver& driver = device_->driver();
  const auto address = [](const void* memory) { return reinterpret_cast<DeviceMemory>(memory); };
  if (bytes == 0) return;
  if (kind == kernel::CopyKind::within) {
    return check(driver.copy_within(address(to), address(from), bytes, stream_), "cuMemcpyDtoD");
  }
  refuse_while_capturing();
  const bool to_device = kind == kernel::CopyKind::to_device;
  if (to_device) {
    for (size_t done = 0; done < bytes; done += kMostStaged) {
      send(static_cast<std::byte*>(to) + done, static_cast<const std::byte*>(from) + done,
           std::min(kMostStaged, bytes - done));
    }
    return;
  }
  if (bytes > kMostStaged)
    return check(driver.copy_from_device(to, address(from), bytes, stream_), "cuMemcpyDtoH");
  for (size_t done = 0; done < bytes; done += kStaging) {
    const size_t some = std::min(kStaging, bytes - done);
    void* const staged = stage(some);
    check(driver.copy_from_device(staged, address(from) + done, some, stream_), "cuMemcpyDtoH");
    turn_->back.push_back({static_cast<std::byte*>(to) + done, staged, some});
  }
}

void Queue::send(std::byte* to, const std::byte* from, size_t bytes) {
  struct Piece {
    void* staged;
    size_t first, bytes;
  };
  std::array<Piece, kMostStaged / kStaging> pieces;
  size_t count = 0;
  // A wait for free blocks would take away those that hold nothing yet.
  const size_t needed = (bytes + kStaging - 1) / kStaging;
  if (turn_->pinned.size() + needed > kMostBlocks) synchronize();
  for (size_t done = 0; done < bytes; done += kStaging) {
    const size_t some = std::min(kStaging, bytes - done);
    pieces[count++] = {stage(some), done, some};
  }
  base::parallel_for(kStagers, static_cast<int64_t>(count), [&](int64_t i) {
    const Piece& piece = pieces[static_cast<size_t>(i)];
    std::memcpy(piece.staged, from + piece.first, piece.bytes);
  });
  for (const Piece& piece : std::span(pieces).first(count)) {
    check(device_->driver().copy_to_device(reinterpret_cast<DeviceMemory>(to + piece.first),
                                           piece.staged, piece.bytes, stream_),
          "cuMemcpyHtoD");
  }
}

void Queue::launch(FunctionHandle function, Grid grid, void** arguments) noexcept {
  try {
    if (captured_ && device_->overlaps()) {
      LaunchAttribute overlap{.id = programmatic_serialization};
      overlap.programmatic = 1;
      const LaunchConfig config{.blocks_x = grid.blocks,
                                .threads_x = grid.threads,
                                .shared = static_cast<unsigned>(grid.shared),
                                .stream = stream_,
                                .attributes = &overlap,
                                .count = 1};
      return check(device_->driver().launch_with(&config, function, arguments, nullptr),
                   "cuLaunchKernelEx");
    }
    check(device_->driver().launch(function, grid.blocks, 1, 1, grid.threads, 1, 1,
                                   static_cast<unsigned>(grid.shared), stream_, arguments, nullptr),
          "cuLaunchKernel");
  } catch (const std::exception&) {
    fail_launch(std::current_exception());
  }
}

uint32_t* Queue::failure_word(const kernel::Launch& launch, const char* sentence) {
  if (captured_) {
    auto& failables = captured_->failables;
    if (failables.size() == kMostWords) throw std::bad_alloc();
    auto* const word = static_cast<uint32_t*>(captured_->words.get()) + failables.size();
    *word = 0;
    failables.push_back({word, nullptr, launch.node, sentence});
    return word;
  }
  auto* const word = static_cast<uint32_t*>(stage(sizeof(uint32_t)));
  *word = 0;
  turn_->failables.push_back({word, launch.state, launch.node, sentence});
  return word;
}

Graph::~Graph() {
  const Driver& driver = device_->driver();
  if (run) driver.destroy_graph_run(run);
}

void Queue::begin_capture() {
  auto graph = std::make_shared<Graph>(device_);
  graph->words = device_->allocate_pinned(kMostWords * sizeof(uint32_t));
  check(device_->driver().begin_capture(stream_, kRelaxed), "cuStreamBeginCapture");
  captured_ = std::move(graph);
}

kernel::StepListPtr Queue::end_capture() {
  const std::shared_ptr<Graph> made = std::exchange(captured_, nullptr);
  const Driver& driver = device_->driver();
  GraphHandle graph = nullptr;
  check(driver.end_capture(stream_, &graph), "cuStreamEndCapture");
  const Result result = driver.instantiate(&made->run, graph, 0);
  driver.destroy_graph(graph);
  check(result, "cuGraphInstantiate");
  return made;
}

void Queue::replay(const Graph& graph, kernel::RunState& state) {
  check(device_->driver().launch_graph(graph.run, stream_), "cuGraphLaunch");
  for (Turn::Failable each : graph.failables) {
    each.state = &state;
    turn_->failables.push_back(each);
  }
}

void Queue::refuse_while_capturing() const {
  if (captured_)
    throw std::logic_error("cuda: a launch or a copy within is all that can be captured");
}

void Queue::keep(std::shared_ptr<const void> owner) {
  refuse_while_capturing();
  turn_->kept.push_back(std::move(owner));
}

void Queue::hand_over() {
  refuse_while_capturing();
  if (turn_->empty()) return;
  auto next = std::make_unique<Turn>();
  auto handed = std::make_unique<HandedTurn>(HandedTurn{std::move(turn_), open_});
  turn_ = std::move(next);
  open_->begin();
  const Result result = device_->driver().launch_host(stream_, take_turn, handed.get());
  if (result == success) {
    static_cast<void>(handed.release());
    return;
  }
  open_->end();
  turn_ = std::move(handed->turn);
  check(result, "cuLaunchHostFunc");
}

void Queue::synchronize() {
  refuse_while_capturing();
  check(device_->driver().synchronize_stream(stream_), "cuStreamSynchronize");
  turn_->tell();
  *turn_ = Turn{};
  open_->wait();
}

void Queue::check_launches() {
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace tenon::cuda
