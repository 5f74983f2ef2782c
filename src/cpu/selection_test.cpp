// Kernels that move, repeat, pick or count elements, against loops and small answers by hand.
#include <limits>

#include "cpu/backend_for_test.h"
#include "cpu/call_for_test.h"

namespace tenon::cpu {

namespace {

using Values = std::vector<double>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class Selections : public OnEveryBackend {
 protected:
  TestResult run(ir::Op op, std::vector<Tensor> inputs, int outputs = 1) {
    return run_reference(*backend, make_test_call(std::move(op), std::move(inputs), 0, outputs),
                         {.threads = 2});
  }
  Values values(ir::Op op, std::vector<Tensor> inputs) {
    return values_of(run(std::move(op), std::move(inputs)).outputs[0]);
  }
};

INSTANTIATE_TEST_SUITE_P(All, Selections, every_backend(), backend_name);

Tensor f32(Shape shape, const Values& values) {
  return tensor_of(DType::f32, std::move(shape), values);
}
Tensor i64(Shape shape, const Values& values) {
  return tensor_of(DType::i64, std::move(shape), values);
}

Values iota(int64_t n) {
  Values values;
  for (int64_t i = 0; i < n; ++i) values.push_back(static_cast<double>(i));
  return values;
}

TEST_P(Selections, a_slice_goes_forth_and_back) {
  for (const DType dtype : {DType::i8, DType::f16, DType::f32, DType::i64}) {
    const Tensor x = tensor_of(dtype, {3, 4}, iota(12));
    EXPECT_EQ(values(ir::Slice{{1, 1}, {2, 2}, {1, 2}}, {x}), (Values{5, 7, 9, 11}));
    EXPECT_EQ(values(ir::Slice{{2, 3}, {2, 4}, {-2, -1}}, {x}), (Values{11, 10, 9, 8, 3, 2, 1, 0}));
  }
  EXPECT_EQ(values(ir::Slice{{-1}, {0}, {-1}}, {f32({0}, {})}), Values());
}

TEST_P(Selections, long_rows_are_cut_and_keep_their_order) {
  constexpr int64_t n = 200'000;
  const Tensor x = random_tensor(DType::f32, {2, n}, 1);
  const Tensor middle = run(ir::Slice{{0, 7}, {2, n - 9}, {}}, {x}).outputs[0];
  const Tensor back = run(ir::Slice{{1, n - 1}, {1, n}, {1, -1}}, {x}).outputs[0];
  const Tensor same = run(ir::Expand{{n}}, {f32({1}, {7})}).outputs[0];
  for (int64_t i = 0; i < n - 9; ++i) {
    const auto at = static_cast<size_t>(i);
    ASSERT_EQ(middle.as<float>()[at + n - 9], x.as<float>()[at + n + 7]);
    ASSERT_EQ(back.as<float>()[at], x.as<float>()[2 * n - 1 - at]);
    ASSERT_EQ(same.as<float>()[at], 7);
  }
}

TEST_P(Selections, expand_and_tile_repeat) {
  EXPECT_EQ(values(ir::Expand{{2, 2, 3}}, {f32({2, 1}, {1, 2})}),
            (Values{1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2}));
  EXPECT_EQ(values(ir::Tile{{2, 2}}, {f32({1, 2}, {1, 2})}), (Values{1, 2, 1, 2, 1, 2, 1, 2}));
  EXPECT_EQ(values(ir::Tile{{0, 2}}, {f32({1, 2}, {1, 2})}), Values());
}

TEST_P(Selections, gather_takes_slices_and_reports_what_is_outside) {
  const Tensor x = f32({2, 3}, iota(6));
  EXPECT_EQ(values(ir::Gather{1}, {x, i64({2}, {2, -3})}), (Values{2, 0, 5, 3}));
  EXPECT_EQ(values(ir::Gather{0}, {x, tensor_of(DType::i32, {}, {1})}), (Values{3, 4, 5}));
  for (const double outside : {3., -4.}) {
    EXPECT_STREQ(run(ir::Gather{1}, {x, i64({2}, {0, outside})}).failure,
                 "an index is outside the axis");
  }
}

TEST_P(Selections, ranges_step_and_wrap) {
  EXPECT_EQ(values(ir::Range{{4}}, {i64({}, {5}), i64({}, {-2})}), (Values{5, 3, 1, -1}));
  EXPECT_EQ(values(ir::Range{{3}}, {f32({}, {0.5}), f32({}, {0.25})}), (Values{0.5, 0.75, 1}));
  const auto i8 = [](double value) { return tensor_of(DType::i8, {}, {value}); };
  EXPECT_EQ(values(ir::Range{{3}}, {i8(127), i8(1)}), (Values{127, -128, -127}));
}

TEST_P(Selections, of_equal_elements_the_lower_index_is_better) {
  const Tensor x = f32({5, 1}, {2, 3, 1, 3, 2});
  const TestResult greatest = run(ir::TopK{.k = {4}, .axis = 0}, {x}, 2);
  EXPECT_EQ(values_of(greatest.outputs[0]), (Values{3, 3, 2, 2}));
  EXPECT_EQ(values_of(greatest.outputs[1]), (Values{1, 3, 0, 4}));
  const TestResult least = run(ir::TopK{.k = {3}, .axis = 0, .largest = false}, {x}, 2);
  EXPECT_EQ(values_of(least.outputs[1]), (Values{2, 0, 4}));
}

TEST_P(Selections, a_nan_is_greater_than_all_numbers) {
  const Tensor x = f32({4}, {1, kNan, 3, kNan});
  EXPECT_EQ(values_of(run(ir::TopK{.k = {4}}, {x}, 2).outputs[1]), (Values{1, 3, 2, 0}));
  EXPECT_EQ(values_of(run(ir::TopK{.k = {3}, .largest = false}, {x}, 2).outputs[1]),
            (Values{0, 2, 1}));
}

TEST_P(Selections, non_zero_lists_what_was_counted) {
  const Tensor x = f32({2, 3}, {0, 1, kNan, 0, -0., 2});
  EXPECT_EQ(values(ir::NonZero{{3}}, {x}), (Values{0, 0, 1, 1, 2, 2}));
  EXPECT_EQ(values(ir::NonZero{{0}}, {f32({2}, {0, 0})}), Values());
  for (const int64_t wrong : {2, 4}) {
    EXPECT_STREQ(run(ir::NonZero{{wrong}}, {x}).failure,
                 "more or fewer elements than counted are not zero");
  }
}

TEST_P(Selections, suppression_pads_with_zeros_and_counts) {
  // Corners (y, x, y, x): the second overlaps the first by 0.9, the third lies apart.
  const Tensor boxes = f32({1, 3, 4}, {0, 0, 1, 1, 0, 0, 0.9, 1, 2, 2, 3, 3});
  const Tensor scores = f32({1, 2, 3}, {0.5, 0.6, 0.7, 0.1, 0.9, 0.2});
  const ir::NonMaxSuppression op{.rows = {6}};
  const TestResult two = run(op, {boxes, scores, i64({}, {3}), f32({}, {0.8}), f32({}, {0.15})}, 2);
  EXPECT_EQ(values_of(two.outputs[0]),
            (Values{0, 0, 2, 0, 0, 1, 0, 1, 1, 0, 1, 2, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(values_of(two.outputs[1]), (Values{4}));
  EXPECT_EQ(values_of(run(op, {boxes, scores}, 2).outputs[1]), (Values{0}));
}

}  // namespace

}  // namespace tenon::cpu
