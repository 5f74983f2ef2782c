// Conversions against the C++ language's own, and against exact reasoning where it has none.
#include "base/convert.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "base/dtype.h"

namespace tenon::base {
namespace {

template <class To, class From>
std::vector<To> converted(DType from, DType to, const std::vector<From>& in,
                          int64_t* overflowed = nullptr) {
  std::vector<To> out(in.size());
  const int64_t count = convert(from, in.data(), to, out.data(), static_cast<int64_t>(in.size()));
  if (overflowed) *overflowed = count;
  return out;
}

// The nearest T of an exact double by trying both neighbours: no double rounding can hide here.
template <class T>
uint16_t nearest_bits(double value) {
  const uint16_t guess = T(static_cast<float>(value)).bits;
  uint16_t best = guess;
  for (const int step : {-1, 1}) {
    T near;
    near.bits = static_cast<uint16_t>(guess + step);
    T now;
    now.bits = best;
    const double new_error = std::abs(static_cast<double>(near) - value);
    const double old_error = std::abs(static_cast<double>(now) - value);
    if (new_error < old_error || (new_error == old_error && near.bits % 2 == 0)) best = near.bits;
  }
  return best;
}

TEST(convert, doubles_are_rounded_once) {
  std::vector<double> values;
  for (int i = 0; i < 2000; ++i) {
    // A hair off a tie of 16 bits: rounding to float first would land on the tie.
    const double half_tie = std::ldexp(2048 + 2 * i % 2048 + 1, -i % 14 - 11);
    const double bfloat_tie = std::ldexp(256 + 2 * i % 256 + 1, -i % 40);
    for (const double tie : {half_tie, bfloat_tie}) {
      for (const double hair : {0.0, 1e-12, -1e-12}) values.push_back(tie * (1 + hair));
    }
  }
  const auto halves = converted<Half>(DType::f64, DType::f16, values);
  const auto bfloats = converted<BFloat16>(DType::f64, DType::bf16, values);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 60000) {
      ASSERT_EQ(halves[i].bits, nearest_bits<Half>(values[i])) << values[i];
    }
    ASSERT_EQ(bfloats[i].bits, nearest_bits<BFloat16>(values[i])) << values[i];
  }
}

TEST(convert, finite_values_that_become_infinite_are_counted) {
  const std::vector<float> values = {65504, 65519.99f, 65520, -1e9f, INFINITY, NAN, 0};
  int64_t overflowed = -1;
  const auto halves = converted<Half>(DType::f32, DType::f16, values, &overflowed);
  EXPECT_EQ(overflowed, 2);
  EXPECT_EQ(halves[1].bits, 0x7bff);
  EXPECT_EQ(halves[3].bits, 0xfc00);
  converted<float>(DType::f64, DType::f32, std::vector<double>{1e300, -1e39, 3e38, INFINITY},
                   &overflowed);
  EXPECT_EQ(overflowed, 2);
  converted<BFloat16>(DType::f64, DType::bf16, std::vector<double>{3.39e38, 3.4e38, 1e300},
                      &overflowed);
  EXPECT_EQ(overflowed, 2);
  std::vector<float> many(10001, 1e38f);
  converted<Half>(DType::f32, DType::f16, many, &overflowed);
  EXPECT_EQ(overflowed, 10001);
}

TEST(convert, narrow_floats_widen_exactly) {
  std::vector<uint16_t> all(65536);
  std::iota(all.begin(), all.end(), uint16_t{0});
  const auto doubles = converted<double>(DType::f16, DType::f64, all);
  const auto floats = converted<float>(DType::bf16, DType::f32, all);
  for (size_t i = 0; i < all.size(); ++i) {
    const float half = half_value(all[i]);
    if (!std::isnan(half)) {
      ASSERT_EQ(doubles[i], half);
    }
    ASSERT_EQ(std::bit_cast<uint32_t>(floats[i]), all[i] << 16);
  }
}

TEST(convert, same_dtype_keeps_the_bits) {
  const std::vector<uint16_t> odd = {0x7c01, 0xfdff, 3};
  EXPECT_EQ(converted<uint16_t>(DType::f16, DType::f16, odd), odd);
}

TEST(convert, floats_to_integers_truncate_and_saturate) {
  const std::vector<float> values = {1.9f, -1.9f, 300, -300, NAN, INFINITY};
  EXPECT_EQ(converted<int8_t>(DType::f32, DType::i8, values),
            (std::vector<int8_t>{1, -1, 127, -128, 0, 127}));
  EXPECT_EQ(converted<uint8_t>(DType::f32, DType::u8, values),
            (std::vector<uint8_t>{1, 0, 255, 0, 0, 255}));
  EXPECT_EQ(converted<int64_t>(DType::f32, DType::i64, values)[5], INT64_MAX);
}

