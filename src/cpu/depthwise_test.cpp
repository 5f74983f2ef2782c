// Depthwise convolutions, which read x where it lies, against the reference.
#include "cpu/vector_for_test.h"

namespace tenon::cpu {

namespace {

TestCall depthwise(ir::Conv op, Image x, int64_t kernel_h, int64_t kernel_w) {
  op.groups = x.c;
  return make_test_call(
      op,
      {random({x.n, x.c, x.h, x.w}, 1), random({x.c, 1, kernel_h, kernel_w}, 2), random({x.c}, 3)},
      6);
}

TEST(Depthwise, equals_the_reference_at_every_width_window_and_padding) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const int64_t kernel : {1, 3, 4, 5, 7}) {
    for (const int64_t stride : {1, 2, 3}) {
      for (const int64_t dilation : {1, 2, 5}) {
        const int64_t half = (kernel - 1) * dilation / 2;
        for (const int64_t left : {int64_t{0}, int64_t{1}, half}) {
          for (const int64_t width : {1, 6, 7, 13, 14, 21, 28, 33}) {
            if (width + left + half < (kernel - 1) * dilation + 1) continue;
            SCOPED_TRACE(fmt::format("kernel {}, stride {}, dilation {}, left {}, width {}", kernel,
                                     stride, dilation, left, width));
            const ir::Conv op{.strides = {stride, stride},
                              .pads = {half, left, half, half},
                              .dilations = {dilation, dilation}};
            EXPECT_GT(
                check_all(depthwise(op, {1, 17, 5 + kernel * dilation, width}, kernel, kernel)), 0);
          }
        }
      }
    }
  }
}

TEST(Depthwise, runs_over_one_axis_and_takes_gates) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const char* text :
       {"mul(a, sigmoid(a))", "mul(a, div(min(max(add(a, 3), 0), 6), 6))",
        "mul(mul(a, add(1, erf(mul(a, 0.7)))), 0.5)", "mul(a, relu(add(a, 1)))",
        "mul(mul(a, 2), min(add(mul(a, 3), 1), 2))", "mul(sigmoid(a), sigmoid(a))"}) {
    SCOPED_TRACE(text);
    ir::Conv op{.pads = {2, 2}, .groups = 20, .epilogue = ir::Expression::parse(text)};
    EXPECT_GT(check_all(make_test_call(op, {random({2, 20, 37}, 1), random({20, 1, 5}, 2)}, 6)), 0);
  }
}

}  // namespace
}  // namespace tenon::cpu
