// Every vector kernel, tactic and thread count against the reference, over awkward shapes.
#include <gtest/gtest.h>

#include "cpu/vector_for_test.h"

namespace tenon::cpu {

namespace {

// ---- matmul ----

TestCall matmul(ir::MatMul op, Shape a, Shape b, bool bias, bool weight) {
  const int64_t n = b[b.size() - (op.transpose_b ? 2 : 1)];
  std::vector<Tensor> inputs{random(std::move(a), 1), random(std::move(b), 2)};
  if (bias) inputs.push_back(random({n}, 3));
  return make_test_call(op, std::move(inputs), weight ? 6 : 0);
}

TEST(VectorMatMul, equals_the_reference_at_awkward_extents) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const int64_t m : {1, 2, 3, 7, 13, 65}) {
    for (const int64_t n : {1, 10, 16, 47, 129, 201}) {
      for (const int64_t k : {1, 9, 64, 300}) {
        for (const bool transposed : {false, true}) {
          ir::MatMul op{.transpose_b = transposed};
          if (k == 9) op.epilogue = ir::Expression::of(ir::Scalar::relu);
          const Shape b = transposed ? Shape{n, k} : Shape{k, n};
          EXPECT_GE(check_all(matmul(op, {m, k}, b, k != 64, true)), 3)
              << m << " " << n << " " << k;
        }
      }
    }
  }
}

TEST(VectorMatMul, folds_and_broadcasts_batches) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  EXPECT_GE(check_all(matmul({}, {2, 3, 5, 7}, {7, 19}, true, true)), 3);
  EXPECT_GE(check_all(matmul({}, {2, 1, 5, 7}, {3, 7, 19}, true, false)), 1);
  EXPECT_GE(check_all(matmul({.transpose_b = true}, {4, 5, 7}, {4, 19, 7}, false, false)), 1);
}

TEST(VectorMatMul, takes_a_transposed) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  EXPECT_GE(check_all(matmul({.transpose_a = true}, {33, 21}, {33, 40}, true, true)), 2);
  EXPECT_GE(check_all(matmul({.transpose_a = true}, {3, 33, 21}, {33, 40}, true, true)), 2);
  EXPECT_GE(
      check_all(matmul({.transpose_a = true, .transpose_b = true}, {33, 21}, {40, 33}, true, true)),
      1);
}

TEST(VectorMatMul, sums_over_nothing_are_the_bias) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  EXPECT_GE(check_all(matmul({}, {3, 0}, {0, 19}, true, true)), 3);
}

TEST(VectorMatMul, a_nan_passes_the_epilogue) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  auto test = matmul({.epilogue = ir::Expression::parse("min(max(a, -0.5), 0.5)")}, {2, 5}, {5, 35},
                     true, true);
  test.inputs[0].as<float>()[0] = std::nanf("");
  EXPECT_GE(check_all(test), 3);
}

TEST(VectorMatMul, transposed_weights_need_no_pack_for_rows) {
  for (const auto& kernel : backend()->kernels(ir::MatMul{})) {
    if (!kernel.pack) continue;
    auto call = matmul({.transpose_b = true}, {1, 8}, {4, 8}, false, true).call;
    for (const auto& tactic : kernel.tactics(call, *backend())) {
      call.tactic = tactic.name;
      EXPECT_EQ(kernel.pack(call).nodes().empty(), tactic.name == "rows") << kernel.name;
    }
  }
}

// ---- epilogues ----

TEST(VectorEpilogue, of_a_conv_equals_the_reference) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const EpilogueCase& each : epilogue_cases()) {
    for (const int64_t channels : {5, 16, 35}) {
      for (const int64_t width : {1, 5, 15, 19}) {
        SCOPED_TRACE(fmt::format("{} {} {}", each.text, channels, width));
        const std::vector<Tensor> point{random({2, 6, 4, width}, 1), random({channels, 6, 1, 1}, 2),
                                        random({channels}, 3)};
        EXPECT_GE(check_all(followed_by(each, ir::Conv{}, point, {2, channels, 4, width})), 1);
        const std::vector<Tensor> window{random({2, 6, 4, width}, 1),
                                         random({channels, 6, 3, 3}, 2), random({channels}, 3)};
        EXPECT_GE(check_all(followed_by(each, ir::Conv{.pads = {1, 1, 1, 1}}, window,
                                        {2, channels, 4, width})),
                  1);
      }
    }
  }
}