TEST(convert, integers_wrap_and_bools_are_zero_or_one) {
  EXPECT_EQ(converted<int8_t>(DType::i64, DType::i8, std::vector<int64_t>{257, -1}),
            (std::vector<int8_t>{1, -1}));
  EXPECT_EQ(converted<uint8_t>(DType::i32, DType::bool_, std::vector<int32_t>{256, 0}),
            (std::vector<uint8_t>{1, 0}));
  EXPECT_EQ(converted<float>(DType::bool_, DType::f32, std::vector<uint8_t>{7, 0}),
            (std::vector<float>{1, 0}));
}

TEST(convert, every_pair_agrees_on_small_whole_numbers_also_unaligned) {
  for (int from = 0; from < kDTypes; ++from) {
    for (int to = 0; to < kDTypes; ++to) {
      const auto source = static_cast<DType>(from);
      const auto target = static_cast<DType>(to);
      // u8 -> source -> target -> u8, one byte off any alignment.
      const std::vector<uint8_t> numbers = {0, 1, 1, 0, 1};
      std::vector<char> a(1 + 8 * numbers.size()), b(1 + 8 * numbers.size());
      std::vector<uint8_t> back(numbers.size());
      convert(DType::u8, numbers.data(), source, a.data() + 1, 5);
      convert(source, a.data() + 1, target, b.data() + 1, 5);
      convert(target, b.data() + 1, DType::u8, back.data(), 5);
      EXPECT_EQ(back, numbers) << to_string(source) << " " << to_string(target);
    }
  }
}

TEST(convert, only_floats_convert_as_weights) {
  EXPECT_TRUE(converts(DType::f64, DType::bf16));
  EXPECT_TRUE(converts(DType::i8, DType::i8));
  EXPECT_FALSE(converts(DType::i8, DType::f32));
  EXPECT_FALSE(converts(DType::bool_, DType::u8));
}

TEST(convert, any_bool_but_0_is_1) {
  const std::array<uint8_t, 4> bytes = {0, 1, 2, 255}, want = {0, 1, 1, 1};
  std::array<uint8_t, 4> out{};
  convert(DType::bool_, bytes.data(), DType::bool_, out.data(), 4);
  EXPECT_EQ(out, want);
  EXPECT_FALSE(are_bools(bytes.data(), 4));
  EXPECT_TRUE(are_bools(out.data(), 4));
  make_dense(TensorView(bytes.data(), DType::bool_, {4}), out.data());
  EXPECT_EQ(out, want);
}

TEST(dense, strided_views_are_gathered_in_row_major_order) {
  std::vector<int32_t> grid(24);
  std::iota(grid.begin(), grid.end(), 0);
  const TensorView transposed(grid.data(), DType::i32, {3, 4, 2}, {2, 6, 1});
  EXPECT_FALSE(is_dense(transposed));
  std::vector<int32_t> out(24);
  make_dense(transposed, out.data());
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 4; ++j)
      for (int k = 0; k < 2; ++k)
        EXPECT_EQ(out[static_cast<size_t>((i * 4 + j) * 2 + k)], i * 2 + j * 6 + k);
}

TEST(dense, strides_may_be_zero_or_negative) {
  const std::vector<int16_t> row = {1, 2, 3};
  std::vector<int16_t> out(6);
  make_dense(TensorView(row.data() + 2, DType::i16, {2, 3}, {0, -1}), out.data());
  EXPECT_EQ(out, (std::vector<int16_t>{3, 2, 1, 3, 2, 1}));
}

TEST(dense, axes_of_extent_one_and_empty_views_do_not_matter) {
  const std::vector<uint8_t> bytes(8);
  EXPECT_TRUE(is_dense(TensorView(bytes.data(), DType::u8, {1, 4, 1, 2}, {99, 2, -5, 1})));
  EXPECT_TRUE(is_dense(TensorView(bytes.data(), DType::u8, {4, 0}, {7, 7})));
  EXPECT_FALSE(is_dense(TensorView(bytes.data(), DType::u8, {4, 2}, {1, 4})));
  make_dense(TensorView(nullptr, DType::u8, {4, 0}, {7, 7}), nullptr);
}

}  // namespace
}  // namespace tenon::base
