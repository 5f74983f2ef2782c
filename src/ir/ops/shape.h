// The extents of a tensor, as a tensor.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// i64 extents of axes [start, end) of the input; their values are known while compiling, as dims.
struct ShapeOf {
  int64_t start = 0;
  int64_t end = INT64_MAX;

  static constexpr OpInfo info{.name = "shape", .moves = true};
  static constexpr auto fields() {
    return std::tuple{Field{"start", &ShapeOf::start}, Field{"end", &ShapeOf::end}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
