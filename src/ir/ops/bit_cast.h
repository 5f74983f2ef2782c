// The same bytes as another type.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// Elements whose bits are taken as those of `dtype`, which is as wide. Bits of a bool are 0 or 1:
/// any other byte becomes 1.
struct BitCast {
  DType dtype = DType::f32;

  static constexpr OpInfo info{.name = "bit_cast", .row_wise = true, .moves = true};
  static constexpr auto fields() { return std::tuple{Field{"dtype", &BitCast::dtype}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
