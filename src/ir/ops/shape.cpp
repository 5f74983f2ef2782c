// The extents of a tensor as known values.
#include "ir/ops/shape.h"

#include <algorithm>

namespace tenon::ir {

std::vector<Value> ShapeOf::infer(Infer& in) const {
  const Dims& x = in.dims(0);
  const auto rank = static_cast<int64_t>(x.size());
  // ONNX: negative numbers count from the end, then both are clamped to the rank.
  const auto clamped = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const int64_t first = clamped(start), last = std::max(first, clamped(end));
  Value out{ValueType(DType::i64, {last - first}), {}};
  if (last - first <= static_cast<int64_t>(Known::limit)) {
    out.known = Known{.integers = {x.begin() + first, x.begin() + last}, .floats = {}};
  }
  return {out};
}

}  // namespace tenon::ir
