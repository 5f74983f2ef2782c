// Other extents for the same elements.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// The elements in row-major order under `dims`, whose product must equal the input's.
struct Reshape {
  Dims dims;

  static constexpr OpInfo info{.name = "reshape", .row_wise = true, .moves = true};
  static constexpr auto fields() { return std::tuple{Field{"dims", &Reshape::dims}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
