// Matrix product over the last two axes.
#pragma once

#include "ir/op.h"
#include "ir/ops/epilogue.h"

namespace tenon::ir {

/// a [batch…, m, k] x b [batch…, k, n] (each stored transposed where told) -> [batch…, m, n], batch
/// axes broadcast; then an optional bias [n] and the epilogue. Both operands have rank 2 or more.
struct MatMul {
  bool transpose_a = false, transpose_b = false;
  Expression epilogue;  ///< see ops/epilogue.h
  bool tf32 = false;    ///< f32 factors may be rounded to 10 bits of mantissa

  static constexpr OpInfo info{.name = "matmul",
                               .min_inputs = 2,
                               .max_inputs = first_epilogue_operand + most_epilogue_operands};
  static constexpr auto fields() {
    return std::tuple{Field{"transpose_a", &MatMul::transpose_a},
                      Field{"transpose_b", &MatMul::transpose_b},
                      Field{"epilogue", &MatMul::epilogue}, Field{"tf32", &MatMul::tf32}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
