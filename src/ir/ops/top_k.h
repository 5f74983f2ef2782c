// The greatest or least elements along an axis.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// The `k` greatest (or least) elements along `axis`, best first, and their indices (i64). Of equal
/// ones the lower index comes first; NaN is greater than all numbers.
struct TopK {
  Dims k;  ///< one
  int64_t axis = -1;
  bool largest = true;

  static constexpr OpInfo info{.name = "top_k", .max_outputs = 2};
  static constexpr auto fields() {
    return std::tuple{Field{"k", &TopK::k}, Field{"axis", &TopK::axis},
                      Field{"largest", &TopK::largest}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
