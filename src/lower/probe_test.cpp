// Probe points of graphs whose symbols are tied together.
#include "lower/probe.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tenon/error.h"

namespace tenon::lower {
namespace {

std::string name_of(int i) { return fmt::format("s{}", i); }
ir::Dim symbol(int i) { return ir::Dim::symbol(name_of(i)); }

ir::Graph tied(const std::vector<ir::Constraint>& constraints) {
  ir::GraphBuilder builder;
  builder.require(constraints);
  return builder.finish();
}

TEST(probe_points, a_number_passes_through_a_long_chain_from_its_far_end) {
  constexpr int kLength = 5000;
  std::vector<ir::Constraint> constraints;
  for (int i = 0; i + 1 < kLength; ++i) {
    constraints.push_back({ir::Constraint::Kind::equal, symbol(i), symbol(i + 1), "a link"});
  }
  constraints.push_back({ir::Constraint::Kind::equal, symbol(kLength - 1), 7, "the end"});
  const Probes probes = probe_points(tied(constraints), {});
  ASSERT_EQ(probes.points.size(), 1u);  // no other point fits
  for (int i = 0; i < kLength; ++i) ASSERT_EQ(probes.points[0].at(name_of(i)), 7) << i;
}

TEST(probe_points, what_holds_already_is_not_broken_by_what_comes_later) {
  // s0 = 2 * s1 fixes nothing; s1 = 6 then moves both; s0 >= 100 cannot hold beside them.
  const std::vector<ir::Constraint> tie = {
      {ir::Constraint::Kind::equal, symbol(0), 2 * symbol(1), "twice"},
      {ir::Constraint::Kind::equal, symbol(1), 6, "six"}};
  EXPECT_EQ(probe_points(tied(tie), {}).points[0], (Bindings{{"s0", 12}, {"s1", 6}}));
  std::vector<ir::Constraint> impossible = tie;
  impossible.push_back({ir::Constraint::Kind::at_least, symbol(0), 100, "a hundred"});
  EXPECT_THROW(probe_points(tied(impossible), {}), Error);
}

TEST(probe_points, a_division_that_rounds_takes_the_nearest_multiple) {
  const std::vector<ir::Constraint> tie = {
      {ir::Constraint::Kind::equal, 6 * floor_div(symbol(0), 6), symbol(0), "a multiple of six"}};
  EXPECT_EQ(probe_points(tied(tie), {{"s0", {1, 128, 1000}}}).points[0].at("s0"), 126);
}

TEST(probe_points, one_point_at_least_leaves_no_extent_to_broadcast_where_another_can) {
  // s0 + 1 is 1 or 2; beside a typical s1 of 128 it can only be 1.
  const std::vector<ir::Constraint> ties = {
      {ir::Constraint::Kind::broadcast, symbol(0) + 1, 2, "rows"},
      {ir::Constraint::Kind::broadcast, symbol(0) + 1, symbol(1), "rows, too"}};
  const Probes probes = probe_points(tied(ties), {});
  EXPECT_TRUE(std::ranges::any_of(probes.points, [](const auto& p) { return p.at("s0") == 1; }));
}

}  // namespace
}  // namespace tenon::lower
