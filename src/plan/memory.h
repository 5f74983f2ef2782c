// Placing values with known lifetimes in one arena.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tenon::plan {

/// A block that is in use from step `first` to step `last`, both included.
struct Interval {
  size_t bytes = 0;
  int first = 0, last = 0;
};

struct Arena {
  std::vector<size_t> offsets;  ///< one for each interval, multiples of 64
  size_t bytes = 0;
};

/// Greedy by size, best fit (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net
/// Inference", 2020): blocks whose lifetimes meet do not overlap. Deterministic.
/// Near-linear: its time grows with the number of blocks, and with how scattered the arena is.
/// Throws unavailable where the bytes overflow.
Arena plan_memory(std::span<const Interval> intervals);

}  // namespace tenon::plan
