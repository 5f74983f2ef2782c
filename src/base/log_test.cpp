// The log's sink and level.
#include "base/log.h"

#include <gtest/gtest.h>

#include <vector>

namespace tenon::base {
namespace {

TEST(log, sink_gets_whole_lines_of_enabled_levels_only) {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  log(LogLevel::error, "{} is {}", "x", 3);
  if (!log_enabled(LogLevel::debug)) log(LogLevel::debug, "unseen");
  set_log_sink({});
  EXPECT_EQ(lines, std::vector<std::string>{"x is 3"});
  EXPECT_FALSE(log_enabled(LogLevel::off));
}

}  // namespace
}  // namespace tenon::base
