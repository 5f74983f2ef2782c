// Memory that a queue reads or writes outlives what is queued, also when an error leaves early.
#pragma once

#include <exception>

#include "kernel/backend.h"

namespace tenon::runtime {

/// Declared after the memory that launches and copies use. Leaving by an exception, it waits for
/// the queue; otherwise the owner has done so.
class QueueGuard {
 public:
  QueueGuard(kernel::Backend& backend, kernel::Queue& queue)
      : backend_(backend), queue_(queue), before_(std::uncaught_exceptions()) {}
  QueueGuard(const QueueGuard&) = delete;
  QueueGuard& operator=(const QueueGuard&) = delete;
  ~QueueGuard() {
    if (std::uncaught_exceptions() == before_) return;
    try {
      backend_.synchronize(queue_);
    } catch (const std::exception&) {  // the first error is the one to report
    }
  }

 private:
  kernel::Backend& backend_;
  kernel::Queue& queue_;
  int before_;
};

}  // namespace tenon::runtime
