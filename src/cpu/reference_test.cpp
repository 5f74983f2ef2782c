// Reference kernels against closed formulas, small enough to check by hand.
#include <limits>

#include "cpu/backend_for_test.h"
#include "cpu/call_for_test.h"

namespace tenon::cpu {

namespace {

using Values = std::vector<double>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class References : public OnEveryBackend {
 protected:
  TestResult run(ir::Op op, std::vector<Tensor> inputs, int outputs = 1) {
    return run_reference(*backend, make_test_call(std::move(op), std::move(inputs), 0, outputs),
                         {.threads = 2});
  }
  Values values(ir::Op op, std::vector<Tensor> inputs) {
    return values_of(run(std::move(op), std::move(inputs)).outputs[0]);
  }
  Values pointwise(std::string_view text, std::vector<Tensor> inputs) {
    return values(ir::Pointwise{ir::Expression::parse(text)}, std::move(inputs));
  }
};

INSTANTIATE_TEST_SUITE_P(All, References, every_backend(), backend_name);

Tensor f32(Shape shape, const Values& values) {
  return tensor_of(DType::f32, std::move(shape), values);
}
Tensor i64(Shape shape, const Values& values) {
  return tensor_of(DType::i64, std::move(shape), values);
}

Values iota(int64_t n, double first = 0) {
  Values values;
  for (int64_t i = 0; i < n; ++i) values.push_back(first + static_cast<double>(i));
  return values;
}

void expect_near(const Values& got, const Values& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(want[i]))
      EXPECT_TRUE(std::isnan(got[i])) << i;
    else if (std::isinf(want[i]))
      EXPECT_EQ(got[i], want[i]) << i;
    else
      EXPECT_NEAR(got[i], want[i], tolerance) << i;
  }
}

TEST_P(References, convolution_of_ones_counts_the_taps_inside) {
  const ir::Conv conv{.pads = {1, 1, 1, 1}};
  for (const DType dtype : {DType::f64, DType::f32, DType::f16, DType::bf16}) {
    const auto x = tensor_of(dtype, {1, 1, 3, 3}, Values(9, 1));
    const auto w = tensor_of(dtype, {1, 1, 3, 3}, Values(9, 1));
    EXPECT_EQ(values(conv, {x, w}), (Values{4, 6, 4, 6, 9, 6, 4, 6, 4}));
  }
}

TEST_P(References, convolution_adds_bias_and_clips) {
  const ir::Conv conv{.epilogue = ir::Expression::parse("min(max(a, 1), 4)")};
  const auto x = f32({1, 1, 4}, {0, 1, 2, 3});
  EXPECT_EQ(values(conv, {x, f32({1, 1, 2}, {1, 1}), f32({1}, {-0.5})}), (Values{1, 2.5, 4}));
}

TEST_P(References, grouped_convolution_keeps_groups_apart) {
  const auto x = f32({1, 2, 2}, {1, 2, 10, 20});
  EXPECT_EQ(values(ir::Conv{.groups = 2}, {x, f32({2, 1, 1}, {3, 5})}), (Values{3, 6, 50, 100}));
}

TEST_P(References, convolution_strides_and_dilates) {
  const ir::Conv conv{.strides = {2}, .dilations = {3}};
  EXPECT_EQ(values(conv, {f32({1, 1, 8}, iota(8)), f32({1, 1, 2}, {1, 10})}), (Values{30, 52, 74}));
}

TEST_P(References, convolution_pads_as_auto_pad_says) {
  const auto x = f32({1, 1, 2}, {1, 2});
  const auto w = f32({1, 1, 2}, {1, 10});
  EXPECT_EQ(values(ir::Conv{.auto_pad = ir::AutoPad::same_upper}, {x, w}), (Values{21, 2}));
  EXPECT_EQ(values(ir::Conv{.auto_pad = ir::AutoPad::same_lower}, {x, w}), (Values{10, 21}));
}

TEST_P(References, convolution_runs_over_three_spatial_axes) {
  const auto x = f32({1, 1, 2, 2, 2}, iota(8));
  EXPECT_EQ(values(ir::Conv{}, {x, f32({1, 1, 2, 2, 2}, Values(8, 1))}), (Values{28}));
}

