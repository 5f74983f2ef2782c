// Where the lines of Tenon's log go.
#pragma once

#include <functional>
#include <string_view>

#include "tenon/export.h"

namespace tenon {

enum class LogLevel { debug, info, warn, error, off };

/// Called with one line, without its end, by whatever thread has something to say, several at a
/// time; must not throw.
using LogSink = std::function<void(LogLevel level, std::string_view line)>;

/// Takes the place of stderr for the whole process; an empty sink gives it back. Which levels are
/// logged says TENON_LOG=debug|info|warn|error|off (from warn on). Thread-safe; a line that is
/// under way may still reach the old sink.
TENON_API void set_log_sink(LogSink sink);

}  // namespace tenon
