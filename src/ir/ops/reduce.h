// Reductions over axes.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

enum class ReduceKind { sum, mean, max, min, prod, l1, l2, sum_square, log_sum, log_sum_exp };

/// `kind` over `axes` (empty: none of them, and the input is returned with the function applied to
/// each element).
struct Reduce {
  ReduceKind kind = ReduceKind::sum;
  std::vector<int64_t> axes;
  bool keep_dims = true;

  static constexpr OpInfo info{.name = "reduce"};
  static constexpr auto fields() {
    return std::tuple{Field{"kind", &Reduce::kind}, Field{"axes", &Reduce::axes},
                      Field{"keep_dims", &Reduce::keep_dims}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