TEST_P(References, matmul_multiplies_every_element_type) {
  for (const DType dtype :
       {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64, DType::i32, DType::u32}) {
    const auto a = tensor_of(dtype, {2, 2}, {1, 2, 3, 4});
    EXPECT_EQ(values(ir::MatMul{}, {a, tensor_of(dtype, {2, 2}, {5, 6, 7, 8})}),
              (Values{19, 22, 43, 50}));
  }
}

TEST_P(References, matmul_takes_operands_transposed) {
  const auto a = f32({2, 3}, iota(6, 1));  // rows of a: 1 2 3 / 4 5 6
  const auto b = f32({3, 2}, iota(6, 1));  // 1 2 / 3 4 / 5 6
  const auto at = f32({3, 2}, {1, 4, 2, 5, 3, 6});
  const auto bt = f32({2, 3}, {1, 3, 5, 2, 4, 6});
  const Values want{22, 28, 49, 64};
  EXPECT_EQ(values(ir::MatMul{}, {a, b}), want);
  EXPECT_EQ(values(ir::MatMul{.transpose_a = true}, {at, b}), want);
  EXPECT_EQ(values(ir::MatMul{.transpose_b = true}, {a, bt}), want);
  EXPECT_EQ(values(ir::MatMul{.transpose_a = true, .transpose_b = true}, {at, bt}), want);
}

TEST_P(References, matmul_broadcasts_batches_of_both_sides) {
  const auto a = f32({2, 1, 1, 1}, {2, 3});
  const auto b = f32({3, 1, 1}, {1, 10, 100});
  EXPECT_EQ(values(ir::MatMul{}, {a, b}), (Values{2, 20, 200, 3, 30, 300}));
}

TEST_P(References, matmul_adds_bias_and_applies_relu) {
  const ir::MatMul op{.epilogue = ir::Expression::of(ir::Scalar::relu)};
  EXPECT_EQ(values(op, {f32({1, 1}, {2}), f32({1, 2}, {3, -3}), f32({2}, {1, 2})}), (Values{7, 0}));
}

// The bits of a pointwise node behind the op.
TEST_P(References, an_epilogue_fused_is_an_epilogue_not_fused) {
  const auto check = [&](const auto& op, std::vector<Tensor> inputs, std::string_view text,
                         const std::vector<Tensor>& operands) {
    std::vector<Tensor> behind{run(op, inputs).outputs[0]};
    behind.insert(behind.end(), operands.begin(), operands.end());
    const auto expression = ir::Expression::parse(text);
    const Tensor want = run(ir::Pointwise{expression}, behind).outputs[0];
    auto fused = op;
    fused.epilogue = expression;
    inputs.insert(inputs.end(), operands.begin(), operands.end());
    const Tensor got = run(fused, inputs).outputs[0];
    ASSERT_EQ(got.bytes(), want.bytes());
    EXPECT_EQ(std::memcmp(got.data(), want.data(), want.bytes()), 0)
        << text << " " << to_string(want.dtype());
  };
  for (const DType dtype : {DType::f64, DType::f32, DType::f16, DType::bf16}) {
    const auto random = [&](Shape shape) { return random_tensor(dtype, std::move(shape), 7); };
    const auto x = random({2, 3, 5, 6}), w = random({4, 3, 3, 3}), b = random({4});
    const auto a = random({2, 5, 7}), v = random({7, 9});
    for (const char* text : {"relu(a)", "mul(a, sigmoid(a))", "mul(a, 0.3)",
                             "mul(mul(a, 0.5), add(erf(div(a, 1.4142135)), 1))",
                             "mul(a, min(max(add(div(a, 6), 0.5), 0), 1))"}) {
      check(ir::Conv{}, {x, w, b}, text, {});
      check(ir::MatMul{}, {a, v, random({9})}, text, {});
    }
    check(ir::Conv{}, {x, w, b}, "max(add(a, b), 0)", {random({2, 4, 3, 4})});
    check(ir::Conv{}, {x, w, b}, "add(mul(a, b), mul(c, d))",
          {random({4, 1, 1}), random({2, 1, 3, 4}), random({})});
    check(ir::MatMul{}, {a, v, random({9})}, "where(b, add(a, c), -1)",
          {tensor_of(DType::bool_, {5, 1}, {1, 0, 1, 1, 0}), random({2, 1, 9})});
  }
  const auto ints = [](Shape shape) { return tensor_of(DType::i32, std::move(shape), iota(6)); };
  check(ir::MatMul{}, {ints({2, 3}), ints({3, 2}), tensor_of(DType::i32, {2}, {1, 2})},
        "mul(sub(a, b), 3)", {tensor_of(DType::i32, {2, 1}, {4, 5})});
}

