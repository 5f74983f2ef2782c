// Convolutions by Winograd's tiles, and their filters, against the references.
#include "cpu/vector_for_test.h"

namespace tenon::cpu {

namespace {

/// How many of the kernels that accept are of this kind.
int winograd_kernels(const TestCall& test) {
  TestCall call = test;
  call.call.target = &backend()->target();
  int count = 0;
  for (const auto& kernel : backend()->kernels(call.call.op)) {
    const bool winograd = kernel.name.find("winograd") != std::string_view::npos;
    count += winograd && !kernel::refusal(kernel, call.call);
  }
  return count;
}

TEST(Winograd, equals_the_reference_at_every_extent_of_a_last_tile) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (int64_t height = 2; height <= 16; ++height) {
    const auto test = conv({.pads = {1, 1, 1, 1}}, {2, 17, height, 18 - height}, 33, 3, 3);
    SCOPED_TRACE(height);
    EXPECT_EQ(winograd_kernels(test) > 0, height >= 4 && height <= 14);
    check_all(test);
  }
}

TEST(Winograd, blocks_of_tiles_and_of_channels_equal_the_reference) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const Image& x : {Image{1, 16, 30, 30}, Image{3, 40, 28, 13}, Image{1, 70, 57, 61}}) {
    for (const int64_t o : {16, 31, 100}) {
      const auto test = conv({.pads = {1, 1, 1, 1}}, x, o, 3, 3, o != 31);
      EXPECT_GT(winograd_kernels(test), 0);
      check_all(test);
    }
  }
}

TEST(Winograd, pads_as_it_is_told) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  const Image x{2, 21, 13, 17};
  for (const ir::Conv& op :
       {ir::Conv{}, ir::Conv{.pads = {0, 1, 2, 0}}, ir::Conv{.pads = {4, 5, 6, 7}},
        ir::Conv{.auto_pad = ir::AutoPad::same_lower}}) {
    const auto test = conv(op, x, 20, 3, 3);
    EXPECT_GT(winograd_kernels(test), 0);
    check_all(test);
  }
}

TEST(Winograd, takes_every_epilogue) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const EpilogueCase& each : epilogue_cases()) {
    for (const int64_t channels : {16, 35}) {
      for (const int64_t width : {5, 14}) {
        SCOPED_TRACE(fmt::format("{} {} {}", each.text, channels, width));
        const std::vector<Tensor> inputs{random({2, 16, 6, width}, 1),
                                         random({channels, 16, 3, 3}, 2), random({channels}, 3)};
        const auto test =
            followed_by(each, ir::Conv{.pads = {1, 1, 1, 1}}, inputs, {2, channels, 6, width});
        EXPECT_GT(winograd_kernels(test), 0);
        check_all(test);
      }
    }
  }
}

TEST(Winograd, leaves_other_convolutions_to_others) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  const Image x{1, 32, 16, 16};
  for (const ir::Conv& op :
       {ir::Conv{.strides = {2, 2}}, ir::Conv{.strides = {1, 2}}, ir::Conv{.dilations = {2, 2}}}) {
    EXPECT_EQ(winograd_kernels(conv(op, x, 32, 3, 3)), 0);
  }
  EXPECT_EQ(winograd_kernels(conv({}, x, 32, 3, 1)), 0);
  EXPECT_EQ(winograd_kernels(conv({}, x, 8, 3, 3)), 0);
  EXPECT_EQ(winograd_kernels(conv({}, {1, 8, 16, 16}, 32, 3, 3)), 0);
}

TEST(WinogradFilter, equals_the_reference_with_blocks_that_are_not_full) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const int64_t filters : {1, 16, 31, 70}) {
    for (const auto& [rows, columns] : {std::pair{2, 2}, std::pair{4, 2}, std::pair{4, 4}}) {
      const ir::WinogradFilter op{.rows = rows, .columns = columns, .block = 32};
      EXPECT_GE(check_all(make_test_call(op, {random({filters, 5, 3, 3}, 1)})), 1);
    }
  }
}

}  // namespace

}  // namespace tenon::cpu
