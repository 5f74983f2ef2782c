// Decorators that fail, or stand still, where a test tells them to.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <set>
#include <stop_token>
#include <thread>

#include "base/byte_source.h"
#include "base/change.h"
#include "base/error.h"
#include "base/file_writer.h"
#include "kernel/backend.h"

namespace tenon::runtime::testing {

/// Counts calls and throws, or asks for a stop, at the chosen one; throws from it on. Thread-safe.
class Fault {
 public:
  void arm(int call, bool for_ever = false) {
    const std::lock_guard lock(mutex_);
    left_ = call;
    for_ever_ = for_ever;
    stop_ = std::stop_source(std::nostopstate);
  }
  void stop_at(int call, const std::stop_source& stop) {
    arm(call);
    const std::lock_guard lock(mutex_);
    stop_ = stop;
  }
  void disarm() { arm(0); }
  /// Throws io at the armed call.
  void pass(const char* what) {
    if (is_due()) base::fail(ErrorCode::io, "{} fails as the test wants", what);
  }
  /// True when the call must fail.
  bool is_due() {
    const std::lock_guard lock(mutex_);
    if (left_ == 0 || --left_ > 0) return false;
    if (stop_.stop_possible()) {
      stop_.request_stop();
      return false;
    }
    if (for_ever_) left_ = 1;
    return true;
  }

 private:
  std::mutex mutex_;
  int left_ = 0;
  bool for_ever_ = false;
  std::stop_source stop_{std::nostopstate};
};

/// Another backend whose calls can fail and whose kernels can be held up.
class FailingBackend final : public kernel::Backend {
 public:
  explicit FailingBackend(std::shared_ptr<kernel::Backend> inner) : inner_(std::move(inner)) {}

  Fault allocations, copies, launches;
  /// Blocks that nobody has freed.
  int allocated() const { return *allocated_; }
  /// Copies and launches that nobody has waited for.
  std::atomic<int> queued{0};
  /// Lists that were captured, and how often any was replayed.
  std::atomic<int> captured{0}, replayed{0};
  /// Copies by CopyKind.
  std::array<std::atomic<int>, 3> copied{};
  /// How often a queue was waited for.
  std::atomic<int> waits{0};

  /// The calling thread's next kernel waits for release().
  void hold_this_thread() {
    const std::lock_guard lock(mutex_);
    to_hold_.insert(std::this_thread::get_id());
  }
  void wait_until_held(int threads) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_ == threads; });
  }
  void release() {
    const std::lock_guard lock(mutex_);
    to_hold_.clear();
    changed_.notify_all();
  }

  std::string_view name() const override { return inner_->name(); }
  const kernel::Target& target() const override { return inner_->target(); }
  bool host_memory() const override { return inner_->host_memory(); }
  kernel::Buffer allocate(size_t bytes) override {
    if (allocations.is_due()) throw std::bad_alloc();
    kernel::Buffer memory = inner_->allocate(bytes);
    void* const pointer = memory.get();
    ++*allocated_;
    return {pointer, [memory, allocated = allocated_](void*) { --*allocated; }};
  }
  std::unique_ptr<kernel::Queue> queue() override { return inner_->queue(); }
  void copy(kernel::Queue& queue, void* to, const void* from, size_t bytes,
            kernel::CopyKind kind) override {
    copies.pass("copy");
    ++queued;
    ++copied[static_cast<size_t>(kind)];
    inner_->copy(queue, to, from, bytes, kind);
  }
  void submit(kernel::Queue& queue, const kernel::Kernel& kernel,
              std::span<const kernel::Launch> given) override {
    launches.pass("submit");
    stand_still();
    ++queued;
    inner_->submit(queue, kernel, given);
  }
  kernel::EventPtr record(kernel::Queue& queue) override { return inner_->record(queue); }
  void wait(kernel::Queue& queue, const kernel::EventPtr& event) override {
    inner_->wait(queue, event);
  }
  void keep(kernel::Queue& queue, std::shared_ptr<const void> owner) override {
    inner_->keep(queue, std::move(owner));
  }
  bool captures() const override { return inner_->captures(); }
  void begin_capture(kernel::Queue& queue) override {
    launches.pass("begin_capture");
    inner_->begin_capture(queue);
  }
  kernel::StepListPtr end_capture(kernel::Queue& queue) override {
    ++captured;
    return inner_->end_capture(queue);
  }
  void replay(kernel::Queue& queue, const kernel::StepListPtr& list,
              kernel::RunState& state) override {
    launches.pass("replay");
    stand_still();
    ++queued;
    ++replayed;
    inner_->replay(queue, list, state);
  }
  void synchronize(kernel::Queue& queue) override {
    inner_->synchronize(queue);
    queued = 0;
    ++waits;
  }
  double time(kernel::Queue& queue) override { return inner_->time(queue); }
  kernel::Kernels kernels(const ir::Op& op) const override { return inner_->kernels(op); }

 private:
  void stand_still() {
    std::unique_lock lock(mutex_);
    const auto released = [&] { return !to_hold_.contains(std::this_thread::get_id()); };
    if (released()) return;
    ++held_;
    changed_.notify_all();
    changed_.wait(lock, released);
    --held_;
  }

  std::shared_ptr<kernel::Backend> inner_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::thread::id> to_hold_;
  int held_ = 0;
  std::shared_ptr<std::atomic<int>> allocated_ = std::make_shared<std::atomic<int>>(0);
};

/// Bytes behind reads that can fail; not memory, so that they are read.
class FailingSource final : public base::ByteSource, public base::Observed {
 public:
  FailingSource(std::shared_ptr<const base::ByteSource> inner, Fault& reads)
      : inner_(std::move(inner)), reads_(reads) {}
  uint64_t size() const override { return inner_->size(); }
  void read(uint64_t offset, std::span<std::byte> out) const override {
    reads_.pass("read");
    inner_->read(offset, out);
  }
  void check_unchanged() const override { inner_->check_unchanged(); }
  base::Change change() const override { return base::change_of(*inner_); }
  uint64_t stamp() const override { return base::stamp_of(*inner_); }
  std::string name() const override { return "failing source"; }

 private:
  std::shared_ptr<const base::ByteSource> inner_;
  Fault& reads_;
};

/// A file whose writes or commit can fail.
class FailingWriter final : public base::FileWriter {
 public:
  FailingWriter(std::unique_ptr<base::FileWriter> inner, Fault& calls)
      : inner_(std::move(inner)), calls_(calls) {}
  void write(base::Bytes bytes) override {
    calls_.pass("write");
    inner_->write(bytes);
  }
  void commit() override {
    calls_.pass("commit");
    inner_->commit();
  }

 private:
  std::unique_ptr<base::FileWriter> inner_;
  Fault& calls_;
};

}  // namespace tenon::runtime::testing
