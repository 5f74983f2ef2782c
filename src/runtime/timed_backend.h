// A backend that measures every kernel it runs.
#pragma once

#include <utility>
#include <vector>

#include "kernel/backend.h"
#include "kernel/operations.h"
#include "tenon/layers.h"

namespace tenon::runtime {

/// Stands before another backend; its queues and memory are the other's. Each kernel is waited for,
/// so a run through it is a little slower than one without. One thread.
class TimedBackend final : public kernel::Backend {
 public:
  explicit TimedBackend(kernel::Backend& inner) : inner_(inner) {}

  /// What the kernels since the last call took, in the order of their submission.
  std::vector<LayerTime> take_times() { return std::exchange(times_, {}); }

  /// A step that took so long, wherever it ran.
  void add(const kernel::Call& call, double seconds) {
    LayerTime& time = times_.emplace_back(LayerTime{seconds, 0, kernel::operations_of(call)});
    for (const auto* operands : {&call.inputs, &call.outputs}) {
      for (const kernel::Operand& operand : *operands)
        if (operand.present) time.bytes += operand.bytes();
    }
  }

  /// One whose operands are not counted.
  void add(double seconds) { times_.push_back({seconds, 0, 0}); }

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
      add(*launch.call, inner_.time(queue) - start);
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
  void cool(const void* memory, size_t bytes) override { inner_.cool(memory, bytes); }
  kernel::Kernels kernels(const ir::Op& op) const override { return inner_.kernels(op); }

 private:
  kernel::Backend& inner_;
  std::vector<LayerTime> times_;
};

}  // namespace tenon::runtime
