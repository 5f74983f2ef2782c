// The pool: workers join an open job by taking a seat; the caller leaves when nobody sits any more.
#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "base/thread_limit.h"

namespace tenon::base {

namespace {

void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Where a worker may run: anywhere that it might before, but for the processor of who calls. A
/// thread that is woken there waits for the caller instead of helping it, and it takes the kernel
/// milliseconds to see that: a network of 2 ms took 4.
class Place {
 public:
  /// By the worker itself, first of all.
  void enter() noexcept {
    thread_.store(static_cast<pid_t>(::syscall(SYS_gettid)), std::memory_order_release);
  }
  /// By one caller at a time. Processors that somebody else gave the thread meanwhile are kept.
  void keep_off(int processor) noexcept {
    const pid_t thread = thread_.load(std::memory_order_acquire);
    if (processor == kept_off_ || thread == 0) return;
    cpu_set_t now;
    if (::sched_getaffinity(thread, sizeof now, &now) != 0) return;
    if (kept_off_ < 0 || !CPU_EQUAL(&now, &given_)) allowed_ = now;
    given_ = allowed_;
    CPU_CLR(static_cast<size_t>(processor), &given_);
    kept_off_ = processor;
    if (CPU_COUNT(&given_) == 0 || ::sched_setaffinity(thread, sizeof given_, &given_) != 0)
      given_ = now;
  }

 private:
  std::atomic<pid_t> thread_ = 0;
  int kept_off_ = -1;
  cpu_set_t allowed_{}, given_{};
};

/// At most one job at a time. All that threads share is atomic or behind the mutex (TSan knows no
/// fences).
class Pool {
 public:
  // False when another caller's job is running; nothing was done then.
  bool run(int threads, int64_t units, UnitFunction f) noexcept {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    const auto seats =
        static_cast<uint32_t>(std::min<int64_t>({threads - 1, units - 1, kMostSeats}));
    grow(seats);
    function_ = &f;
    cut(units, seats + 1);
    state_.store(kOpen | seats * kSeat);  // publishes the job
    wake(seats);
    take_units(0);
    wait_until_empty();
    busy_.store(false, std::memory_order_release);
    return true;
  }

 private:
  // state_: one bit says whether seats may be taken, 15 bits count free seats, 16 bits the workers
  // that sit.
  static constexpr uint32_t kOpen = 1u << 31;
  static constexpr uint32_t kSeat = 1u << 16;
  static constexpr uint32_t kSitting = kSeat - 1;
  static constexpr int64_t kMostSeats = 1023;
  static constexpr uint32_t kMostPlaces = 15;  // among more processors the kernel finds an idle one

  static bool has_free_seat(uint32_t state) noexcept {
    return (state & kOpen) && (state & ~kOpen) >= kSeat;
  }

  // Workers are made when first asked for; without memory or rights for more, fewer do the work.
  void grow(uint32_t wanted) noexcept {
    while (workers_ < wanted) {
      try {
        std::thread([this, place = workers_ < kMostPlaces ? &places_[workers_] : nullptr] {
          if (place) place->enter();
          work();
        }).detach();
      } catch (const std::exception&) {
        return;
      }
      ++workers_;
    }
  }

  // Either this load sees a sleeper, or the sleeper's check, which follows its count, sees the open
  // job.
  void wake(uint32_t seats) noexcept {
    const uint32_t sleepers = sleepers_.load();
    if (sleepers == 0) return;
    if (const int processor = ::sched_getcpu(); processor >= 0 && processor < CPU_SETSIZE) {
      for (uint32_t i = 0; i < std::min(workers_, kMostPlaces); ++i) places_[i].keep_off(processor);
    }
    { const std::lock_guard lock(mutex_); }
    for (uint32_t i = 0; i < std::min(seats, sleepers); ++i) wakeup_.notify_one();
  }

  /// Units that follow one another, of which any thread may take the next.
  struct alignas(64) Range {
    std::atomic<int64_t> next = 0;
    int64_t end = 0;
  };
  static constexpr int64_t kMostRanges = 64;

