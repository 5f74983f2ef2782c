// Types and known values of transpositions.
#include "ir/ops/transpose.h"

#include "base/error.h"

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
  Value value{ValueType(in.dtype(0), out), {}};
  if (x.size() <= 1) value.known = in[0].known;
  return {value};
}

}  // namespace tenon::ir
