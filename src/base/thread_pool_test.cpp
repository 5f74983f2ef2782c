// Every unit runs once, whoever else uses the pool, also after fork.
#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cfenv>
#include <chrono>
#include <limits>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "base/thread_limit.h"

namespace tenon::base {
namespace {

// Plain ints: if two threads took one unit, or the caller left early, TSan sees it and the sums are
// wrong.
void expect_each_unit_once(int threads, int64_t units) {
  std::vector<int> seen(static_cast<size_t>(units), 0);
  parallel_for(threads, units, [&](int64_t unit) { ++seen[static_cast<size_t>(unit)]; });
  for (const int count : seen) ASSERT_EQ(count, 1);
}

TEST(thread_pool, every_unit_runs_once) {
  for (const int threads : {1, 2, 3, 8}) {
    for (const int64_t units : {0, 1, 2, 7, 1000}) expect_each_unit_once(threads, units);
  }
}

// Each unit waits until another one has begun, or for long enough: one thread alone never meets.
bool meets_another(int threads) {
  std::atomic<int> begun = 0;
  std::atomic<bool> met = false;
  parallel_for(threads, 2, [&](int64_t) {
    ++begun;
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    while (begun < 2 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    if (begun == 2 && std::chrono::steady_clock::now() < until) met = true;
  });
  return met;
}

TEST(thread_pool, a_limit_is_its_threads_own) {
  std::set<std::thread::id> seen;
  const auto seat = [&](int64_t) { seen.insert(std::this_thread::get_id()); };
  const int before = limit_threads(1);
  EXPECT_EQ(before, 0);
  for (int i = 0; i < 50; ++i) parallel_for(8, 64, seat);  // a set without a lock: TSan would see
  EXPECT_EQ(seen, std::set{std::this_thread::get_id()});
  bool other = false;
  std::thread([&] { other = meets_another(2); }).join();
  EXPECT_TRUE(other);
  EXPECT_EQ(limit_threads(before), 1);
  EXPECT_TRUE(meets_another(2));
}

TEST(thread_pool, many_short_jobs_in_a_row_lose_nothing) {
  for (int i = 0; i < 3000; ++i) expect_each_unit_once(2 + i % 3, 2 + i % 5);
}

TEST(thread_pool, jobs_after_a_pause_wake_the_sleepers) {
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    expect_each_unit_once(4, 64);
  }
}

TEST(thread_pool, at_most_the_given_threads_take_part) {
  std::mutex mutex;
  std::set<std::thread::id> seen;
  parallel_for(8, 8, [](int64_t) {});  // the pool has more threads than the next job may use
  parallel_for(2, 200, [&](int64_t) {
    const std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
  });
  EXPECT_LE(seen.size(), 2u);
}

TEST(thread_pool, a_second_caller_goes_on_alone) {
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([] {
      for (int j = 0; j < 300; ++j) expect_each_unit_once(3, 20);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST(thread_pool, a_unit_may_call_again) {
  std::atomic<int> count = 0;
  parallel_for(4, 10, [&](int64_t) { parallel_for(4, 10, [&](int64_t) { ++count; }); });
  EXPECT_EQ(count, 100);
}

TEST(thread_pool, units_run_to_nearest_even_and_keep_subnormals) {
  volatile float tiny = std::numeric_limits<float>::min();
  std::fesetround(FE_UPWARD);
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040);  // flush to zero, subnormals are zero
#endif
  std::atomic<int> good = 0;
  for (const int threads : {1, 4}) {
    parallel_for(threads, 100, [&](int64_t) {
      volatile float one = 1.0f, hair = 1e-10f;
      if (one + hair == 1.0f && tiny / 2 > 0) ++good;
    });
  }
  const int mode = std::fegetround();
  std::fesetenv(FE_DFL_ENV);
  EXPECT_EQ(good, 200);
  EXPECT_EQ(mode, FE_UPWARD);
}

#if !defined(__SANITIZE_THREAD__)  // TSan does not follow a threaded process into its child
// Each unit waits for all others: only with a thread for each does this end.
int threads_that_meet(int threads) {
  std::atomic<int> count = 0;
  parallel_for(threads, threads, [&](int64_t) {
    ++count;
    while (count < threads) std::this_thread::yield();
  });
  return count;
}

// The processors on which who does not call may run, as it finds them in a job of two threads.
cpu_set_t processors_of_a_worker() {
  cpu_set_t found;
  CPU_ZERO(&found);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> count = 0;
  parallel_for(2, 2, [&](int64_t) {
    if (std::this_thread::get_id() != caller) ::sched_getaffinity(0, sizeof found, &found);
    ++count;
    while (count < 2) std::this_thread::yield();
  });
  return found;
}

TEST(thread_pool, who_slept_is_woken_on_another_processor_than_the_caller) {
  cpu_set_t allowed;
  ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
  if (CPU_COUNT(&allowed) < 2) GTEST_SKIP() << "one processor";
  ASSERT_EQ(threads_that_meet(2), 2);
  for (size_t processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (!CPU_ISSET(processor, &allowed)) continue;
    cpu_set_t one, elsewhere = allowed;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    CPU_CLR(processor, &elsewhere);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // all workers sleep
    const cpu_set_t found = processors_of_a_worker();
    EXPECT_TRUE(CPU_EQUAL(&found, &elsewhere)) << "called on " << processor;
  }
  EXPECT_EQ(::sched_setaffinity(0, sizeof allowed, &allowed), 0);
}

TEST(thread_pool, the_child_of_a_fork_has_its_own) {
  // A thread that is just starting may hold a lock of the sanitizer's allocator, which the child
  // would find locked for ever: let all be there first.
  ASSERT_EQ(threads_that_meet(4), 4);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(threads_that_meet(2) == 2 ? 0 : 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
#endif

}  // namespace
}  // namespace tenon::base