TEST(VectorEpilogue, of_a_matmul_equals_the_reference) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const EpilogueCase& each : epilogue_cases()) {
    for (const int64_t rows : {1, 7, 70}) {
      for (const int64_t columns : {1, 19, 150}) {
        SCOPED_TRACE(fmt::format("{} {} {}", each.text, rows, columns));
        const Shape result{2, 3, rows, columns};
        const std::vector<Tensor> folded{random({2, 3, rows, 300}, 1), random({300, columns}, 2),
                                         random({columns}, 3)};
        EXPECT_GE(check_all(followed_by(each, ir::MatMul{}, folded, result)), 3);
        const std::vector<Tensor> batched{random({2, 1, rows, 9}, 1), random({3, 9, columns}, 2),
                                          random({columns}, 3)};
        EXPECT_GE(check_all(followed_by(each, ir::MatMul{}, batched, result)), 1);
      }
    }
  }
}

TEST(VectorEpilogue, refuses_what_is_too_long_or_of_other_dtypes) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  const auto refusal = [](std::string text, Tensor operand) {
    ir::MatMul op{.epilogue = ir::Expression::parse(text)};
    auto test = make_test_call(
        op, {random({2, 3}, 1), random({3, 4}, 2), random({4}, 3), std::move(operand)}, 6);
    test.call.target = &backend()->target();
    return std::string(kernel::refusal(backend()->kernels(test.call.op)[0], test.call));
  };
  EXPECT_EQ(refusal("pow(a, b)", tensor_of(DType::i64, {4}, {0, 1, 2, 3})),
            "the epilogue reads others than f32 and bool");
  std::string longer = "add(a, b)";
  for (int i = 0; i < 16; ++i) longer = "exp(sin(" + longer + "))";
  EXPECT_EQ(refusal(longer, random({4}, 4)),
            "the epilogue is longer than the 32 instructions that it takes");
}

// ---- conv ----

/// The kernel of the best unit that this machine has.
const kernel::Kernel& best_conv() {
  const std::string name = "cpu.conv.direct." + backend()->target().features.at(0);
  return *kernel::find_kernel(*backend(), ir::Conv{}, name, 1);
}

TEST(VectorConv, equals_the_reference_at_awkward_extents) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  const auto relu = ir::Expression::of(ir::Scalar::relu);
  for (const int64_t c : {1, 3, 5, 16, 19, 40}) {
    for (const int64_t o : {1, 6, 16, 20, 50}) {
      EXPECT_GE(check_all(conv({.pads = {1, 1, 1, 1}, .epilogue = relu}, {1, c, 9, 11}, o, 3, 3)),
                1);
      EXPECT_GE(check_all(conv({}, {2, c, 5, 7}, o, 1, 1, false)), 1);
    }
  }
}

TEST(VectorConv, covers_every_width_of_tile) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (int64_t width = 1; width <= 31; ++width) {
    EXPECT_GE(check_all(conv({}, {1, 6, 2, width + 1}, 33, 1, 2)), 2) << width;
  }
}

TEST(VectorConv, strides_dilates_and_pads_unevenly) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  const Image x{2, 7, 13, 17};
  EXPECT_GE(check_all(conv({.strides = {2, 2}, .pads = {3, 3, 3, 3}}, x, 20, 7, 7)), 2);
  EXPECT_GE(check_all(conv({.strides = {2, 3}, .pads = {0, 2, 1, 0}}, x, 20, 3, 2)), 2);
  EXPECT_GE(check_all(conv({.pads = {2, 4, 2, 4}, .dilations = {2, 4}}, x, 20, 3, 3)), 2);
  EXPECT_GE(check_all(conv({.strides = {2, 2}}, x, 20, 1, 1)), 2);
  EXPECT_GE(check_all(conv({.pads = {2, 2, 2, 2}}, x, 20, 1, 1)), 2);
  EXPECT_GE(check_all(conv({.strides = {5, 5}, .auto_pad = ir::AutoPad::same_upper}, x, 20, 3, 3)),
            2);
  EXPECT_GE(check_all(conv({.auto_pad = ir::AutoPad::same_lower}, x, 20, 4, 4)), 2);
  EXPECT_GE(check_all(conv({.pads = {4, 4, 4, 4}}, {1, 5, 1, 1}, 20, 5, 5)), 2);
}

