// Elements of any dtype as numbers.
#pragma once

#include "tenon/tensor.h"

namespace tenon::cli {

/// Element `i` in row-major order; 64-bit integers beyond 2^53 are rounded.
double element(const Tensor& tensor, size_t i);

}  // namespace tenon::cli