TEST_P(References, an_epilogue_reports_the_error_of_its_data) {
  const auto i32 = [](Shape shape, const Values& values) {
    return tensor_of(DType::i32, std::move(shape), values);
  };
  const ir::MatMul op{.epilogue = ir::Expression::parse("div(a, b)")};
  const auto result =
      run(op, {i32({1, 1}, {2}), i32({1, 2}, {3, 4}), i32({2}, {0, 0}), i32({2}, {1, 0})});
  EXPECT_STREQ(result.failure, "integer division by zero");
}

TEST_P(References, a_sum_of_nothing_is_the_bias) {
  EXPECT_EQ(values(ir::MatMul{}, {f32({1, 0}, {}), f32({0, 2}, {}), f32({2}, {1, 2})}),
            (Values{1, 2}));
}

TEST_P(References, max_pool_finds_values_and_indices) {
  const auto x = f32({1, 1, 2, 3}, {1, 5, 2, 7, 0, 3});
  const auto result = run(ir::MaxPool{.kernel = {2, 2}}, {x}, 2);
  EXPECT_EQ(values_of(result.outputs[0]), (Values{7, 5}));
  EXPECT_EQ(values_of(result.outputs[1]), (Values{3, 1}));
  const auto by_columns = run(ir::MaxPool{.kernel = {2, 2}, .storage_order = 1}, {x}, 2);
  EXPECT_EQ(values_of(by_columns.outputs[1]), (Values{1, 2}));
}

TEST_P(References, max_pool_never_takes_padding_and_lets_nan_win) {
  const auto x = f32({1, 1, 3}, {-4, -2, kNan});
  expect_near(values(ir::MaxPool{.kernel = {2}, .pads = {1, 0}}, {x}), {-4, -2, kNan}, 0);
}

TEST_P(References, max_pool_takes_bytes) {
  const auto x = tensor_of(DType::u8, {1, 1, 4}, {1, 255, 3, 4});
  EXPECT_EQ(values(ir::MaxPool{.kernel = {2}, .strides = {2}}, {x}), (Values{255, 4}));
}

TEST_P(References, average_pool_counts_padding_only_when_told) {
  const auto x = f32({1, 1, 3}, {3, 6, 9});
  ir::AveragePool pool{.kernel = {2}, .pads = {1, 1}};
  EXPECT_EQ(values(pool, {x}), (Values{3, 4.5, 7.5, 9}));
  pool.count_include_pad = true;
  EXPECT_EQ(values(pool, {x}), (Values{1.5, 4.5, 7.5, 4.5}));
}

TEST_P(References, average_pool_does_not_count_what_ceil_mode_adds) {
  const auto x = f32({1, 1, 3}, {3, 6, 9});
  const ir::AveragePool pool{
      .kernel = {2}, .strides = {2}, .ceil_mode = true, .count_include_pad = true};
  EXPECT_EQ(values(pool, {x}), (Values{4.5, 9}));
}

TEST_P(References, batch_norm_follows_its_formula) {
  const auto x = f32({1, 2, 2}, {1, 3, 5, 7});
  const auto got = values(ir::BatchNorm{.epsilon = 0}, {x, f32({2}, {1, 2}), f32({2}, {0, 1}),
                                                        f32({2}, {1, 5}), f32({2}, {4, 1})});
  expect_near(got, {0, 1, 1, 5}, 1e-6);
}

TEST_P(References, softmax_sums_to_one_along_its_axis) {
  const auto x = f32({2, 2}, {0, 1000, std::log(2.0), 1000});
  expect_near(values(ir::Softmax{.axis = 0}, {x}), {1.0 / 3, 0.5, 2.0 / 3, 0.5}, 1e-6);
  expect_near(values(ir::Softmax{.axis = -1, .log = true}, {f32({2}, {0, std::log(3.0)})}),
              {-std::log(4.0), std::log(0.75)}, 1e-6);
}

