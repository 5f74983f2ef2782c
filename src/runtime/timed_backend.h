// A backend that measures every kernel it runs.
#pragma once

#include <utility>
#include <vector>

#include "kernel/backend.h"

namespace tenon::runtime {

/// Stands before another backend; its queues and memory are the other's. Each kernel is waited for,
/// so a run through it is a little slower than one without. One thread.
class TimedBackend final : public kernel::Backend {
 public:
  explicit TimedBackend(kernel::Backend& inner) : inner_(inner) {}

  /// Seconds of the kernels since the last call, in the order of their submission.
  std::vector<double> take_seconds() { return std::exchange(seconds_, {}); }

  /// Of a step that the host ran.
  void add(double seconds) { seconds_.push_back(seconds); }

  std::string_view name() const override { return inner_.name(); }
  const kernel::Target& target() const override { return inner_.target(); }
  std::string_view memory() const override { return inner_.memory(); }
  bool host_memory() const override { return inner_.host_memory(); }
  kernel::Buffer allocate(size_t bytes) override { return inner_.allocate(bytes); }
  std::unique_ptr<kernel::Queue> queue() override { return inner_.queue(); }
  void copy(kernel::Queue& queue, void* to, const void* from, size_t bytes,
            kernel::CopyKind kind) override {
    inner_.copy(queue, to, from, bytes, kind);
  }
  void submit(kernel::Queue& queue, const kernel::Kernel& kernel,
              std::span<const kernel::Launch> launches) override {
    for (const kernel::Launch& launch : launches) {
      const double start = inner_.time(queue);
      inner_.submit(queue, kernel, {&launch, 1});
      seconds_.push_back(inner_.time(queue) - start);
    }
  }
  kernel::EventPtr record(kernel::Queue& queue) override { return inner_.record(queue); }
  void wait(kernel::Queue& queue, const kernel::EventPtr& event) override {
    inner_.wait(queue, event);
  }
  void keep(kernel::Queue& queue, std::shared_ptr<const void> owner) override {
    inner_.keep(queue, std::move(owner));
  }
  void synchronize(kernel::Queue& queue) override { inner_.synchronize(queue); }
  double time(kernel::Queue& queue) override { return inner_.time(queue); }
  kernel::Kernels kernels(const ir::Op& op) const override { return inner_.kernels(op); }

 private:
  kernel::Backend& inner_;
  std::vector<double> seconds_;
};

}  // namespace tenon::runtime
