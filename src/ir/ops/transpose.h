// A permutation of axes.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// out.dims[i] = in.dims[permutation[i]].
struct Transpose {
  std::vector<int64_t> permutation;

  static constexpr OpInfo info{.name = "transpose", .moves = true};
  static constexpr auto fields() {
    return std::tuple{Field{"permutation", &Transpose::permutation}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
