// How long work is watched and stopped.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string_view>

namespace tenon::base {

/// Called with what is being done and the fraction done (0 to 1), from the working thread.
using Progress = std::function<void(std::string_view stage, double fraction)>;

/// Throws Error(cancelled) once a stop is asked for.
void throw_if_stopped(const std::stop_token& stop);

/// What the caller of long work gave along: how to stop it, and whom to tell of it (may be empty).
struct Watch {
  std::stop_token stop;
  Progress progress;

  /// Between two steps: throws Error(cancelled), or tells that `done` of `total` (bytes, say) are
  /// done.
  void step(std::string_view stage, uint64_t done, uint64_t total) const;
};

}  // namespace tenon::base