TEST(VectorConv, runs_along_one_axis) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const int64_t channels : {3, 16, 21}) {
    for (const int64_t width : {1, 9, 30}) {
      const std::vector<Tensor> inputs{random({2, channels, width}, 1),
                                       random({20, channels, 3}, 2), random({20}, 3)};
      for (const ir::Conv& op : {ir::Conv{.pads = {1, 1}}, ir::Conv{.strides = {2}, .pads = {2, 1}},
                                 ir::Conv{.pads = {4, 4}, .dilations = {4}}}) {
        EXPECT_GE(check_all(make_test_call(op, inputs, 6)), 2);
      }
      const std::vector<Tensor> point{random({2, channels, width}, 1),
                                      random({20, channels, 1}, 2)};
      EXPECT_GE(check_all(make_test_call(ir::Conv{}, point, 2)), 2);
      auto op = ir::Conv{.pads = {1, 1}, .epilogue = ir::Expression::parse("mul(add(a, b), c)")};
      auto followed = inputs;
      followed.push_back(random({2, 20, width}, 4));
      followed.push_back(random({1, 20, 1}, 5));
      EXPECT_GE(check_all(make_test_call(op, followed, 6)), 2);
    }
  }
}

TEST(VectorConv, skips_taps_that_meet_padding_alone) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const int64_t dilation : {1, 3, 7, 30}) {
    for (const int64_t stride : {1, 2, 5}) {
      const int64_t pad = dilation;
      EXPECT_GE(check_all(conv({.strides = {stride, stride},
                                .pads = {pad, pad, pad, pad},
                                .dilations = {dilation, dilation}},
                               {1, 17, 15, 29}, 20, 3, 3)),
                2);
    }
  }
}

TEST(VectorConv, asks_for_no_more_padding_than_a_tile_of_a_row_reaches_over) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  // The windows reach over 2^32 rows and columns: 2^64 elements, which is 0 to one who wraps. A
  // tile has the four pixels of a row; of two columns it reaches three strides either way.
  constexpr int64_t kPad = (int64_t{1} << 31) - 1, kStride = 1431655765;
  const auto test = conv({.strides = {kStride, kStride}, .pads = {kPad, kPad, kPad, kPad}},
                         {1, 1, 2, 2}, 8, 1, 1);
  const auto columns = static_cast<size_t>(2 * 3 * kStride + 2);
  EXPECT_LE(best_conv().prepare(test.call, *backend()).scratch, 2 * columns * sizeof(float));
}

TEST(VectorConv, padding_lanes_are_zero_though_the_bounds_are_not) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  auto test =
      conv({.epilogue = ir::Expression::parse("min(max(a, 0.25), 0.5)")}, {1, 5, 4, 4}, 5, 3, 3);
  test.inputs[0].as<float>()[0] = std::nanf("");
  EXPECT_GE(check_all(test), 1);
  test.call.target = &backend()->target();
  const auto& kernel = best_conv();
  const auto queue = backend()->queue();
  auto inputs = test_call::upload(*backend(), *queue, test);
  test_call::pack(*backend(), *queue, kernel, test.call, inputs);
  test_call::arrange(*backend(), *queue, kernel, test.call, inputs, {});
  kernel::RunState state;
  const auto out = test_call::launch(*backend(), *queue, kernel, test.call, inputs, state)[0];
  const int64_t lanes = out.operand.layout.splits[0].block;
  const auto* values = static_cast<const float*>(out.memory.get());
  for (int64_t pixel = 0; pixel < 4; ++pixel) {
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const float value = values[pixel * lanes + lane];
      EXPECT_EQ(value != 0, lane < 5) << pixel << " " << lane;
    }
  }
}

/// One filter for each channel.
TestCall depthwise(ir::Conv op, Image x, int64_t kernel_h, int64_t kernel_w, bool bias = true) {
  op.groups = x.c;
  std::vector<Tensor> inputs{random({x.n, x.c, x.h, x.w}, 1),
                             random({x.c, 1, kernel_h, kernel_w}, 2)};
  if (bias) inputs.push_back(random({x.c}, 3));
  return make_test_call(op, std::move(inputs), 6);
}

