// Scaled products of queries and keys, their softmax, and the mean of values that it weighs.
#pragma once

#include "ir/op.h"
#include "ir/ops/epilogue.h"

namespace tenon::ir {

/// q [batch…, m, d], k [batch…, n, d], v [batch…, n, e] -> softmax(scores(q kᵀ)) v [batch…, m, e],
/// batch axes broadcast to those of q and k. In `scores` a is the product and b, c, … are operands
/// 3, 4, … (a mask, a bias of positions), broadcast to [batch…, m, n]; empty is a itself.
struct Attention {
  Expression scores;
  bool tf32 = false;  ///< as in MatMul

  static constexpr OpInfo info{.name = "attention",
                               .min_inputs = 3,
                               .max_inputs = first_epilogue_operand + most_epilogue_operands};
  static constexpr auto fields() {
    return std::tuple{Field{"scores", &Attention::scores}, Field{"tf32", &Attention::tf32}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
