// Softmax and its logarithm.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// Normalised exponential along one axis: exp(x - max) / sum(exp(x - max)); with `log`, its
/// logarithm.
struct Softmax {
  int64_t axis = -1;
  bool log = false;

  static constexpr OpInfo info{.name = "softmax"};
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &Softmax::axis}, Field{"log", &Softmax::log}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
