// Which rows of a matrix differ.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// The rows of x [m, k] that differ, in the order of their coming, or sorted: where each comes
/// first (i64 [m]), for each row of x which of them it is (i64 [m]), how often each comes (i64
/// [m]), and how many there are (i64 [1]); first and third output hold zeros behind that many. NaN
/// differs from all, and is greater than all numbers.
struct Unique {
  bool sorted = true;

  static constexpr OpInfo info{.name = "unique", .max_outputs = 4};
  static constexpr auto fields() { return std::tuple{Field{"sorted", &Unique::sorted}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
