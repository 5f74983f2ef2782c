// Progress on stderr.
#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace tenon::cli {

using std::chrono::milliseconds;

ProgressLine::ProgressLine()
    : terminal_(::isatty(STDERR_FILENO) == 1), next_(Clock::now() + milliseconds(1000)) {}

void ProgressLine::show(std::string_view stage, double fraction) {
  if (stage.empty()) return finish();
  const bool ends = shown_ && fraction >= 1;
  if (terminal_ && (ends || Clock::now() >= next_)) draw(stage, fraction);
}

void ProgressLine::finish() {
  if (shown_) draw(std::string(stage_), 1);
  clear();
}

void ProgressLine::draw(std::string_view stage, double fraction) {
  const int percent = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * 100);
  fmt::print(stderr, "\r\033[K{} {} %", stage, percent);
  std::fflush(stderr);
  shown_ = true;
  stage_ = stage;
  next_ = Clock::now() + milliseconds(100);
}

void ProgressLine::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace tenon::cli
