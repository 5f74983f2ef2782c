// A line on the terminal that says how far long work has come.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace tenon::cli {

/// Silent for the first second, and where stderr is no terminal. Its line is gone when it is.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// An empty stage: what was shown is done.
  void show(std::string_view stage, double fraction);
  /// 100 %, and then nothing.
  void finish();
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  void draw(std::string_view stage, double fraction);

  bool terminal_;
  std::string stage_;  // as shown
  bool shown_ = false;
  Clock::time_point next_;
};

}  // namespace tenon::cli
