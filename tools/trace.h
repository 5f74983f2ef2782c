// Events of a trace as Chrome and Perfetto read it.
#pragma once

#include <chrono>

#include "options.h"

namespace tenon::cli {

/// Spans on named rows, in microseconds since it was made.
class Trace {
 public:
  double now() const;
  void add(const std::string& row, const std::string& name, double begin, double end,
           const Json& details = Json::object());
  /// A callback whose stages become spans of a row; finish() ends the last.
  Progress stages(const std::string& row, const Progress& also);
  void finish();

  size_t count() const { return events_.size(); }
  /// {"traceEvents": …}: the JSON of Chrome's trace format.
  Json json() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Open {
    std::string row, stage;
    double begin = 0;
  };

  int row_number(const std::string& row);

  Clock::time_point start_ = Clock::now();
  std::vector<std::string> rows_;
  std::vector<Json> events_;
  std::optional<Open> open_;
};

}  // namespace tenon::cli