TEST_P(References, concat_joins_along_any_axis) {
  const auto a = i64({2, 1}, {1, 2}), b = i64({2, 2}, {3, 4, 5, 6});
  EXPECT_EQ(values(ir::Concat{.axis = 1}, {a, b}), (Values{1, 3, 4, 2, 5, 6}));
  EXPECT_EQ(values(ir::Concat{.axis = 0}, {b, i64({0, 2}, {}), b}),
            (Values{3, 4, 5, 6, 3, 4, 5, 6}));
}

TEST_P(References, transpose_permutes_elements_of_every_size) {
  for (const DType dtype : {DType::u8, DType::f16, DType::f32, DType::f64}) {
    const auto x = tensor_of(dtype, {2, 1, 3}, iota(6));
    EXPECT_EQ(values(ir::Transpose{{2, 0, 1}}, {x}), (Values{0, 3, 1, 4, 2, 5}));
  }
}

TEST_P(References, shape_gives_extents_of_a_slice) {
  EXPECT_EQ(values(ir::ShapeOf{.start = -2}, {f32({4, 2, 1}, iota(8))}), (Values{2, 1}));
}

TEST_P(References, reshape_keeps_the_order) {
  EXPECT_EQ(values(ir::Reshape{{3, 2}}, {f32({2, 3}, iota(6))}), iota(6));
}

TEST_P(References, casts_round_clamp_and_wrap) {
  const auto x = f32({6}, {1.9, -1.9, 300, -300, kNan, kInfinity});
  EXPECT_EQ(values(ir::Cast{DType::i8}, {x}), (Values{1, -1, 127, -128, 0, 127}));
  EXPECT_EQ(values(ir::Cast{DType::u8}, {x}), (Values{1, 0, 255, 0, 0, 255}));
  EXPECT_EQ(values(ir::Cast{DType::bool_}, {f32({3}, {0, -0.0, 0.1})}), (Values{0, 0, 1}));
  EXPECT_EQ(values(ir::Cast{DType::u8}, {i64({2}, {257, -1})}), (Values{1, 255}));
  EXPECT_EQ(values(ir::Cast{DType::f16}, {f32({2}, {2049, 1e9})}), (Values{2048, kInfinity}));
}

TEST_P(References, every_pair_of_dtypes_casts_small_numbers_exactly) {
  constexpr int wide = static_cast<int>(DType::bool_);
  for (int from = 0; from <= wide; ++from) {
    for (int to = 0; to <= wide; ++to) {
      const auto x = tensor_of(static_cast<DType>(from), {300}, Values(300, 1));
      EXPECT_EQ(values(ir::Cast{static_cast<DType>(to)}, {x}), Values(300, 1)) << from << " " << to;
    }
  }
}

TEST_P(References, reductions_follow_their_formulas) {
  const auto x = f32({2, 2}, {1, 2, 3, 4});
  const auto reduced = [&](ir::ReduceKind kind) {
    return values(ir::Reduce{.kind = kind, .axes = {0}}, {x});
  };
  EXPECT_EQ(reduced(ir::ReduceKind::sum), (Values{4, 6}));
  EXPECT_EQ(reduced(ir::ReduceKind::mean), (Values{2, 3}));
  EXPECT_EQ(reduced(ir::ReduceKind::max), (Values{3, 4}));
  EXPECT_EQ(reduced(ir::ReduceKind::min), (Values{1, 2}));
  EXPECT_EQ(reduced(ir::ReduceKind::prod), (Values{3, 8}));
  EXPECT_EQ(reduced(ir::ReduceKind::l1), (Values{4, 6}));
  EXPECT_EQ(reduced(ir::ReduceKind::sum_square), (Values{10, 20}));
  expect_near(reduced(ir::ReduceKind::l2), {std::sqrt(10.0), std::sqrt(20.0)}, 1e-6);
  expect_near(reduced(ir::ReduceKind::log_sum), {std::log(4.0), std::log(6.0)}, 1e-6);
  expect_near(reduced(ir::ReduceKind::log_sum_exp),
              {std::log(std::exp(1) + std::exp(3)), std::log(std::exp(2) + std::exp(4))}, 1e-6);
}

TEST_P(References, reductions_run_over_axes_that_are_apart) {
  const auto x = i64({2, 3, 2}, iota(12));
  EXPECT_EQ(values(ir::Reduce{.axes = {0, 2}, .keep_dims = false}, {x}), (Values{14, 22, 30}));
  EXPECT_EQ(values(ir::Reduce{.axes = {}}, {x}), iota(12));
}

