// Greedy by size with best fit: large blocks first, each into the tightest gap that its lifetime
// leaves.
#include "plan/memory.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>

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

struct Range {
  size_t start = 0, end = 0;

  size_t bytes() const { return end - start; }
};

/// Addresses in use by rising start; what touches is one range.
class Ranges {
 public:
  /// False where all of them were in use already.
  bool add(Range range) {
    const auto first = std::ranges::lower_bound(ranges_, range.start, {}, &Range::end);
    auto last = first;
    for (; last != ranges_.end() && last->start <= range.end; ++last) {
      if (last->start <= range.start && range.end <= last->end) return false;
      bytes_ -= last->bytes();
      range = {std::min(range.start, last->start), std::max(range.end, last->end)};
    }
    bytes_ += range.bytes();
    if (first == last) {
      ranges_.insert(first, range);
    } else {
      *first = range;
      ranges_.erase(first + 1, last);
    }
    return true;
  }

  /// Appends to `left` what of the gaps is not in use, in pieces of at least so many bytes.
  void cut(std::span<const Range> gaps, size_t bytes, std::vector<Range>& left) const {
    for (const Range& gap : gaps) {
      size_t start = gap.start;
      const auto keep_until = [&](size_t end) {
        if (end >= start && end - start >= bytes) left.push_back({start, end});
      };
      auto range = std::ranges::upper_bound(ranges_, start, {}, &Range::end);
      for (; range != ranges_.end() && range->start < gap.end; ++range) {
        keep_until(range->start);
        start = range->end;
      }
      keep_until(gap.end);
    }
  }

  /// Bytes of all ranges.
  size_t bytes() const { return bytes_; }

 private:
  std::vector<Range> ranges_;
  size_t bytes_ = 0;
};

/// Who is where and when: a segment tree over steps. Node n has the children 2n and 2n + 1; the
/// leaf of step s is leaves_ + s.
class Occupancy {
 public:
  explicit Occupancy(size_t steps) : leaves_(std::bit_ceil(steps)), spans_(2 * leaves_) {}

  void add(const Interval& life, const Range& range) {
    for_spans(life, [&](size_t node) {
      spans_[node].throughout.add(range);
      // Whoever has it already has told those above.
      while (node > 0 && spans_[node].within.add(range)) node /= 2;
    });
  }

  /// Gaps of at least so many bytes that are free through all of a life, by rising start; the last
  /// has no end.
  std::span<const Range> gaps(const Interval& life, size_t bytes) {
    parts_.clear();
    for_spans(life, [&](size_t node) { consider(spans_[node].within); });
    for (const int step : {life.first, life.last}) {
      for (size_t node = leaf(step); node > 0; node /= 2) consider(spans_[node].throughout);
    }
    // The fullest first: little is left to be cut by the others.
    std::ranges::sort(parts_, std::greater(), &Ranges::bytes);
    gaps_ = {{0, SIZE_MAX}};
    for (const Ranges* part : parts_) {
      left_.clear();
      part->cut(gaps_, bytes, left_);
      std::swap(gaps_, left_);
    }
    return gaps_;
  }

 private:
  struct Span {
    Ranges throughout;  ///< of lives cut into spans of which this is one
    Ranges within;      ///< of lives cut into spans of which this or one below is one
  };

  void consider(const Ranges& part) {
    if (part.bytes() > 0) parts_.push_back(&part);
  }

  size_t leaf(int step) const { return leaves_ + static_cast<size_t>(step); }

  /// Cuts a life into the fewest nodes.
  template <class F>
  void for_spans(const Interval& life, F&& f) {
    for (size_t left = leaf(life.first), right = leaf(life.last) + 1; left < right;) {
      if (left % 2 == 1) f(left++);
      if (right % 2 == 1) f(--right);
      left /= 2;
      right /= 2;
    }
  }

  size_t leaves_;
  std::vector<Span> spans_;
  std::vector<const Ranges*> parts_;
  std::vector<Range> gaps_, left_;
};

size_t steps_of(std::span<const Interval> intervals) {
  int last = 0;
  for (const Interval& interval : intervals) last = std::max(last, interval.last);
  return static_cast<size_t>(last) + 1;
}

}  // namespace

Arena plan_memory(std::span<const Interval> intervals) {
  Arena arena{std::vector<size_t>(intervals.size()), 0};
  std::vector<size_t> order;
  for (size_t i = 0; i < intervals.size(); ++i) {
    if (intervals[i].bytes > 0) order.push_back(i);  // an empty block may lie anywhere
  }
  std::ranges::stable_sort(order, std::greater(), [&](size_t i) { return intervals[i].bytes; });
  Occupancy occupancy(steps_of(intervals));
  for (const size_t i : order) {
    const size_t bytes = aligned(intervals[i].bytes);
    const std::span<const Range> gaps = occupancy.gaps(intervals[i], bytes);
    const auto tightest = std::ranges::min_element(gaps, {}, &Range::bytes);
    const size_t start = tightest == gaps.end() ? SIZE_MAX : tightest->start;
    const size_t end = add(start, bytes);
    occupancy.add(intervals[i], {start, end});
    arena.offsets[i] = start;
    arena.bytes = std::max(arena.bytes, end);
  }
  return arena;
}

}  // namespace tenon::plan
