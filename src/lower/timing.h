// Timing kernels on synthetic data.
#pragma once

#include <limits>
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

/// Stands for the seconds of a call that needs too much memory to be timed.
inline constexpr double untimed = std::numeric_limits<double>::infinity();

struct ReadyTrial;

/// Seconds of kernels, measured once and then remembered by content.
class Timer {
 public:
  Timer(kernel::Backend& backend, TacticCache& cache, std::stop_token stop);

  /// Median seconds of each trial, best guess first: warm-up, then samples in turn for about 50 ms
  /// a trial; one whose first sample is twice the best so far takes no more. All run in the same
  /// memory; large weights are out of the caches before each sample. Throws cancelled between
  /// measurements.
  std::vector<double> measure(std::span<const Trial> trials);

 private:
  void prepare(std::span<ReadyTrial> trials);
  void run(std::span<const ReadyTrial> trials, std::vector<double>& seconds);

  kernel::Backend& backend_;
  TacticCache& cache_;
  std::stop_token stop_;
  std::unique_ptr<kernel::Queue> queue_;
};

/// The first within 6 % (noise) of the least; 0 for an empty list or where nothing was timed.
size_t pick_fastest(std::span<const double> seconds);

/// What a timing depends on, hashed: kernel, library, op, operands, tactic, target, its model,
/// threads; never weights.
uint64_t timing_key(const Trial& trial);

}  // namespace tenon::lower
