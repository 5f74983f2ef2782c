// Codes of narrow types against the tables of the OCP formats, and packing by hand.
#include "base/narrow.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace tenon::base {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double value(DType dtype, uint8_t code) {
  double decoded = 0;
  decode_narrow(dtype, &code, &decoded, 1);
  return decoded;
}

int code(DType dtype, double value, NarrowRounding rounding = {}) {
  uint8_t encoded = 0;
  encode_narrow(dtype, &value, &encoded, 1, rounding);
  return encoded;
}

TEST(narrow, values_at_the_ends_of_each_format) {
  EXPECT_EQ(value(DType::f8_e4m3, 0x7e), 448);
  EXPECT_EQ(value(DType::f8_e4m3, 0x01), 0x1p-9);
  EXPECT_TRUE(std::isnan(value(DType::f8_e4m3, 0x7f)));
  EXPECT_EQ(value(DType::f8_e4m3fnuz, 0x7f), 240);
  EXPECT_TRUE(std::isnan(value(DType::f8_e4m3fnuz, 0x80)));
  EXPECT_EQ(value(DType::f8_e5m2, 0x7b), 57344);
  EXPECT_EQ(value(DType::f8_e5m2, 0xfc), -kInfinity);
  EXPECT_TRUE(std::isnan(value(DType::f8_e5m2, 0x7d)));
  EXPECT_EQ(value(DType::f8_e5m2fnuz, 0x7f), 57344);
  EXPECT_EQ(value(DType::f8_e8m0, 0), 0x1p-127);
  EXPECT_EQ(value(DType::f8_e8m0, 0xfe), 0x1p127);
  EXPECT_EQ(value(DType::f6_e2m3, 0x1f), 7.5);
  EXPECT_EQ(value(DType::f6_e3m2, 0x1f), 28);
  EXPECT_EQ(value(DType::f4_e2m1, 0x0f), -6);
  EXPECT_EQ(value(DType::i4, 0x0f), -1);
  EXPECT_EQ(value(DType::i4, 0xf7), 7);  // what lies above the four bits does not count
  EXPECT_EQ(value(DType::i2, 0x02), -2);
  EXPECT_EQ(value(DType::u2, 0x03), 3);
}

TEST(narrow, every_code_comes_back) {
  for (int type = 0; type < kDTypes; ++type) {
    const auto dtype = static_cast<DType>(type);
    if (!is_narrow(dtype)) continue;
    for (int each = 0; each < 1 << narrow_bits(dtype); ++each) {
      const double decoded = value(dtype, static_cast<uint8_t>(each));
      if (std::isnan(decoded)) continue;
      const NarrowRounding exact{.saturate = false, .power = PowerRounding::down};
      EXPECT_EQ(code(dtype, decoded, exact), each) << to_string(dtype);
    }
  }
}

TEST(narrow, halves_go_to_even_and_what_is_too_great_to_the_end_or_beyond) {
  EXPECT_EQ(code(DType::f4_e2m1, 2.5), 0x4);
  EXPECT_EQ(code(DType::f4_e2m1, 5), 0x6);
  EXPECT_EQ(code(DType::f4_e2m1, 0.25), 0);
  EXPECT_EQ(code(DType::f8_e4m3, 464), 0x7e);
  EXPECT_EQ(code(DType::f8_e4m3, 465), 0x7e);
  EXPECT_EQ(code(DType::f8_e4m3, 465, {.saturate = false}), 0x7f);
  EXPECT_EQ(code(DType::f8_e5m2, -1e9, {.saturate = false}), 0xfc);
  EXPECT_EQ(code(DType::f8_e5m2fnuz, -0.0), 0);
}

TEST(narrow, packed_elements_begin_in_the_lowest_bits) {
  const std::vector<uint8_t> bytes{0x21, 0x43, 0x65};
  const Bytes packed = std::as_bytes(std::span(bytes));
  std::vector<uint8_t> codes(5);
  unpack_narrow(DType::u4, packed, 0, codes);
  EXPECT_EQ(codes, (std::vector<uint8_t>{1, 2, 3, 4, 5}));
  codes.resize(3);
  unpack_narrow(DType::u4, packed.subspan(1), 3, codes);
  EXPECT_EQ(codes, (std::vector<uint8_t>{4, 5, 6}));
  unpack_narrow(DType::u2, packed, 0, codes);
  EXPECT_EQ(codes, (std::vector<uint8_t>{1, 0, 2}));
  unpack_narrow(DType::f6_e2m3, packed, 0, codes);  // 0x654321 in steps of six bits
  EXPECT_EQ(codes, (std::vector<uint8_t>{0x21, 0x0c, 0x14}));
  EXPECT_EQ(packed_size(DType::u4, 5), 3U);
  EXPECT_EQ(packed_size(DType::i2, 5), 2U);
  EXPECT_EQ(packed_size(DType::f6_e3m2, 5), 4U);
}

}  // namespace
}  // namespace tenon::base
