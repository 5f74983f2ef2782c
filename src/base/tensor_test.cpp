// Element counts, tensors' memory, dtype names.
#include "tenon/tensor.h"

#include <gtest/gtest.h>

#include <new>

#include "base/dtype.h"
#include "tenon/error.h"

namespace tenon {
namespace {

constexpr int64_t kLarge = int64_t{1} << 40;

TEST(tensor, counts_elements_and_refuses_impossible_shapes) {
  EXPECT_EQ(element_count(Shape{}), 1);
  EXPECT_EQ(element_count(Shape{2, 3, 4}), 24);
  EXPECT_EQ(element_count(Shape{kLarge, kLarge, 0}), 0);
  EXPECT_EQ(element_count(Shape{INT64_MAX, 1}), INT64_MAX);
  EXPECT_THROW(element_count(Shape{kLarge, kLarge}), InputError);
  EXPECT_THROW(element_count(Shape{0, -1}), InputError);
  EXPECT_THROW(element_count(Shape{INT64_MIN, INT64_MIN}), InputError);
}

TEST(tensor, owns_aligned_memory_that_copies_share) {
  Tensor tensor(DType::f32, {3, 5});
  EXPECT_EQ(tensor.bytes(), 60u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data()) % 64, 0u);
  const Tensor copy = tensor;
  tensor.as<float>()[14] = 2;
  EXPECT_EQ(copy.as<float>()[14], 2);
  EXPECT_NE(Tensor(DType::u8, {0}).data(), nullptr);
}

TEST(tensor, too_large_a_shape_is_bad_alloc) {
  EXPECT_THROW(Tensor(DType::f64, {kLarge, kLarge / 1024 / 1024 * 4}), std::bad_alloc);
  EXPECT_THROW(Tensor(DType::f64, {kLarge, kLarge}), InputError);
}

TEST(tensor, shape_prints_with_commas) {
  EXPECT_EQ(to_string(Shape{}), "[]");
  EXPECT_EQ(to_string(Shape{2, -3}), "[2, -3]");
}

TEST(tensor, of_strings_copies_them_and_begins_empty) {
  std::vector<std::string> texts{"a", std::string("b\0c", 3), ""};
  const Tensor kept(texts, {3, 1});
  texts.clear();
  const Tensor copy = kept;
  EXPECT_EQ(copy.strings(), (std::vector<std::string_view>{"a", std::string_view("b\0c", 3), ""}));
  EXPECT_EQ(Tensor(DType::string, {2}).strings(), std::vector<std::string_view>(2));
  EXPECT_THROW(Tensor(texts, {2}), InputError);
  EXPECT_THROW(Tensor(DType::i64, {1}).strings(), InputError);
}

TEST(dtype, names_parse_back_and_sizes_are_those_of_the_types) {
  for (int i = 0; i < kDTypes; ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(base::parse_dtype(to_string(dtype)), dtype);
    base::dispatch(dtype, [&]<class T>(base::TypeTag<T>) {
      EXPECT_EQ(byte_count(dtype, 1), sizeof(T));
      if (dtype > DType::bool_) {
        EXPECT_FALSE(is_integer(dtype) || is_floating(dtype));
        return;
      }
      EXPECT_EQ(is_integer(dtype), std::is_integral_v<T> && dtype != DType::bool_);
      EXPECT_EQ(is_floating(dtype), !std::is_integral_v<T>);
    });
  }
  EXPECT_FALSE(base::parse_dtype("f8"));
}

}  // namespace
}  // namespace tenon
