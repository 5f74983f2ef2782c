// Types and known values of transpositions.
#include "ir/ops/transpose.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> Transpose::infer(Infer& in) const {
  const Dims& x = in.dims(0);
  if (permutation.size() != x.size()) {
    in.fail(
        fmt::format("the permutation has {} axes, the input has {}", permutation.size(), x.size()));
  }
  std::vector<bool> seen(x.size());
  Dims out;
  for (const int64_t axis : permutation) {
    if (axis < 0 || axis >= static_cast<int64_t>(x.size())) {
      in.fail(fmt::format("axis {} is outside rank {}", axis, x.size()));
    }
    if (seen[static_cast<size_t>(axis)])
      in.fail(fmt::format("axis {} occurs twice in the permutation", axis));
    seen[static_cast<size_t>(axis)] = true;
    out.push_back(x[static_cast<size_t>(axis)]);
  }
  const auto source = [&](std::vector<int64_t>& at) {
    const std::vector<int64_t> moved = at;
    for (size_t i = 0; i < at.size(); ++i) at[static_cast<size_t>(permutation[i])] = moved[i];
  };
  return {{ValueType(in.dtype(0), out), rearranged(in[0], out, source)}};
}

}  // namespace tenon::ir
