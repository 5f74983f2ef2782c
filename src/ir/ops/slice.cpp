// Types and known values of slices.
#include "ir/ops/slice.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

// The least and the greatest index of an axis must be inside; of no elements there are none.
void require_inside(Infer& in, const Slice& slice, size_t axis) {
  const Dim& start = slice.starts[axis];
  const Dim& count = slice.dims[axis];
  const Dim last = start + (count - 1) * slice.step(axis);
  const Dim& greatest = slice.step(axis) > 0 ? last : start;
  const Dim& least = slice.step(axis) > 0 ? start : last;
  constexpr auto at_least = Constraint::Kind::at_least;
  const Dim& extent = in.dims(0)[axis];
  if (decided(at_least, least, 0) == true && decided(at_least, extent, greatest + 1) == true)
    return;
  const auto some = count.lower_bound();
  // 1 where there are elements, else 0.
  const Dim any = some && *some > 0 ? Dim(1) : min(count, 1);
  in.require_at_least(any * least, 0, fmt::format("the least index of axis {}", axis));
  in.require_at_least(extent, any * (greatest + 1), fmt::format("the extent of axis {}", axis));
}

std::optional<Known> sliced(const Slice& slice, const Value& x) {
  if (!all_constant(slice.starts)) return std::nullopt;
  return rearranged(x, slice.dims, [&](std::vector<int64_t>& at) {
    for (size_t i = 0; i < at.size(); ++i)
      at[i] = slice.starts[i].constant() + at[i] * slice.step(i);
  });
}

}  // namespace

std::vector<Value> Slice::infer(Infer& in) const {
  const size_t rank = in.dims(0).size();
  if (starts.size() != rank || dims.size() != rank || (!steps.empty() && steps.size() != rank))
    in.fail(fmt::format("{} starts, {} extents and {} steps are given for rank {}", starts.size(),
                        dims.size(), steps.size(), rank));
  for (size_t axis = 0; axis < rank; ++axis) {
    if (step(axis) == 0) in.fail(fmt::format("the step of axis {} is 0", axis));
    in.require_at_least(dims[axis], 0, fmt::format("the new extent of axis {}", axis));
    require_inside(in, *this, axis);
  }
  return {{ValueType(in.dtype(0), dims), sliced(*this, in[0])}};
}

}  // namespace tenon::ir
