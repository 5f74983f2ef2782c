// The log: lines to stderr from `warn` on, or to the caller's sink (tenon/log.h).
#pragma once

#include <fmt/core.h>

#include "tenon/log.h"

namespace tenon::base {

bool log_enabled(LogLevel level) noexcept;
void log_line(LogLevel level, std::string_view line);

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(level)) log_line(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tenon::base
