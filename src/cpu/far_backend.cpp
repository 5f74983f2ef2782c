// The CPU's kernels behind a foreign memory and a queue of its own: it finds code that takes a
// device for the host.
#ifdef TENON_FAR

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <new>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/fork.h"
#include "base/thread_pool.h"
#include "cpu/cpu.h"
#include "cpu/far_memory.h"
#include "cpu/host_backend.h"

namespace tenon::cpu {

namespace {

using Task = std::function<void()>;

/// What was captured, in order.
struct FarList final : kernel::StepList {
  std::vector<std::function<void(kernel::RunState&)>> steps;
};

class FarEvent final : public kernel::Event {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }
  bool done() const override {
    const std::lock_guard lock(mutex_);
    return done_;
  }
  void wait() const override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool done_ = false;
};

/// A thread that does tasks in order, late by a random while. What other queues do meanwhile comes
/// before or after, as it happens.
class FarQueue final : public kernel::Queue {
 public:
  explicit FarQueue(unsigned seed) : random_(seed), thread_([this] { work(); }) {}
  ~FarQueue() override {
    if (made_in_ != base::forks()) {  // its thread stayed in the parent, and may hold the lock
      new (&changed_) std::condition_variable;
      thread_.detach();
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  /// What is being captured, or null. Of the thread that uses the queue.
  std::shared_ptr<FarList> listed;

  void push(Task task) {
    if (listed)
      throw std::logic_error("far: a launch or a copy within is all that can be captured");
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_all();
  }

  void wait() {
    if (made_in_ != base::forks()) return;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return tasks_.empty() && !working_; });
  }

 private:
  void work() {
    const base::FloatMode mode;
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      working_ = true;
      lock.unlock();
      delay();
      task();
      task = nullptr;  // what it kept goes before anyone is told
      lock.lock();
      working_ = false;
      if (tasks_.empty()) changed_.notify_all();
    }
  }

  // One task in eight is late by up to 50 us: enough to lose a race, little enough to run whole
  // suites.
  void delay() {
    if (random_() % 8 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random_() % 50));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool working_ = false;
  bool stop_ = false;
  const uint32_t made_in_ = base::forks();
  std::minstd_rand random_;
  std::thread thread_;  // last: it uses the others
};

class FarBackend final : public kernel::Backend {
 public:
  FarBackend(int threads, bool captures)
      : target_(host_target("far", threads)), captures_(captures) {}

  std::string_view name() const override { return "far"; }
  const kernel::Target& target() const override { return target_; }
  bool host_memory() const override { return false; }
  kernel::Buffer allocate(size_t bytes) override { return memory_.allocate(bytes); }
  std::unique_ptr<kernel::Queue> queue() override { return std::make_unique<FarQueue>(++queues_); }

  void copy(kernel::Queue& queue, void* to, const void* from, size_t bytes,
            kernel::CopyKind kind) override {
    if (kind != kernel::CopyKind::from_device) to = memory_.reach(to);
    if (kind != kernel::CopyKind::to_device) from = memory_.reach(from);
    const auto move = [=] {
      if (bytes > 0) std::memmove(to, from, bytes);
    };
    const auto& listed = static_cast<FarQueue&>(queue).listed;
    if (!listed || kind != kernel::CopyKind::within) return push(queue, move);
    listed->steps.emplace_back([move](kernel::RunState&) { move(); });
  }

  void submit(kernel::Queue& queue, const Kernel& kernel,
              std::span<const Launch> launches) override {
    for (Launch launch : launches) {
      for (void*& buffer : launch.buffers) buffer = memory_.reach(buffer);
      launch.scratch = memory_.reach(launch.scratch);
      const auto& listed = static_cast<FarQueue&>(queue).listed;
      if (!listed) {
        push(queue, [&kernel, launch] { kernel.run(launch); });
        continue;
      }
      listed->steps.emplace_back([&kernel, launch](kernel::RunState& state) mutable {
        launch.state = &state;
        kernel.run(launch);
      });
    }
  }

  bool captures() const override { return captures_; }
  bool computes_in(kernel::Precision) const override { return true; }
  void begin_capture(kernel::Queue& queue) override {
    static_cast<FarQueue&>(queue).listed = std::make_shared<FarList>();
  }
  kernel::StepListPtr end_capture(kernel::Queue& queue) override {
    return std::exchange(static_cast<FarQueue&>(queue).listed, nullptr);
  }
  void replay(kernel::Queue& queue, const kernel::StepListPtr& list,
              kernel::RunState& state) override {
    for (const auto& step : static_cast<const FarList&>(*list).steps) {
      push(queue, [list, step, &state] { step(state); });
    }
  }

  kernel::EventPtr record(kernel::Queue& queue) override {
    auto event = std::make_shared<FarEvent>();
    push(queue, [event] { event->set(); });
    return event;
  }

  void wait(kernel::Queue& queue, const kernel::EventPtr& event) override {
    push(queue, [event] { event->wait(); });
  }

  void keep(kernel::Queue& queue, std::shared_ptr<const void> owner) override {
    push(queue, [owner = std::move(owner)] {});
  }

  void synchronize(kernel::Queue& queue) override {
    push(queue, [] {});  // refused while capturing
    static_cast<FarQueue&>(queue).wait();
  }

  double time(kernel::Queue& queue) override {
    synchronize(queue);
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
  }

  Kernels kernels(const ir::Op& op) const override { return kernels_of(op); }

 private:
  static void push(kernel::Queue& queue, Task task) {
    static_cast<FarQueue&>(queue).push(std::move(task));
  }

  FarMemory& memory_ = FarMemory::instance();
  kernel::Target target_;
  bool captures_;
  std::atomic<unsigned> queues_{0};  // the seed of each queue's delays
};

}  // namespace

std::shared_ptr<kernel::Backend> far_backend(int threads, bool captures) {
  return std::make_shared<FarBackend>(threads, captures);
}

}  // namespace tenon::cpu

#endif  // TENON_FAR
