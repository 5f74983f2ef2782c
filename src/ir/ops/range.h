// Numbers at equal distances.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// out[i] = start + i * delta for the `count` first i; operands are the scalars start and delta.
struct Range {
  Dims count;  ///< one

  static constexpr OpInfo info{.name = "range", .min_inputs = 2, .max_inputs = 2};
  static constexpr auto fields() { return std::tuple{Field{"count", &Range::count}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
