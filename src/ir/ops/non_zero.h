// Where a tensor is not zero.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// The indices (i64[rank, count]) of the elements that are not zero, in row-major order; `count` is
/// their number, and another one is a data error.
struct NonZero {
  Dims count;  ///< one

  static constexpr OpInfo info{.name = "non_zero"};
  static constexpr auto fields() { return std::tuple{Field{"count", &NonZero::count}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
