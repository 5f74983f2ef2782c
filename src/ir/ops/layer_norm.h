// Layer normalisation: each row by its own statistics.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// (x - mean) / sqrt(variance + epsilon) * scale + shift over the last axis; inputs x [..., d],
/// scale [d] and shift [d], which may be absent. Not `centered`: x / sqrt(mean of x² + epsilon).
/// Statistics of f16 and bf16 are kept in f32.
struct LayerNorm {
  double epsilon = 1e-5;
  bool centered = true;

  static constexpr OpInfo info{.name = "layer_norm", .min_inputs = 1, .max_inputs = 3};
  static constexpr auto fields() {
    return std::tuple{Field{"epsilon", &LayerNorm::epsilon},
                      Field{"centered", &LayerNorm::centered}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
