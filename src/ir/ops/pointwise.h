// One expression for every element, operands broadcast as in NumPy.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// out[i] = expression(a[i], b[i], …); the result's dtype follows from the expression.
struct Pointwise {
  Expression expression;

  static constexpr OpInfo info{.name = "pointwise",
                               .min_inputs = 1,
                               .max_inputs = Expression::max_inputs,
                               .row_wise = true,
                               .moves = true};
  static constexpr auto fields() { return std::tuple{Field{"", &Pointwise::expression}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
