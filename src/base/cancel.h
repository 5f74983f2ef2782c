// How long work is watched and stopped.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

namespace tenon::base {

/// Called with what is being done and the fraction done (0 to 1), from the working thread.
using Progress = std::function<void(std::string_view stage, double fraction)>;

/// Throws Error(cancelled) once a stop is asked for.
void throw_if_stopped(const std::stop_token& stop);

}  // namespace tenon::base
