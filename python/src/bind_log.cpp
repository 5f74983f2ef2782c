// The lines of the log, for Python's logging.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "bind.h"
#include "tenon/log.h"

namespace tenon::python {
namespace {

/// A line that waits for the interpreter: whoever logs may hold locks, and must not wait for the
/// GIL. Without a lock, so that a child of fork() finds none that is held.
struct Line {
  LogLevel level;
  std::string text;
  Line* before;
};

std::atomic<Line*> waiting = nullptr;

// Oldest first.
std::vector<std::unique_ptr<Line>> take_lines() {
  std::vector<std::unique_ptr<Line>> lines;
  for (Line* line = waiting.exchange(nullptr); line != nullptr; line = line->before)
    lines.emplace_back(line);
  std::ranges::reverse(lines);
  return lines;
}

void deliver() {
  const nb::object log = nb::module_::import_("tenon._log").attr("log");
  for (const auto& line : take_lines())
    log(static_cast<int>(line->level), nb::bytes(line->text.data(), line->text.size()));
}

// On the main thread, between two of its instructions.
int deliver_when_called(void*) {
  try {
    deliver();
  } catch (nb::python_error& error) {
    error.discard_as_unraisable("tenon: logging");
  }
  return 0;
}

void keep(LogLevel level, std::string_view text) {
  auto* line = new Line{level, std::string(text), waiting.load()};
  while (!waiting.compare_exchange_weak(line->before, line)) {
  }
  Py_AddPendingCall(deliver_when_called, nullptr);
}

}  // namespace

void bind_log(nb::module_& /*module*/) {
  set_log_sink(keep);
  const auto end = [] {
    set_log_sink({});
    deliver();
  };
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(end));
}

}  // namespace tenon::python
