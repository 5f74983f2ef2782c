// Timing kernels on synthetic data.
#pragma once

#include <span>
#include <vector>

#include "base/cancel.h"
#include "kernel/backend.h"
#include "lower/tactic_cache.h"

namespace tenon::lower {

/// A kernel and the call that it would run.
struct Trial {
  const kernel::Kernel* kernel = nullptr;
  kernel::Call call;
};

/// Seconds of kernels, measured once and then remembered by content. Calls that need too much
/// memory count as 0.
class Timer {
 public:
  Timer(kernel::Backend& backend, TacticCache& cache, std::stop_token stop);

  /// Median seconds of each trial: warm-up, rounds in turn, at most about 50 ms a trial. Throws
  /// cancelled between measurements.
  std::vector<double> measure(std::span<const Trial> trials);

 private:
  kernel::Backend& backend_;
  TacticCache& cache_;
  std::stop_token stop_;
  std::unique_ptr<kernel::Queue> queue_;
};

/// The first within 3 % (noise) of the least; 0 for an empty list or one that was not timed.
size_t pick_fastest(std::span<const double> seconds);

/// What a timing depends on, hashed: kernel, library, op, operands, tactic, target, threads; never
/// weights.
uint64_t timing_key(const Trial& trial);

}  // namespace tenon::lower
