// A decorator for tests: another backend whose memory is full of NaNs before anyone writes to it.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "kernel/backend.h"

namespace tenon::kernel {

/// Every bit of fresh memory is set: a NaN in each floating dtype, -1 or the greatest integer. What
/// is read before it is written then shows in the results.
class PoisonBackend final : public Backend {
 public:
  explicit PoisonBackend(std::shared_ptr<Backend> inner) : inner_(std::move(inner)) {}

  std::string_view name() const override { return inner_->name(); }
  const Target& target() const override { return inner_->target(); }
  bool host_memory() const override { return inner_->host_memory(); }
  Buffer allocate(size_t bytes) override {
    Buffer memory = inner_->allocate(bytes);
    const auto queue = inner_->queue();
    const std::vector<std::byte> poison(bytes, std::byte{0xff});
    inner_->copy(*queue, memory.get(), poison.data(), bytes, CopyKind::to_device);
    inner_->synchronize(*queue);
    return memory;
  }
  std::unique_ptr<Queue> queue() override { return inner_->queue(); }
  void copy(Queue& queue, void* to, const void* from, size_t bytes, CopyKind kind) override {
    inner_->copy(queue, to, from, bytes, kind);
  }
  void submit(Queue& queue, const Kernel& kernel, std::span<const Launch> launches) override {
    inner_->submit(queue, kernel, launches);
  }
  EventPtr record(Queue& queue) override { return inner_->record(queue); }
  void wait(Queue& queue, const EventPtr& event) override { inner_->wait(queue, event); }
  void keep(Queue& queue, std::shared_ptr<const void> owner) override {
    inner_->keep(queue, std::move(owner));
  }
  bool captures() const override { return inner_->captures(); }
  bool computes_in(Precision p) const override { return inner_->computes_in(p); }
  void begin_capture(Queue& queue) override { inner_->begin_capture(queue); }
  StepListPtr end_capture(Queue& queue) override { return inner_->end_capture(queue); }
  void replay(Queue& queue, const StepListPtr& list, RunState& state) override {
    inner_->replay(queue, list, state);
  }
  void synchronize(Queue& queue) override { inner_->synchronize(queue); }
  double time(Queue& queue) override { return inner_->time(queue); }
  Kernels kernels(const ir::Op& op) const override { return inner_->kernels(op); }

 private:
  std::shared_ptr<Backend> inner_;
};

}  // namespace tenon::kernel