TEST(VectorDepthwise, equals_the_reference_at_awkward_extents) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const int64_t c : {2, 3, 5, 8, 16, 19, 40}) {
    EXPECT_GE(check_all(depthwise({.pads = {1, 1, 1, 1}}, {1, c, 9, 11}, 3, 3)), 1) << c;
    EXPECT_GE(check_all(depthwise({}, {3, c, 5, 7}, 1, 1, false)), 1) << c;
    EXPECT_GE(check_all(depthwise({.strides = {2, 1}}, {2, c, 6, 9}, 5, 2)), 1) << c;
  }
}

TEST(VectorDepthwise, covers_every_width_of_tile) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (int64_t width = 1; width <= 31; ++width) {
    EXPECT_GE(check_all(depthwise({.pads = {1, 1, 1, 1}}, {1, 33, 3, width}, 3, 3)), 1) << width;
  }
}

TEST(VectorDepthwise, strides_dilates_and_pads_unevenly) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  const Image x{2, 21, 13, 17};
  EXPECT_GE(check_all(depthwise({.strides = {2, 2}, .pads = {2, 2, 2, 2}}, x, 5, 5)), 1);
  EXPECT_GE(check_all(depthwise({.strides = {2, 3}, .pads = {0, 2, 1, 0}}, x, 3, 2)), 1);
  EXPECT_GE(check_all(depthwise({.pads = {2, 4, 2, 4}, .dilations = {2, 4}}, x, 3, 3)), 1);
  EXPECT_GE(check_all(depthwise({.auto_pad = ir::AutoPad::same_lower}, x, 4, 4)), 1);
  EXPECT_GE(check_all(depthwise({.pads = {4, 4, 4, 4}}, {1, 21, 1, 1}, 5, 5)), 1);
}

TEST(VectorDepthwise, takes_every_epilogue) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const EpilogueCase& each : epilogue_cases()) {
    for (const int64_t channels : {5, 16, 35}) {
      for (const int64_t width : {5, 19}) {
        SCOPED_TRACE(fmt::format("{} {} {}", each.text, channels, width));
        const std::vector<Tensor> inputs{random({2, channels, 4, width}, 1),
                                         random({channels, 1, 3, 3}, 2), random({channels}, 3)};
        const ir::Conv op{.pads = {1, 1, 1, 1}, .groups = channels};
        EXPECT_GE(check_all(followed_by(each, op, inputs, {2, channels, 4, width})), 1);
      }
    }
  }
}

TEST(VectorDepthwise, refuses_other_groups) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  const std::string name = "cpu.conv.depthwise." + backend()->target().features.at(0);
  const auto refusal = [&](TestCall test) {
    test.call.target = &backend()->target();
    const auto& kernel = *kernel::find_kernel(*backend(), ir::Conv{}, name, 1);
    const char* reason = kernel::refusal(kernel, test.call);
    return std::string(reason ? reason : "");
  };
  const std::string want = "it takes one filter for each channel only";
  const auto x = random({1, 4, 5, 5}, 1);
  EXPECT_EQ(refusal(make_test_call(ir::Conv{.groups = 2}, {x, random({4, 2, 3, 3}, 2)}, 2)), want);
  EXPECT_EQ(refusal(make_test_call(ir::Conv{.groups = 4}, {x, random({8, 1, 3, 3}, 2)}, 2)), want);
  EXPECT_EQ(refusal(make_test_call(ir::Conv{.groups = 4}, {x, random({4, 1, 3, 3}, 2)}, 2)), "");
}

TEST(VectorConv, refuses_by_sentences_what_it_cannot_do) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  const auto refusal = [](TestCall test) {
    test.call.target = &backend()->target();
    return std::string(kernel::refusal(best_conv(), test.call));
  };
  const auto x = random({1, 4, 5, 5}, 1), w = random({4, 2, 3, 3}, 2);
  EXPECT_EQ(refusal(make_test_call(ir::Conv{.groups = 2}, {x, w}, 2)), "it does not take groups");
  EXPECT_EQ(refusal(make_test_call(ir::Conv{},
                                   {random({1, 1, 9, 9, 9}, 1), random({1, 1, 3, 3, 3}, 2)}, 2)),
            "it runs over one or two spatial axes only");
  EXPECT_EQ(refusal(make_test_call(ir::Conv{}, {x, random({4, 4, 3, 3}, 2)})),
            "the filter is not a weight, so it cannot be packed");
}

