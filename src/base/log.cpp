// Level and sink of the log.
#include "base/log.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "base/fork.h"

namespace tenon::base {

namespace {

constexpr std::array<std::string_view, 5> kNames = {"debug", "info", "warn", "error", "off"};

LogLevel level_from_environment() {
  const char* text = std::getenv("TENON_LOG");
  for (size_t i = 0; text && i < kNames.size(); ++i) {
    if (kNames[i] == text) return static_cast<LogLevel>(i);
  }
  return LogLevel::warn;
}

Mutex sink_mutex;

// Never destroyed: threads may log while the process ends.
LogSink& current_sink() {
  static auto* sink = new LogSink;
  return *sink;
}

}  // namespace

bool log_enabled(LogLevel level) noexcept {
  static const LogLevel least = level_from_environment();
  return level >= least && level != LogLevel::off;
}

void log_line(LogLevel level, std::string_view line) {
  LogSink sink;
  {
    const std::lock_guard lock(sink_mutex);
    sink = current_sink();
  }
  if (sink) return sink(level, line);
  // One write for the whole line, so that lines of several threads do not mix.
  const std::string text = fmt::format("tenon: {}: {}\n", kNames[static_cast<size_t>(level)], line);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace tenon::base

void tenon::set_log_sink(LogSink sink) {
  // The old one goes with the argument, when the lock is free.
  const std::lock_guard lock(base::sink_mutex);
  std::swap(base::current_sink(), sink);
}