  // Each thread has a range of its own to begin with: neighbours read the same filters or the same
  // rows, and processors may have no cache in common.
  void cut(int64_t units, int64_t threads) noexcept {
    ranges_ = std::min(threads, kMostRanges);
    int64_t begin = 0;
    for (int64_t i = 0; i < ranges_; ++i) {
      range_[i].next.store(begin, std::memory_order_relaxed);
      begin += units / ranges_ + (i < units % ranges_ ? 1 : 0);
      range_[i].end = begin;
    }
  }

  // The own range first, then what others have left.
  void take_units(int64_t own) noexcept {
    const FloatMode mode;
    const UnitFunction f = *function_;
    const int64_t ranges = ranges_;
    for (int64_t i = 0; i < ranges; ++i) {
      Range& range = range_[(own + i) % ranges];
      const int64_t end = range.end;
      while (range.next.load(std::memory_order_relaxed) < end) {
        const int64_t unit = range.next.fetch_add(1, std::memory_order_relaxed);
        if (unit >= end) break;
        f(unit);
      }
    }
    // Who finds the units gone shuts the door; this job is still the current one, for its caller
    // waits for us.
    state_.fetch_and(~kOpen, std::memory_order_relaxed);
  }

  void wait_until_empty() noexcept {
    constexpr int kSpins = 4096;  // then the worker may well be waiting for our processor
    for (int i = 0; (state_.load(std::memory_order_acquire) & kSitting) != 0; ++i) {
      if (i < kSpins)
        relax();
      else
        std::this_thread::yield();
    }
  }

  // The number of the seat, from 1; 0 where none is free.
  int64_t try_sit() noexcept {
    uint32_t state = state_.load(std::memory_order_relaxed);
    while (has_free_seat(state)) {
      if (state_.compare_exchange_weak(state, state - kSeat + 1, std::memory_order_acquire))
        return (state & ~kOpen) / kSeat;
      relax();
    }
    return 0;
  }

  [[noreturn]] void work() noexcept {
    for (;;) {
      wait_for_seat();
      const int64_t seat = try_sit();
      if (seat == 0) continue;
      take_units(seat);
      state_.fetch_sub(1, std::memory_order_release);
    }
  }

  // A layer's jobs follow each other within microseconds, a wake-up costs about five: spin for a
  // while first.
  void wait_for_seat() noexcept {
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(30);
    do {
      for (int i = 0; i < 32; ++i) {
        if (has_free_seat(state_.load(std::memory_order_relaxed))) return;
        relax();
      }
    } while (std::chrono::steady_clock::now() < until);
    std::unique_lock lock(mutex_);
    sleepers_.fetch_add(1);
    wakeup_.wait(lock, [this] { return has_free_seat(state_.load()); });
    sleepers_.fetch_sub(1);
  }

  std::atomic<bool> busy_ = false;
  const UnitFunction* function_ = nullptr;  // written while nobody sits and the door is shut
  int64_t ranges_ = 0;
  uint32_t workers_ = 0;
  alignas(64) std::atomic<uint32_t> state_ = 0;
  Range range_[kMostRanges];
  Place places_[kMostPlaces];
  alignas(64) std::atomic<uint32_t> sleepers_ = 0;
  std::mutex mutex_;
  std::condition_variable wakeup_;
};

// Never destroyed: workers outlive static destruction.
std::atomic<Pool*> current_pool = nullptr;

// The child of a fork has none of the threads, and locks in any state: it begins anew. The old pool
// is left alone.
void remake_in_child() noexcept { current_pool.store(new (std::nothrow) Pool); }

Pool* pool() noexcept {
  static const bool made = [] {
    remake_in_child();
    ::pthread_atfork(nullptr, nullptr, remake_in_child);
    return true;
  }();
  static_cast<void>(made);
  return current_pool.load(std::memory_order_acquire);
}

thread_local int most_threads = 0;

}  // namespace

int limit_threads(int threads) noexcept { return std::exchange(most_threads, threads); }

void parallel_for(int threads, int64_t units, UnitFunction f) noexcept {
  if (most_threads > 0) threads = std::min(threads, most_threads);
  if (threads > 1 && units > 1) {
    Pool* shared = pool();
    if (shared && shared->run(threads, units, f)) return;
  }
  const FloatMode mode;
  for (int64_t unit = 0; unit < units; ++unit) f(unit);
}

}  // namespace tenon::base