// ---- pools ----

std::vector<ir::Layout> channel_layouts() {
  std::vector<ir::Layout> layouts{{}};
  for (const int block : {4, 8, 16, 32}) layouts.push_back({.splits = {{1, block}}});
  return layouts;
}

template <class Pool>
void check_pool(const Pool& pool, int64_t c) {
  EXPECT_GE(check_all(make_test_call(pool, {random({2, c, 9, 12}, 1)}), channel_layouts()), 2);
}

TEST(VectorPool, equals_the_reference_in_every_layout) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const int64_t c : {1, 7, 16, 35}) {
    check_pool(ir::MaxPool{.kernel = {2, 2}, .strides = {2, 2}}, c);
    check_pool(ir::MaxPool{.kernel = {3, 3}, .strides = {2, 2}, .pads = {1, 1, 1, 1}}, c);
    check_pool(
        ir::MaxPool{.kernel = {3, 2}, .strides = {2, 3}, .dilations = {2, 3}, .ceil_mode = true},
        c);
    check_pool(ir::AveragePool{.kernel = {3, 3}, .pads = {1, 0, 2, 1}}, c);
    check_pool(ir::AveragePool{.kernel = {3, 3}, .pads = {1, 0, 2, 1}, .count_include_pad = true},
               c);
    check_pool(ir::AveragePool{.kernel = {2, 2},
                               .strides = {2, 2},
                               .pads = {0, 1, 0, 1},
                               .ceil_mode = true,
                               .count_include_pad = true},
               c);
    check_pool(ir::AveragePool{.kernel = {2, 2}, .auto_pad = ir::AutoPad::same_lower}, c);
  }
}

TEST(VectorPool, a_nan_wins_wherever_it_stands) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (size_t at = 0; at < 4; ++at) {
    auto test = make_test_call(ir::MaxPool{.kernel = {2, 2}}, {random({1, 1, 2, 2}, 1)});
    test.inputs[0].as<float>()[at] = std::nanf("");
    EXPECT_GE(check_all(test, channel_layouts()), 2);
  }
}

// ---- reorder ----

/// The bytes of a reorder from `from` to `to` by each kernel that accepts must be the reference's,
/// padding included.
int check_reorder(const Shape& shape, const ir::Layout& from, const ir::Layout& to) {
  const auto queue = backend()->queue();
  const auto test = make_test_call(ir::Reorder{ir::Layout{}}, {random(shape, 1)});
  const auto x = test_call::in_layout(*backend(), *queue,
                                      test_call::upload(*backend(), *queue, test)[0], from);
  kernel::Call call{.op = ir::Reorder{to}, .inputs = {x.operand}, .target = &backend()->target()};
  call.outputs = test_call::infer_outputs(call.op, call.inputs, 1);
  const auto kernels = backend()->kernels(call.op);
  const auto run = [&](const kernel::Kernel& kernel, int threads) {
    kernel::RunState state(threads);
    const auto out = test_call::launch(*backend(), *queue, kernel, call, {x}, state)[0];
    const auto* bytes = static_cast<const std::byte*>(out.memory.get());
    return std::vector(bytes, bytes + out.operand.bytes());
  };
  const auto want = run(kernels.back(), 1);
  int runs = 0;
  for (const auto& kernel : kernels.first(kernels.size() - 1)) {
    if (kernel::refusal(kernel, call)) continue;
    EXPECT_EQ(run(kernel, 1), want) << kernel.name << " " << to.text(shape.size());
    EXPECT_EQ(run(kernel, 2), want) << kernel.name << " " << to.text(shape.size());
    ++runs;
  }
  return runs;
}

