// The format: docs of Chrome's trace event format, "complete" events and names of threads.
#include "trace.h"

#include <algorithm>

namespace tenon::cli {

double Trace::now() const {
  return std::chrono::duration<double, std::micro>(Clock::now() - start_).count();
}

int Trace::row_number(const std::string& row) {
  const auto found = std::ranges::find(rows_, row);
  if (found == rows_.end()) rows_.push_back(row);
  return static_cast<int>(std::ranges::find(rows_, row) - rows_.begin()) + 1;
}

void Trace::add(const std::string& row, const std::string& name, double begin, double end,
                const Json& details) {
  events_.push_back({{"ph", "X"},
                     {"pid", 1},
                     {"tid", row_number(row)},
                     {"name", name},
                     {"ts", begin},
                     {"dur", std::max(end - begin, 0.0)},
                     {"args", details}});
}

Progress Trace::stages(const std::string& row, const Progress& also) {
  return [this, row, also](std::string_view stage, double fraction) {
    if (also) also(stage, fraction);
    if (open_ && open_->row == row && open_->stage == stage) return;
    finish();
    open_ = Open{row, std::string(stage), now()};
  };
}

void Trace::finish() {
  if (open_) add(open_->row, open_->stage, open_->begin, now());
  open_.reset();
}

Json Trace::json() const {
  Json events = Json::array();
  for (size_t i = 0; i < rows_.size(); ++i) {
    events.push_back({{"ph", "M"},
                      {"pid", 1},
                      {"tid", i + 1},
                      {"name", "thread_name"},
                      {"args", {{"name", rows_[i]}}}});
  }
  for (const Json& event : events_) events.push_back(event);
  return {{"displayTimeUnit", "ms"}, {"traceEvents", events}};
}

}  // namespace tenon::cli
