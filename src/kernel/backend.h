// A place where kernels run: memory, queues, time. One small interface for every device.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "kernel/kernel.h"
#include "kernel/precision.h"

namespace tenon::kernel {

/// Memory of a backend; freed with its last owner. The pointer is the backend's own: only a backend
/// with host_memory() may be read through it.
using Buffer = std::shared_ptr<void>;

/// Host memory of at least so many bytes is advised as pages of that size, and aligned to it.
inline constexpr size_t huge_page = size_t{2} << 20;

/// An ordered stream of copies and launches. Used by one thread at a time; its end waits for what
/// is queued.
class Queue {
 public:
  virtual ~Queue() = default;
};

/// A point in a queue: done when all that was queued before it is. Outlives its queue. Thread-safe.
class Event {
 public:
  virtual ~Event() = default;
  virtual bool done() const = 0;
  virtual void wait() const = 0;
};
using EventPtr = std::shared_ptr<const Event>;

/// Launches that were captured, to be replayed on the queue that they were captured from.
class StepList {
 public:
  virtual ~StepList() = default;
};
using StepListPtr = std::shared_ptr<const StepList>;

/// Where a copy goes.
enum class CopyKind { to_device, from_device, within };

/// Thread-safe, but for what is done on one queue.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  virtual const Target& target() const = 0;
  /// What arrays in its memory name as their device.
  virtual std::string_view memory() const { return host_memory() ? host_device : name(); }
  /// True when backend pointers are host pointers, and work is done when submit() returns.
  virtual bool host_memory() const = 0;
  /// At least 64-byte aligned, contents undefined. Large blocks are advised as huge pages. Throws
  /// std::bad_alloc.
  virtual Buffer allocate(size_t bytes) = 0;
  virtual std::unique_ptr<Queue> queue() = 0;
  /// In queue order: both places must stay valid, the host's too, until its turn is over. Bytes of
  /// the host may be read from now on.
  virtual void copy(Queue& queue, void* to, const void* from, size_t bytes, CopyKind kind) = 0;
  /// Runs a kernel for each launch, in queue order: the only function that does. Launches are
  /// copied, and know the queue; what they point to must stay valid until their turn is over, and
  /// their RunState until something is done that was recorded, kept or synchronized behind them:
  /// a data error may reach it only then.
  virtual void submit(Queue& queue, const Kernel& kernel, std::span<const Launch> launches) = 0;
  /// The point behind all that is queued so far. Never null.
  virtual EventPtr record(Queue& queue) = 0;
  /// What is queued from here on runs after the event, which may be of another queue.
  virtual void wait(Queue& queue, const EventPtr& event) = 0;
  /// Holds an owner until all that is queued so far is done. The owner may end on any thread, so
  /// its end may not wait for a queue.
  virtual void keep(Queue& queue, std::shared_ptr<const void> owner) = 0;
  /// Waits until all that was queued is done.
  virtual void synchronize(Queue& queue) = 0;
  /// Whether launches can be captured (a CUDA graph) and replayed. Addresses are worth keeping
  /// then, and an engine's slots lie in banks.
  virtual bool captures() const { return false; }
  // Only where captures():
  /// Up to end_capture(), what is submitted to the queue, and copied within, is listed and not
  /// done. Nothing else may be asked of the queue.
  virtual void begin_capture(Queue& /*queue*/) {}
  /// What was listed. What its launches point to, but for their state, must stay valid until the
  /// last replay is over.
  virtual StepListPtr end_capture(Queue& /*queue*/) { return nullptr; }
  /// Queues what was listed; data errors go to `state`.
  virtual void replay(Queue& /*queue*/, const StepListPtr& /*list*/, RunState& /*state*/) {}
  /// Seconds on the backend's clock, after all that was queued is done.
  virtual double time(Queue& queue) = 0;
  /// Puts memory out of the caches, as far as the backend can: what a large network's weights are
  /// when their turn comes. Timing uses it.
  virtual void cool(const void* /*memory*/, size_t /*bytes*/) {}
  /// Whether programs may be lowered to a precision other than the model's.
  virtual bool computes_in(Precision precision) const { return precision == Precision::model; }
  /// The kernels for an op, best first.
  virtual Kernels kernels(const ir::Op& op) const = 0;
};

}  // namespace tenon::kernel