TEST(VectorReorder, equals_the_reference_to_the_bit) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const char* text : {"NCHW8c", "NCHW16c", "NCHW8n", "NCHW16n", "NCHW4c", "NCHW6c"}) {
    const auto layout = ir::Layout::parse(text, 4);
    for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{3, 5, 7, 3}, Shape{33, 40, 5, 5},
                               Shape{2, 16, 8, 8}, Shape{17, 3, 1, 1}}) {
      EXPECT_GE(check_reorder(shape, {}, layout), 1) << text;
      EXPECT_GE(check_reorder(shape, layout, {}), 1) << text;
    }
  }
  for (const char* text : {"AB16a", "AB8a", "BA16b", "BA8b", "BA"}) {
    const auto layout = ir::Layout::parse(text, 2);
    for (const Shape& shape :
         {Shape{1, 1}, Shape{3, 50}, Shape{50, 3}, Shape{100, 130}, Shape{64, 64}, Shape{257, 4}}) {
      EXPECT_GE(check_reorder(shape, {}, layout), 1) << text;
    }
  }
}

TEST(VectorReorder, refuses_what_it_does_not_know) {
  EXPECT_EQ(check_reorder({4, 4, 4, 4}, {}, ir::Layout::parse("NHWC", 4)), 0);
  EXPECT_EQ(check_reorder({4, 8, 4, 4}, {}, ir::Layout::parse("NCHW4c2n", 4)), 0);
  EXPECT_EQ(
      check_reorder({4, 8, 4, 4}, ir::Layout::parse("NCHW4c", 4), ir::Layout::parse("NCHW8c", 4)),
      0);
}

TEST(VectorTranspose, swaps_groups_of_axes) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  const auto check = [](std::vector<int64_t> permutation, Shape shape) {
    return check_all(
        make_test_call(ir::Transpose{std::move(permutation)}, {random(std::move(shape), 1)}));
  };
  EXPECT_GE(check({1, 0}, {100, 130}), 1);
  EXPECT_GE(check({0, 2, 1}, {3, 17, 5}), 1);
  EXPECT_GE(check({0, 2, 3, 1}, {2, 19, 5, 6}), 1);
  EXPECT_GE(check({0, 3, 1, 2}, {2, 5, 6, 19}), 1);
  EXPECT_GE(check({2, 0, 1}, {1, 1, 9}), 1);
  EXPECT_EQ(check({2, 1, 0}, {4, 5, 6}), 0);
  EXPECT_EQ(check({0, 1}, {4, 5}), 0);
}

// ---- pointwise ----

TEST(BlockedPointwise, follows_blocks_and_keeps_their_padding_zero) {
  const auto check = [](std::string_view text, const std::vector<Shape>& shapes) {
    std::vector<Tensor> inputs;
    for (const Shape& shape : shapes) inputs.push_back(random(shape, inputs.size() + 1));
    auto test = make_test_call(ir::Pointwise{ir::Expression::parse(text)}, inputs);
    EXPECT_GE(check_all(test, channel_layouts()), 5) << text;
  };
  check("add(a, b)", {{2, 19, 5, 3}, {2, 19, 5, 3}});
  check("add(mul(a, b), 3)", {{2, 19, 5, 3}, {1, 19, 1, 1}});
  check("sub(a, b)", {{2, 19, 5, 3}, {2, 1, 5, 3}});
  check("max(a, b)", {{2, 16, 5, 3}, {}});
}

TEST(BlockedPointwise, padding_lanes_are_zero_where_the_expression_is_not) {
  const auto queue = backend()->queue();
  auto test =
      make_test_call(ir::Pointwise{ir::Expression::parse("exp(a)")}, {random({1, 3, 2, 2}, 1)});
  test.call.target = &backend()->target();
  const auto& kernel = backend()->kernels(test.call.op)[0];
  auto inputs = test_call::upload(*backend(), *queue, test);
  test_call::arrange(*backend(), *queue, kernel, test.call, inputs, {.splits = {{1, 8}}});
  kernel::RunState state;
  const auto out = test_call::launch(*backend(), *queue, kernel, test.call, inputs, state)[0];
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(static_cast<const float*>(out.memory.get())[i] != 0, i % 8 < 3) << i;
  }
}

