// Tensors one after another.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// The inputs joined along `axis`.
struct Concat {
  int64_t axis = 0;

  static constexpr int most_inputs = 16;  ///< more are joined by a tree of concats
  static constexpr OpInfo info{
      .name = "concat", .min_inputs = 1, .max_inputs = most_inputs, .moves = true};
  static constexpr auto fields() { return std::tuple{Field{"axis", &Concat::axis}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
