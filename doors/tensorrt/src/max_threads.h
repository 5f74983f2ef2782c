// setMaxThreads of builders, runtimes and refitters.
#pragma once

#include <memory>

#include "report.h"
#include "tenon/thread_limit.h"

namespace tenon::trt {

/// Bounds what its owner does from when it is set; before, Tenon's own count holds, and the getter
/// says 1, as in TensorRT.
class MaxThreads {
 public:
  bool set(const Reporter& reporter, const char* function, int32_t threads) noexcept {
    return guarded(reporter, function, [&] {
      if (threads < 1) refuse(std::to_string(threads) + " threads; 1 is the least");
      threads_ = threads;
    });
  }
  int32_t get() const noexcept { return threads_ > 0 ? threads_ : 1; }
  void reset() noexcept { threads_ = 0; }
  /// While it lives, this thread's work keeps to the bound.
  std::unique_ptr<ThreadLimit> bound() const {
    return threads_ > 0 ? std::make_unique<ThreadLimit>(threads_) : nullptr;
  }

 private:
  int32_t threads_ = 0;
};

}  // namespace tenon::trt
