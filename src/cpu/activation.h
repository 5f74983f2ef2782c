// The activation that a conv or matmul applies before it stores.
#pragma once

#include "ir/ops/conv.h"

namespace tenon::cpu {

/// clip and relu as bounds; a NaN passes.
template <class T>
struct Bounds {
  bool lower = false, upper = false;
  T least{}, greatest{};

  template <class Op>
  explicit Bounds(const Op& op) {
    if (op.act == ir::Activation::none) return;
    lower = true;
    if (op.act == ir::Activation::relu) return;
    upper = true;
    least = static_cast<T>(op.act_min);
    greatest = static_cast<T>(op.act_max);
  }

  T operator()(T value) const noexcept {
    if (lower && value < least) value = least;
    if (upper && value > greatest) value = greatest;
    return value;
  }
};

}  // namespace tenon::cpu
