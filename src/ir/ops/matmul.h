// Matrix product over the last two axes.
#pragma once

#include "ir/op.h"
#include "ir/ops/conv.h"

namespace tenon::ir {

/// a [batch…, m, k] x b [batch…, k, n] (each stored transposed where told) -> [batch…, m, n], batch
/// axes broadcast; then an optional bias [n] and `act`. Both operands have rank 2 or more.
struct MatMul {
  bool transpose_a = false, transpose_b = false;
  Activation act = Activation::none;
  double act_min = 0, act_max = 0;

  static constexpr OpInfo info{.name = "matmul", .min_inputs = 2, .max_inputs = 3};
  static constexpr auto fields() {
    return std::tuple{Field{"transpose_a", &MatMul::transpose_a},
                      Field{"transpose_b", &MatMul::transpose_b}, Field{"act", &MatMul::act},
                      Field{"act_min", &MatMul::act_min}, Field{"act_max", &MatMul::act_max}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
