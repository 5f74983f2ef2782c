// Sums and products of all that came before.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

enum class CumulateKind { sum, prod };

/// y[i] is the sum (or product) of x[0] to x[i] along `axis`, without x[i] where `exclusive`, from
/// the end where `reverse`. Operands: x, and the axis (one i64) where only a run knows it.
struct Cumulate {
  CumulateKind kind = CumulateKind::sum;
  int64_t axis = 0;
  bool exclusive = false, reverse = false;

  static constexpr OpInfo info{.name = "cumulate", .min_inputs = 1, .max_inputs = 2};
  static constexpr auto fields() {
    return std::tuple{Field{"kind", &Cumulate::kind}, Field{"axis", &Cumulate::axis},
                      Field{"exclusive", &Cumulate::exclusive},
                      Field{"reverse", &Cumulate::reverse}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
