// Locks of runs and of the writer; a thread that would wait for itself is told so.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.h"

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
  void leave() { thread_ = std::thread::id(); }

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

 private:
  std::mutex mutex_;
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
    if (--runs_ == 0) changed_.notify_all();
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

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int runs_ = 0;
  int writers_ = 0;
  Holder holder_;
  bool writing_ = false;
};

}  // namespace tenon::runtime
