// The same values as another dtype.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// ONNX Cast: floats to nearest even, floats to integers toward zero (outside the range: as C++
/// leaves it to us, clamped to the type's limits; NaN gives 0), anything to bool as != 0.
struct Cast {
  DType to = DType::f32;

  static constexpr OpInfo info{.name = "cast", .row_wise = true};
  static constexpr auto fields() { return std::tuple{Field{"to", &Cast::to}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
