// Slices of a tensor, picked by index.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// The slices of operand 0 along `axis` that operand 1 (i32 or i64) names; its axes take the axis's
/// place. Negative indices count from the end; one outside is a data error.
struct Gather {
  int64_t axis = 0;

  static constexpr OpInfo info{.name = "gather", .min_inputs = 2, .max_inputs = 2, .moves = true};
  static constexpr auto fields() { return std::tuple{Field{"axis", &Gather::axis}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
