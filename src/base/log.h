// The log: lines to stderr from `warn` on, or to a sink of the caller's; the level is
// TENON_LOG=debug|info|warn|error|off.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string_view>

namespace tenon::base {

enum class LogLevel { debug, info, warn, error, off };

using LogSink = std::function<void(LogLevel, std::string_view)>;

/// Replaces the sink (an empty one restores stderr); thread-safe.
void set_log_sink(LogSink sink);
bool log_enabled(LogLevel level) noexcept;
void log_line(LogLevel level, std::string_view line);

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(level)) log_line(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tenon::base
