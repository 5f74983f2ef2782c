// Layouts and types: text, physical extents, sizes.
#include "ir/type.h"

#include <gtest/gtest.h>

#include "tenon/error.h"

namespace tenon::ir {
namespace {

TEST(Layout, text_and_parse_are_inverse) {
  const std::pair<Layout, std::pair<const char*, size_t>> cases[] = {
      {{}, {"", 4}},
      {{.order = {}, .splits = {{1, 16}}}, {"NCHW16c", 4}},
      {{.order = {0, 2, 3, 1}, .splits = {}}, {"NHWC", 4}},
      {{.order = {1, 0}, .splits = {{1, 16}}}, {"BA16b", 2}},
      {{.order = {}, .splits = {{0, 16}, {1, 4}, {0, 2}}}, {"NCW16n4c2n", 3}},
      {{.order = {0, 4, 1, 2, 3}, .splits = {}}, {"NWCDH", 5}},
      {{.order = {5, 0, 1, 2, 3, 4}, .splits = {{5, 8}}}, {"FABCDE8f", 6}},
  };
  for (const auto& [layout, expected] : cases) {
    EXPECT_EQ(layout.text(expected.second), expected.first);
    EXPECT_EQ(Layout::parse(expected.first, expected.second), layout) << expected.first;
  }
  EXPECT_TRUE(Layout::parse("NCHW", 4).plain());
}

TEST(Layout, parse_refuses_what_lays_out_nothing) {
  const std::pair<const char*, size_t> texts[] = {
      {"NCH", 4},      {"NCHH", 4},    {"NCHWX", 4},
      {"NCHW16", 4},   {"NCHW16x", 4}, {"NCHW0c", 4},
      {"NCHWc", 4},    {"NCHW16C", 4}, {"NCHW99999999999c", 4},
      {"AB", 4},       {"A", 0},       {"AB2a2a2a2a2a2a2a2a2a", 2},
      {"NCHW5000c", 4}};
  for (const auto& [text, rank] : texts) {
    try {
      Layout::parse(text, rank);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_file) << text;
    }
  }
}

TEST(Layout, physical_extents_are_axes_in_order_then_blocks) {
  const std::vector<int64_t> dims = {2, 20, 5, 7};
  EXPECT_EQ(physical_dims(dims, {}), dims);
  EXPECT_EQ(physical_dims(dims, Layout::parse("NHWC", 4)), (std::vector<int64_t>{2, 5, 7, 20}));
  EXPECT_EQ(physical_dims(dims, Layout::parse("NCHW16c", 4)),
            (std::vector<int64_t>{2, 2, 5, 7, 16}));
  EXPECT_EQ(physical_dims(dims, Layout::parse("NCHW4c2c", 4)),
            (std::vector<int64_t>{2, 3, 5, 7, 4, 2}));
  EXPECT_THROW(physical_dims(dims, Layout::parse("BA", 2)), BuildError);
}

TEST(ValueType, text_and_size) {
  const Dim n = Dim::symbol("n");
  const ValueType dynamic(DType::f32, {n, 3, 224, 224}, Layout::parse("NCHW16c", 4));
  EXPECT_EQ(dynamic.text(), "f32[n, 3, 224, 224]{NCHW16c}");
  EXPECT_FALSE(dynamic.is_static());
  EXPECT_THROW(dynamic.bytes(), BuildError);
  const ValueType fixed(DType::bf16, {1, 3, 2, 2}, Layout::parse("NCHW16c", 4));
  EXPECT_TRUE(fixed.is_static());
  EXPECT_EQ(fixed.bytes(), size_t{1} * 1 * 2 * 2 * 16 * 2);
  EXPECT_EQ(ValueType(DType::i64, {}).bytes(), 8u);
  ValueType unknown;
  EXPECT_EQ(unknown.text(), "f32[...]");
  EXPECT_FALSE(unknown.is_static());
  EXPECT_THROW(unknown.bytes(), BuildError);
  EXPECT_THROW(ValueType(DType::f64, {INT64_MAX / 2}).bytes(), Error);
}

}  // namespace
}  // namespace tenon::ir