TEST_P(References, logarithms_of_integers_are_clamped) {
  const auto x = tensor_of(DType::i32, {2, 1}, {0, 8});
  EXPECT_EQ(values(ir::Reduce{.kind = ir::ReduceKind::log_sum, .axes = {1}}, {x}),
            (Values{-2147483648.0, 2}));
}

TEST_P(References, a_long_f32_sum_is_rounded_once) {
  Values terms(1'000'001, std::ldexp(1, -24));
  terms[0] = 1;
  const double exact = 1 + 1e6 * std::ldexp(1, -24);
  EXPECT_EQ(values(ir::Reduce{.axes = {0}}, {f32({1'000'001}, terms)}),
            (Values{static_cast<float>(exact)}));
}

TEST_P(References, reorder_fills_padding_lanes_with_zeros) {
  const auto x = f32({1, 3, 1, 2}, iota(6, 1));
  auto test = make_test_call(ir::Reorder{ir::Layout::parse("NCHW4c", 4)}, {x});
  const auto queue = backend->queue();
  test.call.target = &backend->target();
  kernel::RunState state;
  const auto& kernel = backend->kernels(test.call.op).back();
  const auto out = test_call::launch(*backend, *queue, kernel, test.call,
                                     test_call::upload(*backend, *queue, test), state);
  std::vector<float> got(8);
  backend->copy(*queue, got.data(), out[0].memory.get(), 32, kernel::CopyKind::from_device);
  backend->synchronize(*queue);
  EXPECT_EQ(got, (std::vector<float>{1, 3, 5, 0, 2, 4, 6, 0}));
}

TEST_P(References, reorders_there_and_back_change_nothing) {
  std::vector<double> values = iota(5 * 19 * 8);
  for (double& value : values) value = std::fmod(value, 251);  // fits u8
  for (const char* text : {"NCHW8c", "NHWC", "HWNC4n", "NCHW4c8n4c", "NCHW16n", "NCHW3w"}) {
    for (const DType dtype : {DType::u8, DType::f16, DType::f32, DType::f64}) {
      const auto x = tensor_of(dtype, {5, 19, 2, 4}, values);
      const auto queue = backend->queue();
      const auto test = make_test_call(ir::Reorder{ir::Layout{}}, {x});
      const auto placed = test_call::upload(*backend, *queue, test)[0];
      const auto there = test_call::in_layout(*backend, *queue, placed, ir::Layout::parse(text, 4));
      const auto back = test_call::in_layout(*backend, *queue, there, {});
      Tensor got(dtype, x.shape());
      backend->copy(*queue, got.data(), back.memory.get(), got.bytes(),
                    kernel::CopyKind::from_device);
      backend->synchronize(*queue);
      EXPECT_EQ(values_of(got), values_of(x)) << text;
    }
  }
}

TEST_P(References, pointwise_broadcasts_as_numpy_does) {
  const auto a = f32({2, 1, 2}, {1, 2, 3, 4});
  const auto b = f32({2, 1}, {10, 20});
  EXPECT_EQ(pointwise("add(a, b)", {a, b}), (Values{11, 12, 21, 22, 13, 14, 23, 24}));
  EXPECT_EQ(pointwise("mul(a, b)", {a, f32({}, {2})}), (Values{2, 4, 6, 8}));
}

TEST_P(References, pointwise_runs_long_rows_and_many_tiles) {
  const auto a = random_tensor(DType::f32, {3, 1001}, 1);
  const auto b = random_tensor(DType::f32, {3, 1}, 2);
  const auto got = pointwise("max(sub(mul(a, 2), b), 0)", {a, b});
  for (size_t i = 0; i < got.size(); ++i) {
    const float want = std::max(a.as<float>()[i] * 2 - b.as<float>()[i / 1001], 0.0f);
    ASSERT_EQ(got[i], want) << i;
  }
}

TEST_P(References, an_expression_may_be_its_input) {
  EXPECT_EQ(pointwise("a", {f32({3}, {1, 2, 3})}), (Values{1, 2, 3}));
}

TEST_P(References, half_floats_are_rounded_once_at_the_end) {
  // 2048 + 1 is no f16, but its half is.
  const auto a = tensor_of(DType::f16, {1}, {2048});
  EXPECT_EQ(pointwise("sub(add(a, 1), 2000)", {a}), (Values{49}));
}

