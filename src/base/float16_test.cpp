// binary16 and bfloat16 against the definition of their values.
#include "base/float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tenon::base {
namespace {

// IEEE 754-2019, 3.4: the value of a binary16.
double value_by_definition(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

TEST(float16, every_half_has_its_value_and_comes_back) {
  for (uint32_t i = 0; i <= 0xffff; ++i) {
    const auto bits = static_cast<uint16_t>(i);
    const double want = value_by_definition(bits);
    const float got = half_value(bits);
    if (std::isnan(want)) {
      ASSERT_TRUE(std::isnan(got)) << i;
      ASSERT_EQ(half_bits(got), bits | 0x200) << i;  // quiet, sign and payload kept
    } else {
      ASSERT_EQ(got, want) << i;
      ASSERT_EQ(std::signbit(got), (bits & 0x8000) != 0) << i;
      ASSERT_EQ(half_bits(got), bits) << i;
    }
  }
}

TEST(float16, between_two_halves_the_nearest_is_taken_and_a_tie_goes_to_even) {
  for (uint32_t i = 0; i < 0x7c00; ++i) {
    const auto low = static_cast<uint16_t>(i);
    const auto high = static_cast<uint16_t>(i + 1);
    // Above the largest half, infinity stands for the next step, 65536.
    const double above = high == 0x7c00 ? 65536.0 : value_by_definition(high);
    // Exact in float.
    const auto middle = static_cast<float>((value_by_definition(low) + above) / 2);
    const uint16_t even = i % 2 == 0 ? low : high;
    ASSERT_EQ(half_bits(middle), even) << i;
    ASSERT_EQ(half_bits(std::nextafter(middle, 0.0f)), low) << i;
    ASSERT_EQ(half_bits(std::nextafter(middle, 1e6f)), high) << i;
    ASSERT_EQ(half_bits(-middle), even | 0x8000) << i;
  }
}

TEST(float16, what_is_too_large_is_infinite_and_too_small_zero) {
  using limits = std::numeric_limits<float>;
  EXPECT_EQ(half_bits(limits::max()), 0x7c00);
  EXPECT_EQ(half_bits(-limits::infinity()), 0xfc00);
  EXPECT_EQ(half_bits(limits::denorm_min()), 0);
  EXPECT_EQ(half_bits(-limits::min()), 0x8000);
  EXPECT_TRUE(std::isnan(half_value(half_bits(std::bit_cast<float>(0x7f800001u)))));
}

TEST(float16, every_bfloat16_comes_back_and_ties_go_to_even) {
  for (uint32_t i = 0; i <= 0xffff; ++i) {
    BFloat16 value;
    value.bits = static_cast<uint16_t>(i);
    const float wide = value;
    if (std::isnan(wide)) {
      ASSERT_TRUE(std::isnan(static_cast<float>(BFloat16(wide)))) << i;
      continue;
    }
    ASSERT_EQ(BFloat16(wide).bits, i);
    if (std::isinf(wide)) continue;
    const auto middle = std::bit_cast<float>((i << 16) + 0x8000);
    ASSERT_EQ(BFloat16(middle).bits, i + (i & 1)) << i;
    ASSERT_EQ(BFloat16(std::bit_cast<float>((i << 16) + 0x7fff)).bits, i) << i;
    ASSERT_EQ(BFloat16(std::bit_cast<float>((i << 16) + 0x8001)).bits, i + 1) << i;
  }
}

}  // namespace
}  // namespace tenon::base
