// Memory that evaluations of one engine use besides its slots.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "kernel/backend.h"

namespace tenon::runtime {

/// Staged leaves and arenas lie here, never in the slots' pool. A lane grows to what the largest
/// piece of a slot needs; what is more than `kept` goes when an evaluation ends.
struct Scratch {
  static constexpr size_t kept = size_t{2} << 20;
  static constexpr int most_lanes = 8;  ///< more threads do not read faster

  /// What one thread, or one queue, works in.
  struct Lane {
    kernel::Buffer memory;  ///< of the backend
    size_t bytes = 0;
    std::unique_ptr<std::byte[]> bounce;  ///< host memory, on its way to a device
  };
  std::vector<Lane> lanes;

  void spread(int wanted) {
    lanes.resize(std::max(lanes.size(), static_cast<size_t>(std::clamp(wanted, 1, most_lanes))));
  }

  /// Declared before what uses the lanes.
  struct Shrink {
    explicit Shrink(Scratch& of) : scratch(of) {}
    Shrink(const Shrink&) = delete;
    Shrink& operator=(const Shrink&) = delete;
    ~Shrink() {
      for (Lane& lane : scratch.lanes) {
        if (lane.bytes > kept) lane = {};
      }
    }
    Scratch& scratch;
  };
};

}  // namespace tenon::runtime