TEST_P(References, integers_wrap_and_never_trap) {
  const auto least = tensor_of(DType::i32, {1}, {-2147483648.0});
  EXPECT_EQ(pointwise("div(a, -1)", {least}), (Values{-2147483648.0}));
  EXPECT_EQ(pointwise("neg(a)", {least}), (Values{-2147483648.0}));
  EXPECT_EQ(pointwise("add(a, a)", {least}), (Values{0}));
  EXPECT_EQ(pointwise("mod(a, -1)", {least}), (Values{0}));
}

TEST_P(References, remainders_take_the_sign_they_should) {
  const auto a = tensor_of(DType::i32, {2}, {-7, 7}), b = tensor_of(DType::i32, {2}, {3, -3});
  EXPECT_EQ(pointwise("mod(a, b)", {a, b}), (Values{2, -2}));
  EXPECT_EQ(pointwise("fmod(a, b)", {a, b}), (Values{-1, 1}));
  EXPECT_EQ(pointwise("mod(a, b)", {f32({2}, {-7, 7}), f32({2}, {3, -3})}), (Values{2, -2}));
}

TEST_P(References, pow_takes_an_exponent_of_another_dtype) {
  EXPECT_EQ(pointwise("pow(a, b)", {f32({2}, {3, 2}), i64({2}, {2, -1})}), (Values{9, 0.5}));
  EXPECT_EQ(pointwise("pow(a, b)", {i64({2}, {9, 2}), f32({2}, {0.5, 3})}), (Values{3, 8}));
  EXPECT_EQ(pointwise("pow(a, b)", {i64({3}, {3, 2, -1}), i64({3}, {4, -1, -3})}),
            (Values{81, 0, -1}));
}

TEST_P(References, comparisons_and_where_choose) {
  const auto a = f32({3}, {1, 5, kNan}), b = f32({3}, {2, 4, 0});
  EXPECT_EQ(pointwise("less(a, b)", {a, b}), (Values{1, 0, 0}));
  expect_near(pointwise("where(less(a, b), a, b)", {a, b}), {1, 4, 0}, 0);
  EXPECT_EQ(pointwise("logical_not(is_nan(a))", {a}), (Values{1, 1, 0}));
}

TEST_P(References, a_nan_wins_min_and_max) {
  const auto a = f32({2}, {1, kNan}), b = f32({2}, {kNan, 1});
  expect_near(pointwise("min(a, b)", {a, b}), {kNan, kNan}, 0);
  expect_near(pointwise("max(a, b)", {a, b}), {kNan, kNan}, 0);
}

TEST_P(References, functions_follow_the_library) {
  const auto a = tensor_of(DType::f64, {3}, {-0.5, 0.25, 0.75});
  const auto near = [&](std::string_view text, double (*f)(double)) {
    expect_near(pointwise(text, {a}), {f(-0.5), f(0.25), f(0.75)}, 1e-14);
  };
  near("exp(a)", std::exp);
  near("erf(a)", std::erf);
  near("tanh(a)", std::tanh);
  near("asin(a)", std::asin);
  near("sigmoid(a)", [](double x) { return 1 / (1 + std::exp(-x)); });
  near("softplus(a)", [](double x) { return std::log(1 + std::exp(x)); });
  EXPECT_EQ(pointwise("round(a)", {f32({3}, {0.5, 1.5, -2.5})}), (Values{0, 2, -2}));
}

TEST_P(References, shifts_beyond_the_width_give_zero) {
  const auto a = tensor_of(DType::u8, {3}, {1, 128, 255}), b = tensor_of(DType::u8, {3}, {1, 8, 4});
  EXPECT_EQ(pointwise("shift_left(a, b)", {a, b}), (Values{2, 0, 240}));
  EXPECT_EQ(pointwise("shift_right(a, b)", {a, b}), (Values{0, 0, 15}));
}

TEST_P(References, long_expressions_share_few_tiles) {
  std::string text = "a";
  for (int i = 0; i < 60; ++i) text = "add(mul(" + text + ", 1), b)";
  const auto got = pointwise(text, {f32({700}, iota(700)), f32({700}, Values(700, 2))});
  EXPECT_EQ(got, iota(700, 120));
}

}  // namespace

}  // namespace tenon::cpu
