// The same values as another dtype.
#pragma once

#include "base/narrow.h"
#include "ir/op.h"

namespace tenon::ir {

/// ONNX Cast: floats to nearest even, floats to integers toward zero (outside the range: as C++
/// leaves it to us, clamped to the type's limits; NaN gives 0), anything to bool as != 0. To narrow
/// types as base::encode_narrow; what does not fit the 8-bit floats is `saturate`d, and `rounding`
/// is of f8_e8m0.
struct Cast {
  DType to = DType::f32;
  bool saturate = true;
  base::PowerRounding rounding = base::PowerRounding::up;

  static constexpr OpInfo info{.name = "cast", .row_wise = true, .moves = true};
  static constexpr auto fields() {
    return std::tuple{Field{"to", &Cast::to}, Field{"saturate", &Cast::saturate},
                      Field{"rounding", &Cast::rounding}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
