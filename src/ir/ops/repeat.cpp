// Types and known values of what repeats.
#include "ir/ops/repeat.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

// An extent is 1 or stays; where neither can be told, each run checks it.
void require_enlarges(Infer& in, const Dim& from, const Dim& to, size_t axis) {
  const std::string what = fmt::format("extents of axis {}, which is no larger before", axis);
  if (from == Dim(1) || from == to) return;
  if (from.is_constant() || to == Dim(1)) return in.require_equal(from, to, what);
  if (!to.is_constant()) return in.require_equal((from - 1) * (from - to), 0, what);
  in.broadcast(from, to);
}

}  // namespace

std::vector<Value> Expand::infer(Infer& in) const {
  const Dims& x = in.dims(0);
  if (dims.size() < x.size())
    in.fail(fmt::format("{} cannot become {}, of lower rank", text(x), text(dims)));
  const size_t added = dims.size() - x.size();
  for (size_t i = 0; i < dims.size(); ++i) {
    in.require_at_least(dims[i], 0, fmt::format("extent {} of the new shape", i));
    if (i >= added) require_enlarges(in, x[i - added], dims[i], i);
  }
  const auto source = [&](std::vector<int64_t>& at) {
    at.erase(at.begin(), at.begin() + static_cast<std::ptrdiff_t>(added));
    for (size_t i = 0; i < at.size(); ++i) at[i] = x[i] == Dim(1) ? 0 : at[i];
  };
  return {{ValueType(in.dtype(0), dims), rearranged(in[0], dims, source)}};
}

std::vector<Value> Tile::infer(Infer& in) const {
  Dims dims = in.dims(0);
  if (repeats.size() != dims.size())
    in.fail(fmt::format("{} repeats are given for rank {}", repeats.size(), dims.size()));
  for (size_t i = 0; i < dims.size(); ++i) {
    in.require_at_least(repeats[i], 0, fmt::format("the repeats of axis {}", i));
    dims[i] = dims[i] * repeats[i];
  }
  const Dims& x = in.dims(0);
  const auto source = [&](std::vector<int64_t>& at) {
    for (size_t i = 0; i < at.size(); ++i) at[i] %= x[i].constant();
  };
  return {{ValueType(in.dtype(0), dims), rearranged(in[0], dims, source)}};
}

}  // namespace tenon::ir
