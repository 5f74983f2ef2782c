// Batch normalisation with given statistics.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// (x - mean) / sqrt(variance + epsilon) * scale + bias along axis 1; inputs x, scale, bias, mean,
/// variance.
struct BatchNorm {
  double epsilon = 1e-5;

  static constexpr OpInfo info{.name = "batch_norm", .min_inputs = 5, .max_inputs = 5};
  static constexpr auto fields() { return std::tuple{Field{"epsilon", &BatchNorm::epsilon}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