// One unit in the last place of results from 0.5 to 1 is 6e-8.
TEST(VectorFunctions, are_accurate_at_every_size_and_position) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::vector<double> points{0.0,  -0.0,  kInfinity, -kInfinity, std::nan(""), 1e-30f, -1e-30f,
                             88.7, 88.73, -87.4,     -103.9,     -104.1,       3e38,   -3e38};
  for (double x = -110; x < 110; x += 0.0137) points.push_back(x);
  for (double x = -5; x < 5; x += 0.000731) points.push_back(x);
  for (double& x : points) x = static_cast<float>(x);
  const auto check = [&](std::string_view text, double (*want)(double), double relative,
                         double absolute) {
    auto test =
        make_test_call(ir::Pointwise{ir::Expression::parse(text)},
                       {tensor_of(DType::f32, {static_cast<int64_t>(points.size())}, points)});
    test.call.target = &backend()->target();
    for (const auto& kernel : backend()->kernels(test.call.op)) {
      if (kernel::refusal(kernel, test.call) || kernel.name.find("avx") == std::string::npos)
        continue;
      const auto got = values_of(run_kernel(*backend(), kernel, test).outputs[0]);
      for (size_t i = 0; i < points.size(); ++i) {
        const double exact = want(points[i]), rounded = static_cast<float>(exact);
        const std::string where = fmt::format("{} {}({})", kernel.name, text, points[i]);
        if (std::isnan(exact)) {
          EXPECT_TRUE(std::isnan(got[i])) << where;
        } else if (std::isinf(rounded)) {
          EXPECT_EQ(got[i], rounded) << where;
        } else {
          EXPECT_NEAR(got[i], exact, relative * std::abs(exact) + absolute) << where;
        }
      }
    }
  };
  check(
      "exp(a)", [](double x) { return std::exp(x); }, 1.5e-7, 1.5e-45);
  check(
      "tanh(a)", [](double x) { return std::tanh(x); }, 3e-7, 0);
  check(
      "erf(a)", [](double x) { return std::erf(x); }, 4e-7, 0);
  check(
      "sigmoid(a)", [](double x) { return 1 / (1 + std::exp(-x)); }, 3e-7, 1e-38);
  check(
      "relu(a)", [](double x) { return x < 0 ? 0 : x; }, 0, 0);
  check(
      "neg(a)", [](double x) { return -x; }, 0, 0);
  check(
      "abs(a)", [](double x) { return std::abs(x); }, 0, 0);
  check(
      "reciprocal(a)", [](double x) { return 1 / x; }, 6e-8, 1e-45);
  check(
      "sqrt(a)", [](double x) { return std::sqrt(x); }, 6e-8, 0);
}

TEST(VectorFunctions, of_two_operands_have_the_bits_of_the_reference) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  const double nan = std::nan("");
  const std::vector<double> a{1, nan, 2, nan, 0.0, -0.0, 3, -3, 1.5};
  const std::vector<double> b{nan, 1, 2, nan, -0.0, 0.0, -3, 3, 0.3};
  for (const char* text :
       {"min(a, b)", "max(a, b)", "add(a, b)", "sub(a, b)", "mul(a, b)", "div(a, b)"}) {
    auto test = make_test_call(ir::Pointwise{ir::Expression::parse(text)},
                               {tensor_of(DType::f32, {9}, a), tensor_of(DType::f32, {9}, b)});
    test.call.target = &backend()->target();
    const auto want = run_reference(*backend(), test);
    const auto expected = want.outputs[0].as<float>();
    for (const auto& kernel : backend()->kernels(test.call.op)) {
      if (kernel::refusal(kernel, test.call)) continue;
      const auto result = run_kernel(*backend(), kernel, test);
      for (size_t i = 0; i < a.size(); ++i) {
        const float got = result.outputs[0].as<float>()[i];
        if (std::isnan(expected[i]))
          EXPECT_TRUE(std::isnan(got)) << kernel.name << " " << text << " " << i;
        else
          EXPECT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(expected[i]))
              << kernel.name << " " << text << " " << i;
      }
    }
  }
}

TEST(BlockedPointwise, refuses_operands_that_it_cannot_lay_out) {
  auto test = make_test_call(ir::Pointwise{ir::Expression::parse("add(a, b)")},
                             {random({2, 3}, 1), random({3}, 2)});
  test.call.target = &backend()->target();
  EXPECT_EQ(kernel::refusal(backend()->kernels(test.call.op)[0], test.call), nullptr);
  test.call.outputs[0].layout = {.splits = {{1, 8}}};
  EXPECT_STREQ(kernel::refusal(backend()->kernels(test.call.op)[0], test.call),
               "its operands have the result's rank or one element");
}

}  // namespace

}  // namespace tenon::cpu
