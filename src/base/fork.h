// What a child of fork() finds: locks that are free, over data that is whole.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>

namespace tenon::base {

/// Told of every fork() of the process while it lives. Never copied.
class AtFork {
 public:
  AtFork();
  virtual ~AtFork();
  AtFork(const AtFork&) = delete;
  AtFork& operator=(const AtFork&) = delete;

  /// In the thread that forks, again and again until all agree: false where another thread is in
  /// the way.
  virtual bool hold() noexcept { return true; }
  /// After hold() has agreed, in the parent, and in the child; or because another did not agree.
  virtual void release() noexcept {}
  /// In the child, when all are released.
  virtual void begin_in_child() noexcept {}

 private:
  friend class ForkList;
  AtFork* next_ = nullptr;
  AtFork* previous_ = nullptr;
};

/// A mutex that fork() waits for, so that no child finds it locked by a thread that it does not
/// have. For what is held briefly, never across a call of what a user gave.
class Mutex final : AtFork {
 public:
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  bool try_lock() { return mutex_.try_lock(); }

 private:
  bool hold() noexcept override { return mutex_.try_lock(); }
  void release() noexcept override { mutex_.unlock(); }

  std::mutex mutex_;
};

/// Calls `begin` in every child of fork().
class InChild final : AtFork {
 public:
  explicit InChild(std::function<void()> begin) : begin_(std::move(begin)) {}

 private:
  void begin_in_child() noexcept override { begin_(); }

  std::function<void()> begin_;
};

/// How many forks lie between this process and the one that loaded the library.
uint32_t forks() noexcept;

}  // namespace tenon::base
