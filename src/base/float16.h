// IEEE binary16 and bfloat16 as storage types: values are computed in float and rounded to nearest
// even.
#pragma once

#include <bit>
#include <cstdint>

namespace tenon::base {

/// Bits of the nearest binary16, ties to even; overflow gives infinity, a NaN stays a (quiet) NaN.
/// Inline and without jumps, so that loops over it vectorise. After F. Giesen, "float->half
/// variants".
inline uint16_t half_bits(float value) noexcept {
  const auto raw = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = raw & 0x7fffffffu;
  // Subnormal: adding 0.5 lets the adder shift and round the mantissa to steps of 2^-24.
  const uint32_t small =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  // Normal: the exponent's bias falls by 112; half a step less one, plus the odd bit, rounds to
  // even.
  const uint32_t normal = (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  const uint32_t nan = 0x7e00u | (magnitude >> 13 & 0x3ffu);
  uint32_t bits = magnitude < (113u << 23) ? small : normal;
  bits = magnitude >= (143u << 23) ? 0x7c00u : bits;  // 2^16 and above
  bits = magnitude > 0x7f800000u ? nan : bits;
  return static_cast<uint16_t>(bits | (raw >> 16 & 0x8000u));
}

inline float half_value(uint16_t bits) noexcept {
  const uint32_t magnitude = (bits & 0x7fffu) << 13;
  const uint32_t exponent = magnitude & 0x0f800000u;
  const uint32_t normal = magnitude + (112u << 23);
  // Subnormal: as if the exponent were 1, less the implicit one that it then has too much.
  const uint32_t small =
      std::bit_cast<uint32_t>(std::bit_cast<float>(normal + (1u << 23)) - 0x1p-14f);
  uint32_t value = exponent == 0 ? small : normal;
  value = exponent == 0x0f800000u ? normal + (112u << 23) : value;  // infinity and NaN
  return std::bit_cast<float>(value | static_cast<uint32_t>(bits & 0x8000u) << 16);
}

struct Half {
  uint16_t bits = 0;

  Half() = default;
  explicit Half(float value) noexcept : bits(half_bits(value)) {}
  operator float() const noexcept { return half_value(bits); }  // NOLINT: widening loses nothing
};

struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  explicit BFloat16(float value) noexcept {
    const auto raw = std::bit_cast<uint32_t>(value);
    const bool nan = (raw & 0x7fffffffu) > 0x7f800000u;
    bits = nan ? static_cast<uint16_t>(raw >> 16 | 0x40u)
               : static_cast<uint16_t>((raw + 0x7fffu + (raw >> 16 & 1u)) >> 16);
  }
  operator float() const noexcept {  // NOLINT: widening loses nothing
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  }
};

}  // namespace tenon::base
