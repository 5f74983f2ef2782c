// A part of a tensor.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// out[i, …] = x[starts[0] + i * steps[0], …], `dims` of them; one number for each axis. Nothing is
/// clamped: every element must be there.
struct Slice {
  Dims starts, dims;
  std::vector<int64_t> steps;  ///< not 0; none: all 1

  static constexpr OpInfo info{.name = "slice", .moves = true};
  static constexpr auto fields() {
    return std::tuple{Field{"starts", &Slice::starts}, Field{"dims", &Slice::dims},
                      Field{"steps", &Slice::steps}};
  }
  std::vector<Value> infer(Infer& in) const;
  int64_t step(size_t axis) const { return steps.empty() ? 1 : steps[axis]; }
};

}  // namespace tenon::ir
