// Properties of the memory planner over random lifetimes.
#include "plan/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <numeric>
#include <random>

#include "tenon/error.h"

namespace tenon::plan {
namespace {

std::vector<Interval> random_intervals(std::mt19937& random) {
  std::vector<Interval> intervals(random() % 40);
  for (Interval& interval : intervals) {
    interval.bytes = random() % 3 == 0 ? random() % 100000 : random() % 300;
    interval.first = static_cast<int>(random() % 20);
    interval.last = interval.first + static_cast<int>(random() % 6);
  }
  return intervals;
}

bool overlap(size_t a, size_t a_bytes, size_t b, size_t b_bytes) {
  return a < b + b_bytes && b < a + a_bytes;
}

size_t most_live_bytes(const std::vector<Interval>& intervals) {
  size_t most = 0;
  for (int step = 0; step < 26; ++step) {
    size_t live = 0;
    for (const Interval& i : intervals) live += i.first <= step && step <= i.last ? i.bytes : 0;
    most = std::max(most, live);
  }
  return most;
}

TEST(plan_memory, blocks_that_live_together_never_overlap) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const std::vector<Interval> all = random_intervals(random);
    const Arena arena = plan_memory(all);
    ASSERT_EQ(arena.offsets.size(), all.size());
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(arena.offsets[i] % 64, 0u);
      EXPECT_LE(arena.offsets[i] + all[i].bytes, arena.bytes);
      for (size_t j = 0; j < i; ++j) {
        if (all[i].first > all[j].last || all[j].first > all[i].last) continue;
        if (all[i].bytes == 0 || all[j].bytes == 0) continue;
        EXPECT_FALSE(overlap(arena.offsets[i], all[i].bytes, arena.offsets[j], all[j].bytes));
      }
    }
  }
}

TEST(plan_memory, the_arena_holds_what_is_live_and_wastes_little) {
  std::mt19937 random(2);
  size_t total = 0, bound = 0;
  for (int round = 0; round < 200; ++round) {
    const std::vector<Interval> all = random_intervals(random);
    const Arena arena = plan_memory(all);
    EXPECT_GE(arena.bytes, most_live_bytes(all));
    total += arena.bytes;
    bound += most_live_bytes(all);
  }
  // Greedy by size stays near the bound on average; a planner that reuses nothing needs about three
  // times as much.
  EXPECT_LE(static_cast<double>(total), 1.3 * static_cast<double>(bound));
}

bool meet(const Interval& a, const Interval& b) { return a.first <= b.last && b.first <= a.last; }

/// Greedy by size with best fit, as the paper has it: each block is compared with every other.
std::vector<size_t> offsets_by_definition(const std::vector<Interval>& all) {
  std::vector<size_t> order(all.size()), offsets(all.size()), placed;
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](size_t i) { return all[i].bytes; });
  for (const size_t i : order) {
    if (all[i].bytes == 0) continue;
    const size_t bytes = (all[i].bytes + 63) / 64 * 64;
    size_t best = SIZE_MAX, best_gap = SIZE_MAX, end = 0;
    for (const size_t other : placed) {
      if (!meet(all[i], all[other])) continue;
      if (offsets[other] >= end + bytes && offsets[other] - end < best_gap) {
        best = end;
        best_gap = offsets[other] - end;
      }
      end = std::max(end, offsets[other] + (all[other].bytes + 63) / 64 * 64);
    }
    offsets[i] = best == SIZE_MAX ? end : best;
    placed.push_back(i);
    std::ranges::sort(placed, {}, [&](size_t each) { return offsets[each]; });
  }
  return offsets;
}

TEST(plan_memory, blocks_lie_where_the_definition_puts_them) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<Interval> all = random_intervals(random);
    for (int i = 0; i < round % 20; ++i) {  // some that live long
      const int first = static_cast<int>(random() % 100);
      all.push_back({random() % 1000, first, first + static_cast<int>(random() % 100)});
    }
    EXPECT_EQ(plan_memory(all).offsets, offsets_by_definition(all));
  }
}

TEST(plan_memory, a_chain_of_equal_blocks_needs_two_of_them) {
  std::vector<Interval> chain;
  for (int i = 0; i < 10; ++i) chain.push_back({1024, i, i + 1});
  EXPECT_EQ(plan_memory(chain).bytes, 2048u);
}

TEST(plan_memory, empty_blocks_take_no_room) {
  EXPECT_EQ(plan_memory(std::vector<Interval>{{0, 0, 3}, {0, 1, 2}}).bytes, 0u);
  EXPECT_EQ(plan_memory({}).bytes, 0u);
}

TEST(plan_memory, sizes_that_overflow_are_refused) {
  const auto refuses = [](const std::vector<Interval>& intervals) {
    try {
      plan_memory(intervals);
    } catch (const Error& error) {
      return error.code() == ErrorCode::unavailable;
    }
    return false;
  };
  EXPECT_TRUE(refuses({{SIZE_MAX - 1000, 0, 1}, {2048, 0, 1}}));
  EXPECT_TRUE(refuses({{SIZE_MAX - 3, 0, 1}}));
}

}  // namespace
}  // namespace tenon::plan
