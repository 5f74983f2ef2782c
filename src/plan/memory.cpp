// Greedy by size with best fit: large blocks first, each into the tightest gap that its lifetime
// leaves.
#include "plan/memory.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "base/error.h"

namespace tenon::plan {
namespace {

constexpr size_t kAlignment = 64;

size_t add(size_t a, size_t b) {
  size_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    base::fail(ErrorCode::unavailable,
               "the values of these extents have more bytes together than any memory; give smaller "
               "ones");
  }
  return sum;
}

size_t aligned(size_t bytes) { return add(bytes, kAlignment - 1) / kAlignment * kAlignment; }

bool meet(const Interval& a, const Interval& b) { return a.first <= b.last && b.first <= a.last; }

class Planner {
 public:
  explicit Planner(std::span<const Interval> intervals) : intervals_(intervals) {
    arena_.offsets.resize(intervals.size());
  }

  Arena run() && {
    std::vector<size_t> order(intervals_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return intervals_[a].bytes > intervals_[b].bytes; });
    for (const size_t i : order) place(i);
    return std::move(arena_);
  }

 private:
  // An empty block meets nobody: it may lie anywhere.
  void place(size_t i) {
    if (intervals_[i].bytes == 0) return;
    const size_t offset = best_gap(i);
    arena_.offsets[i] = offset;
    arena_.bytes = std::max(arena_.bytes, add(offset, aligned(intervals_[i].bytes)));
    const auto after =
        std::upper_bound(placed_.begin(), placed_.end(), offset,
                         [&](size_t value, size_t other) { return value < arena_.offsets[other]; });
    placed_.insert(after, i);
  }

  size_t best_gap(size_t i) const {
    const size_t size = aligned(intervals_[i].bytes);
    size_t best = SIZE_MAX, best_size = SIZE_MAX, end = 0;
    for (const size_t other : placed_) {
      if (!meet(intervals_[i], intervals_[other])) continue;
      const size_t start = arena_.offsets[other];
      if (start > end && start - end >= size && start - end < best_size) {
        best = end;
        best_size = start - end;
      }
      end = std::max(end, start + aligned(intervals_[other].bytes));
    }
    return best == SIZE_MAX ? end : best;
  }

  std::span<const Interval> intervals_;
  std::vector<size_t> placed_;  // by rising offset
  Arena arena_;
};

}  // namespace

Arena plan_memory(std::span<const Interval> intervals) { return Planner(intervals).run(); }

}  // namespace tenon::plan
