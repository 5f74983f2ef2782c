// The list of those that fork() asks, and the handlers that ask them.
#include "base/fork.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace tenon::base {

namespace {

std::atomic<uint32_t> fork_count = 0;

}  // namespace

/// Linked through the members themselves: nothing is allocated in a handler.
class ForkList {
 public:
  // Never destroyed: static objects come and go after it.
  static ForkList& get() {
    static auto* const list = new ForkList;
    return *list;
  }

  void add(AtFork& one) {
    const std::lock_guard lock(mutex_);
    one.next_ = first_;
    if (first_) first_->previous_ = &one;
    first_ = &one;
  }
  void remove(AtFork& one) {
    const std::lock_guard lock(mutex_);
    (one.previous_ ? one.previous_->next_ : first_) = one.next_;
    if (one.next_) one.next_->previous_ = one.previous_;
  }

 private:
  ForkList() {
    ::pthread_atfork([] { get().before(); }, [] { get().in_parent(); }, [] { get().in_child(); });
  }

  // Others take these locks in orders that the list does not know: so none is waited for while
  // another is held.
  void before() noexcept {
    for (;;) {
      mutex_.lock();
      AtFork* refused = first_;
      while (refused && refused->hold()) refused = refused->next_;
      if (!refused) return;
      for (AtFork* held = first_; held != refused; held = held->next_) held->release();
      mutex_.unlock();
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }
  void in_parent() noexcept {
    for (AtFork* one = first_; one; one = one->next_) one->release();
    mutex_.unlock();
  }
  void in_child() noexcept {
    ++fork_count;
    in_parent();
    for (AtFork* one = first_; one; one = one->next_) one->begin_in_child();
  }

  std::mutex mutex_;
  AtFork* first_ = nullptr;
};

AtFork::AtFork() { ForkList::get().add(*this); }
AtFork::~AtFork() { ForkList::get().remove(*this); }

uint32_t forks() noexcept { return fork_count; }

}  // namespace tenon::base
