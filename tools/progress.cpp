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
  if (!terminal_ || Clock::now() < next_) return;
  const int percent = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * 100);
  fmt::print(stderr, "\r\033[K{} {} %", stage, percent);
  std::fflush(stderr);
  shown_ = true;
  next_ = Clock::now() + milliseconds(100);
}

void ProgressLine::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace tenon::cli
