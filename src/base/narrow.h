// Element types of at most 8 bits: what their codes mean, and how files pack them.
#pragma once

#include <span>

#include "base/bytes.h"
#include "tenon/tensor.h"

namespace tenon::base {

/// Where a value goes that lies between two powers of two, in f8_e8m0.
enum class PowerRounding : uint8_t { up, down, nearest };

/// How a number becomes a code where the type has no code for it.
struct NarrowRounding {
  bool saturate =
      true;  ///< beyond the 8-bit floats' range: the greatest value, else NaN or infinity
  PowerRounding power = PowerRounding::up;
};

/// Bits of an element that count: 8, 6, 4 or 2.
int narrow_bits(DType dtype) noexcept;
/// i4, u4, i2 and u2.
bool is_narrow_integer(DType dtype) noexcept;
/// Whether an integer is a value of a narrow integer type.
bool fits_narrow(DType dtype, int64_t value) noexcept;

/// The values of codes; bits above narrow_bits() are not looked at.
void decode_narrow(DType dtype, const uint8_t* codes, double* values, int64_t count) noexcept;
/// The codes of values as ONNX's Cast gives them: floats to nearest even; integers toward zero,
/// then their low bits.
void encode_narrow(DType dtype, const double* values, uint8_t* codes, int64_t count,
                   NarrowRounding rounding) noexcept;

/// Bytes that `count` elements take where they are packed: the first in the lowest bits.
uint64_t packed_size(DType dtype, int64_t count) noexcept;
/// Elements [first, first + codes.size()) of packed bytes, of which `packed` begins with the one
/// that holds element `first`.
void unpack_narrow(DType dtype, Bytes packed, int64_t first, std::span<uint8_t> codes) noexcept;

}  // namespace tenon::base
