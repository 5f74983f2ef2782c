// Locks of runs and of the writer; a thread that would wait for itself is told so.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/fork.h"

namespace tenon::runtime {

/// Which thread holds a lock: a progress callback may come back to the engine that calls it.
class Holder {
 public:
  /// Throws invalid_input where the caller holds it already.
  void refuse_own(const char* what) const {
    if (thread_ != std::this_thread::get_id()) return;
    base::fail(
        ErrorCode::invalid_input,
        "{} was called from a progress callback of a refit of the same engine, which would wait "
        "for itself; call it when the refit has ended",
        what);
  }
  void take() { thread_ = std::this_thread::get_id(); }
  /// True where there was one.
  bool leave() { return thread_.exchange(std::thread::id()) != std::thread::id(); }
  bool is_own() const { return thread_ == std::this_thread::get_id(); }

 private:
  std::atomic<std::thread::id> thread_;
};

/// One refit or publish at a time.
class WriterMutex {
 public:
  void lock() {
    holder_.refuse_own("refit, publish, reset or save");
    mutex_.lock();
    holder_.take();
  }
  void unlock() {
    holder_.leave();
    mutex_.unlock();
  }
  /// In a child of fork(): true where a thread held it that the child does not have; now it is
  /// free.
  bool begin_in_child() noexcept {
    if (holder_.is_own()) return false;
    new (&mutex_) std::mutex;
    return holder_.leave();
  }

 private:
  std::mutex mutex_;  // held for as long as a refit takes: fork() does not wait for it
  Holder holder_;
};

/// Runs enter together, a writer alone; a waiting writer goes first.
/// Like std::shared_mutex, whose readers may starve the writer on glibc: eight threads that run
/// without a pause would keep a refit waiting for ever.
class RunGate {
 public:
  void lock_shared() {
    holder_.refuse_own("run");
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return writers_ == 0; });
    ++runs_;
  }
  void unlock_shared() {
    const std::lock_guard lock(mutex_);
    if (runs_ > 0 && --runs_ == 0) changed_.notify_all();
  }
  void lock() {
    std::unique_lock lock(mutex_);
    ++writers_;
    changed_.wait(lock, [this] { return runs_ == 0 && !writing_; });
    writing_ = true;
    holder_.take();
  }
  void unlock() {
    const std::lock_guard lock(mutex_);
    holder_.leave();
    writing_ = false;
    --writers_;
    changed_.notify_all();
  }
  /// In a child of fork(): forgets the threads that the child does not have. True where one of them
  /// was writing.
  bool begin_in_child() noexcept {
    if (holder_.is_own()) return false;
    new (&changed_) std::condition_variable_any;  // the old one counts waiters that never leave
    runs_ = writers_ = 0;
    holder_.leave();
    return std::exchange(writing_, false);
  }

 private:
  base::Mutex mutex_;
  std::condition_variable_any changed_;
  int runs_ = 0;
  int writers_ = 0;
  Holder holder_;
  bool writing_ = false;
};

}  // namespace tenon::runtime
