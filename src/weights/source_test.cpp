// Tensor sources: bounds, copies, converting reads, digests.
#include "weights/source.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/hash.h"
#include "weights/weights_for_test.h"

namespace tenon::weights {
namespace {

using namespace testing;

std::string bytes_of(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

TEST(source, lies_within_its_bytes_or_is_refused_by_name) {
  const auto bytes = memory(std::string(24, '\0'));
  EXPECT_EQ(make_source("w", DType::f32, {2, 3}, bytes, 0).size(), 24u);
  EXPECT_EQ(make_source("w", DType::f32, {0, 3}, bytes, 24).size(), 0u);
  const Shape huge = {INT64_MAX / 4, 1};
  for (const auto& [shape, offset] : std::vector<std::pair<Shape, uint64_t>>{{{2, 3}, 1},
                                                                             {{7}, 0},
                                                                             {{0}, 25},
                                                                             {huge, 0},
                                                                             {{INT64_MAX, 2}, 0},
                                                                             {{-1}, 0},
                                                                             {{1}, UINT64_MAX},
                                                                             {Shape(256, 1), 0}}) {
    ErrorCode code{};
    const std::string message =
        refusal([&] { make_source("the w", DType::f64, shape, bytes, offset); }, &code);
    EXPECT_NE(message.find("\"the w\""), std::string::npos) << message;
    EXPECT_EQ(code, ErrorCode::bad_file);
  }
}

TEST(source, copy_of_a_view_owns_its_bytes) {
  std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const TensorSource copy = copy_of(TensorView(values.data(), DType::f32, {3, 2}, {1, 3}));
  values.assign(6, 0);
  EXPECT_EQ(elements(copy), (std::vector<double>{1, 4, 2, 5, 3, 6}));
  EXPECT_THROW(copy_of(TensorView(nullptr, DType::f32, {2})), InputError);
  EXPECT_THROW(copy_of(TensorView(values.data(), DType::f32, {2, 3}, {1})), InputError);
}

TEST(source, reads_convert_in_chunks_from_memory_and_from_files) {
  constexpr int64_t kCount = 300'001;  // more than two chunks, and no multiple of one
  std::vector<float> values(kCount);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 2048);
  values[5] = 1e30f;
  values[300'000] = -1e30f;
  const Folder folder;
  const std::string bytes = "xyz" + bytes_of(values);  // unaligned
  for (const auto& source : {memory(bytes), base::open_file(folder.write("f", bytes))}) {
    const TensorSource tensor = make_source("w", DType::f32, {kCount}, source, 3);
    std::vector<uint16_t> halves(kCount - 2);
    ReadStats stats;
    read_elements(tensor, 2, kCount - 2, DType::f16, halves.data(), &stats);
    EXPECT_EQ(stats.overflowed, 2);
    for (size_t i = 2; i < values.size(); ++i) {
      if (std::abs(values[i]) == 1e30f) continue;
      ASSERT_EQ(base::half_value(halves[i - 2]), values[i]) << i;
    }
  }
}

TEST(source, reads_outside_the_tensor_or_across_kinds_are_refused) {
  const TensorSource tensor = copy_of(TensorView(std::vector<float>{1, 2}, {2}));
  char out[64];
  EXPECT_THROW(read_elements(tensor, 1, 2, DType::f32, out), Error);
  EXPECT_THROW(read_elements(tensor, -1, 1, DType::f32, out), Error);
  EXPECT_THROW(read_elements(tensor, 3, 0, DType::f32, out), Error);
  EXPECT_THROW(read_elements(tensor, INT64_MAX, INT64_MAX, DType::f32, out), Error);
  EXPECT_THROW(read_elements(tensor, 0, 2, DType::i32, out), Error);
  EXPECT_NO_THROW(read_elements(tensor, 2, 0, DType::f64, out));
}

TEST(source, digest_is_that_of_the_converted_bytes) {
  std::vector<float> values(700'000);
  std::vector<double> wide(values.size());
  for (size_t i = 0; i < values.size(); ++i) wide[i] = values[i] = static_cast<float>(i) * 0.25f;
  const TensorSource tensor = copy_of(TensorView(values, {700, 1000}));
  EXPECT_EQ(digest(tensor, DType::f32), base::digest(std::as_bytes(std::span(values))));
  EXPECT_EQ(digest(tensor, DType::f64), base::digest(std::as_bytes(std::span(wide))));
}

}  // namespace
}  // namespace tenon::weights
