// What the kernels of recurrent layers share: the steps of some sequences, around a product.
#pragma once

#include "cpu/kernels.h"
#include "cpu/scalar_functions.h"

namespace tenon::cpu {

/// sums[r, j] += h[r, k] * weight[k, j] for all k and for j in [begin, end), k rising. h is [rows,
/// hidden], weight and sums have rows of `width`.
struct RowProduct {
  const float* h;
  const float* weight;
  float* sums;
  int64_t rows, hidden, width, begin, end;
};
using RowProductFunction = void (*)(const RowProduct&) noexcept;

/// Sequences that go through their steps together, so that the weight is read once for them.
inline constexpr int64_t recurrent_rows = 4;

/// For f32, with a product and functions of scalars of a vector unit.
kernel::Prepared prepare_recurrent_f32(const Call& call, RowProductFunction product,
                                       FunctionOf* function);
void run_recurrent_f32(const Launch& launch) noexcept;

}  // namespace tenon::cpu
