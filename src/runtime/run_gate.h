// Runs enter together, a writer alone; a waiting writer goes first.
#pragma once

#include <condition_variable>
#include <mutex>

namespace tenon::runtime {

/// Like std::shared_mutex, whose readers may starve the writer on glibc: eight threads that run
/// without a pause would keep a refit waiting for ever.
class RunGate {
 public:
  void lock_shared() {
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
  }
  void unlock() {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    --writers_;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int runs_ = 0;
  int writers_ = 0;
  bool writing_ = false;
};

}  // namespace tenon::runtime
