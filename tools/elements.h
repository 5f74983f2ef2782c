// Elements of any dtype as numbers.
#pragma once

#include "tenon/tensor.h"

namespace tenon::cli {

/// Element `i` in row-major order. A long double, for it holds integers of 64 bits too.
long double element(const Tensor& tensor, size_t i);

}  // namespace tenon::cli
