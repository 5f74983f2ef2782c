// What the kernels of recurrent layers share: the steps of some sequences, around a product.
#pragma once

#include "cpu/kernels.h"
#include "cpu/scalar_functions.h"

namespace tenon::cpu {

/// sums[r, j] += h[r, k] * weight[k, j] for all k and for j in [begin, end). h is [rows, hidden];
/// rows of sums are `stride` apart, and hold whole vectors behind the last column.
struct RowProduct {
  const float* h;
  const float* weight;
  float* sums;
  int64_t rows, hidden, width, stride, begin, end;
};
using RowProductFunction = void (*)(const RowProduct&) noexcept;

/// Sequences that go through their steps together, so that the weight is read once for them.
inline constexpr int64_t recurrent_rows = 8;

/// For f32, with a product and functions of scalars of a vector unit. Columns of a packed weight
/// lie in panels of `panel`: [directions][columns / panel][hidden][panel]; 0 for a plain one.
kernel::Prepared prepare_recurrent_f32(const Call& call, RowProductFunction product, int64_t panel,
                                       FunctionOf* function);
void run_recurrent_f32(const Launch& launch) noexcept;

}  // namespace tenon::cpu
