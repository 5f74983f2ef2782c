// Conversion between element types, counted.
#pragma once

#include <cstdint>

#include "tenon/tensor.h"

namespace tenon::base {

/// True where convert() may be used on a user's weight: both floating (64 to 16 bits), or the same
/// dtype.
bool converts(DType from, DType to) noexcept;

/// Converts `count` dense elements, floats to nearest even; source and target need no alignment and
/// may not overlap. Bools become 0 and 1. Returns how many finite values became infinite.
int64_t convert(DType from, const void* source, DType to, void* target, int64_t count) noexcept;

/// Whether bools are all 0 or 1, as kernels want them; they are made so wherever bytes come in.
bool are_bools(const void* bytes, size_t count) noexcept;
/// What is not zero is true.
void make_bools(void* bytes, size_t count) noexcept;

/// Copies a strided view to dense row-major bytes of the same dtype, bools to 0 and 1.
void make_dense(const TensorView& view, void* target);
/// True when the view's elements lie densely in row-major order.
bool is_dense(const TensorView& view) noexcept;

}  // namespace tenon::base
