// Views, joins made in place, and results that lie on what dies: which steps are left, and that the
// values are right.
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/engine_for_test.h"

namespace tenon::runtime::testing {
namespace {

std::string steps_of(const Engine& engine) {
  std::string steps;
  for (const LayerInfo& layer : engine.layers()) steps += layer.op + " ";
  return steps;
}

TEST(Places, an_output_may_be_another_name_of_what_a_step_makes) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[n, 3]) {
           %1 = reshape(%x) {dims = [3*n]}
           %2 = pointwise(%1) {neg(a)}
           %3 = reshape(%2) {dims = [n, 3]}
         } -> (y = %3))");
  const Tensor x = counted({2, 3});
  const Outputs outputs = Context(engine).run({{"x", x}});
  EXPECT_EQ(outputs["y"].shape(), (Shape{2, 3}));
  EXPECT_EQ(outputs["y"].as<float>()[5], -5.0F);
}

TEST(Places, a_join_along_the_first_axis_is_made_where_it_lies) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[1, 2, 2], y: f32[1, 1, 2]) {
           %1 = pointwise(%x) {neg(a)}
           %2 = pointwise(%y) {add(a, 10)}
           %3 = concat(%1, %2) {axis = 1}
           %4 = softmax(%3) {axis = 1}
           %5 = pointwise(%3) {mul(a, 2)}
         } -> (y = %5, s = %4))");
  EXPECT_EQ(steps_of(engine), "pointwise pointwise softmax pointwise ");
  const Tensor x = counted({1, 2, 2}), y = counted({1, 1, 2});
  const Outputs outputs = Context(engine).run({{"x", x}, {"y", y}});
  EXPECT_EQ(values_of(outputs["y"]), (std::vector<float>{0, -2, -4, -6, 20, 22}));
}

TEST(Places, softmax_and_reduce_read_what_is_transposed_or_cut) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[n, 3, 4]) {
           %1 = pointwise(%x) {mul(a, 2)}
           %2 = transpose(%1) {permutation = [1, 2, 0]}
           %3 = softmax(%2) {axis = 1}
           %4 = slice(%2) {starts = [1, 0, 0], dims = [2, 4, n]}
           %5 = reduce(%4) {axes = [1], keep_dims = false, kind = max}
         } -> (y = %3, z = %5))");
  EXPECT_EQ(steps_of(engine), "pointwise softmax reduce ");
  std::string views;
  for (const LayerInfo& view : engine.views()) views += view.op + (view.moves ? " " : "! ");
  EXPECT_EQ(views, "transpose slice ");
  Context context(engine);
  for (const int64_t n : {2, 5, 1}) {
    const Tensor x = counted({n, 3, 4});
    const Outputs outputs = context.run({{"x", x}});
    const std::vector<float> softmax = values_of(outputs["y"]), most = values_of(outputs["z"]);
    const auto at = [&](int64_t i, int64_t j, int64_t k) {  // 2 x, transposed
      return 2 * x.as<float>()[static_cast<size_t>((k * 3 + i) * 4 + j)];
    };
    for (int64_t i = 0; i < 3; ++i) {
      for (int64_t k = 0; k < n; ++k) {
        double sum = 0;
        for (int64_t j = 0; j < 4; ++j) sum += std::exp(at(i, j, k) - at(i, 3, k));
        for (int64_t j = 0; j < 4; ++j) {
          EXPECT_NEAR(softmax[static_cast<size_t>((i * 4 + j) * n + k)],
                      std::exp(at(i, j, k) - at(i, 3, k)) / sum, 1e-6);
        }
        if (i == 0) continue;  // the slice begins behind it
        EXPECT_EQ(most[static_cast<size_t>((i - 1) * n + k)], at(i, 3, k));
      }
    }
  }
}

constexpr const char* kInnerJoin =
    R"(graph (x: f32[n, 2], y: f32[n, 3]) {
         %1 = pointwise(%x) {neg(a)}
         %2 = pointwise(%y) {add(a, 10)}
         %3 = pointwise(%1) {mul(a, 3)}
         %4 = concat(%1, %2, %3) {axis = 1}
         %5 = pointwise(%4) {mul(a, 2)}
       } -> (y = %5))";

TEST(Places, a_join_along_an_inner_axis_is_made_with_strides) {
  const Engine engine = engine_of_text(kInnerJoin);
  EXPECT_EQ(steps_of(engine), "pointwise pointwise pointwise pointwise ");
  Context context(engine);
  for (const int64_t n : {2, 1, 0, 2}) {
    const Tensor x = counted({n, 2}), y = counted({n, 3});
    std::vector<float> expected;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < 2; ++j) expected.push_back(static_cast<float>(-2 * (2 * i + j)));
      for (int64_t j = 0; j < 3; ++j) expected.push_back(static_cast<float>(2 * (3 * i + j + 10)));
      for (int64_t j = 0; j < 2; ++j) expected.push_back(static_cast<float>(-6 * (2 * i + j)));
    }
    EXPECT_EQ(values_of(context.run({{"x", x}, {"y", y}})["y"]), expected);
  }
}

TEST(Places, joins_of_joins_are_made_in_the_outermost) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[2]) {
           %1 = pointwise(%x) {neg(a)}
           %2 = pointwise(%x) {add(a, 1)}
           %3 = concat(%1, %2) {axis = 0}
           %4 = pointwise(%x) {mul(a, 5)}
           %5 = concat(%4, %3) {axis = 0}
         } -> (y = %5))");
  EXPECT_EQ(steps_of(engine), "pointwise pointwise pointwise ");
  const Tensor x = counted({2});
  EXPECT_EQ(values_of(Context(engine).run({{"x", x}})["y"]),
            (std::vector<float>{0, 5, 0, -1, 1, 2}));
}

// The second operand twice, an input, an output, and one that a matmul reads with gaps.
TEST(Places, what_cannot_lie_there_is_copied) {
  for (const std::string text :
       {"%1 = pointwise(%x) {neg(a)}\n %2 = concat(%1, %1) {axis = 0}\n} -> (y = %2)",
        "%1 = pointwise(%x) {neg(a)}\n %2 = concat(%1, %x) {axis = 0}\n} -> (y = %2)",
        "%1 = pointwise(%x) {neg(a)}\n %2 = pointwise(%x) {abs(a)}\n"
        "%3 = concat(%1, %2) {axis = 0}\n} -> (y = %3, z = %1)",
        "%1 = pointwise(%x) {neg(a)}\n %2 = pointwise(%x) {abs(a)}\n"
        "%3 = concat(%1, %2) {axis = 1}\n %4 = reshape(%1) {dims = [4]}\n} -> (y = %3, z = %4)"}) {
    const Engine engine = engine_of_text("graph (x: f32[2, 2]) {\n" + text);
    EXPECT_NE(steps_of(engine).find("concat"), std::string::npos) << text;
    const Tensor x = counted({2, 2});
    EXPECT_EQ(Context(engine).run({{"x", x}})["y"].as<float>()[1], -1.0F) << text;
  }
}

TEST(Places, a_transpose_is_a_view_for_who_takes_strides) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[2, 3], y: f32[3, 2]) {
           %1 = transpose(%x) {permutation = [1, 0]}
           %2 = pointwise(%1, %y) {add(a, b)}
         } -> (y = %2))");
  EXPECT_EQ(steps_of(engine), "pointwise ");
  const Tensor x = counted({2, 3}), y = counted({3, 2});
  EXPECT_EQ(values_of(Context(engine).run({{"x", x}, {"y", y}})["y"]),
            (std::vector<float>{0, 4, 3, 7, 6, 10}));
}

TEST(Places, a_transpose_is_a_copy_for_others_and_as_an_output) {
  for (const std::string text : {"%1 = transpose(%x) {permutation = [1, 0]}\n} -> (y = %1)",
                                 "%1 = transpose(%x) {permutation = [1, 0]}\n"
                                 "%2 = reshape(%1) {dims = [6]}\n} -> (y = %2)"}) {
    const Engine engine = engine_of_text("graph (x: f32[2, 3]) {\n" + text);
    EXPECT_EQ(steps_of(engine), "transpose ");
    const Tensor x = counted({2, 3});
    EXPECT_EQ(values_of(Context(engine).run({{"x", x}})["y"]),
              (std::vector<float>{0, 3, 1, 4, 2, 5}));
  }
}

// The first part is dense wherever n is known to be 1, the second has gaps, the last is read by a
// softmax, which takes none.
TEST(Places, slices_are_views_where_their_readers_take_them) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[4, n]) {
           %1 = slice(%x) {starts = [1, 0], dims = [2, n]}
           %2 = softmax(%1) {axis = 0}
           %3 = slice(%x) {starts = [0, n - 2], dims = [4, 2], steps = [1, 1]}
           %4 = pointwise(%3) {neg(a)}
           %5 = slice(%x) {starts = [3, 1], dims = [2, 1], steps = [-2, 1]}
           %6 = softmax(%5) {axis = 0}
         } -> (s = %2, y = %4, t = %6))");
  EXPECT_EQ(steps_of(engine), "softmax pointwise softmax ");
  Context context(engine);
  for (const int64_t n : {3, 2, 3}) {
    const Tensor x = counted({4, n});
    const Outputs outputs = context.run({{"x", x}});
    EXPECT_EQ(outputs["s"].shape(), (Shape{2, n}));
    EXPECT_FLOAT_EQ(outputs["s"].as<float>()[0], 1 / (1 + std::exp(static_cast<float>(n))));
    std::vector<float> expected;
    for (int64_t i = 0; i < 4; ++i) {
      for (int64_t j = n - 2; j < n; ++j) expected.push_back(static_cast<float>(-(i * n + j)));
    }
    EXPECT_EQ(values_of(outputs["y"]), expected);
    EXPECT_FLOAT_EQ(outputs["t"].as<float>()[1], 1 / (1 + std::exp(2 * static_cast<float>(n))));
  }
}

TEST(Places, what_is_expanded_is_not_copied_for_who_takes_strides) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[2, 1], y: f32[3, 2, n]) {
           %1 = pointwise(%x) {neg(a)}
           %2 = expand(%1) {dims = [3, 2, n]}
           %3 = pointwise(%2, %y) {add(a, b)}
         } -> (y = %3))");
  EXPECT_EQ(steps_of(engine), "pointwise pointwise ");
  const Tensor x = counted({2, 1}), y = counted({3, 2, 2});
  EXPECT_EQ(values_of(Context(engine).run({{"x", x}, {"y", y}})["y"]),
            (std::vector<float>{0, 1, 1, 2, 4, 5, 5, 6, 8, 9, 9, 10}));
}

TEST(Places, columns_are_made_in_a_join_of_their_one_index) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[n, 3, 1]) {
           %1 = pointwise(%x) {neg(a)}
           %2 = pointwise(%x) {mul(a, 2)}
           %3 = concat(%1, %2) {axis = 2}
           %4 = pointwise(%x) {less(a, 2)}
           %5 = pointwise(%4) {logical_not(a)}
           %6 = concat(%4, %5) {axis = 2}
         } -> (y = %3, z = %6))");
  EXPECT_EQ(steps_of(engine), "pointwise pointwise pointwise pointwise ");
  const Outputs outputs = Context(engine).run({{"x", counted({2, 3, 1})}});
  EXPECT_EQ(values_of(outputs["y"]),
            (std::vector<float>{0, 0, -1, 2, -2, 4, -3, 6, -4, 8, -5, 10}));
  const bool* z = outputs["z"].as<bool>().data();
  EXPECT_EQ(std::vector(z, z + 12), (std::vector{true, false, true, false, false, true, false, true,
                                                 false, true, false, true}));
}

// Heads cut out of columns, as attention has them: only the sums of two heads are joined by a copy.
TEST(Places, a_product_reads_cut_and_transposed_operands_and_is_made_in_a_join) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[n, 3, 8], y: f32[n, 3, 8]) {
           %1 = pointwise(%x) {neg(a)}
           %2 = pointwise(%y) {neg(a)}
           %3 = reshape(%1) {dims = [n, 3, 2, 4]}
           %4 = transpose(%3) {permutation = [0, 2, 1, 3]}
           %5 = reshape(%2) {dims = [n, 3, 2, 4]}
           %6 = transpose(%5) {permutation = [0, 2, 1, 3]}
           %7 = matmul(%4, %6) {transpose_b = true}
           %8 = matmul(%7, %6)
           %9 = slice(%1) {starts = [0, 0, 4], dims = [n, 3, 4]}
           %10 = matmul(%2, %9) {transpose_a = true}
           %11 = concat(%7, %8) {axis = 3}
         } -> (y = %11, z = %10))");
  // On a GPU a product is dense, and copied into what joins it.
  const bool joins = test_device() != "cuda";
  EXPECT_EQ(steps_of(engine), joins ? "pointwise pointwise matmul matmul matmul "
                                    : "pointwise pointwise matmul matmul matmul concat ");
  for (const int64_t n : {1, 3}) {
    const Tensor x = counted({n, 3, 8}), y = full({n, 3, 8}, 0.5F);
    const Outputs outputs = Context(engine).run({{"x", x}, {"y", y}});
    const float *joined = outputs["y"].as<float>().data(), *z = outputs["z"].as<float>().data();
    for (int64_t i = 0; i < n * 2 * 3; ++i) {
      const int64_t b = i / 6, head = i / 3 % 2, row = i % 3;
      float sum = 0;
      for (int64_t d = 0; d < 4; ++d) sum += static_cast<float>(24 * b + 8 * row + 4 * head + d);
      for (int64_t j = 0; j < 3; ++j) EXPECT_EQ(joined[7 * i + j], sum / 2);
      for (int64_t d = 0; d < 4; ++d) EXPECT_EQ(joined[7 * i + 3 + d], -3 * sum / 4);
    }
    for (int64_t i = 0; i < n * 8 * 4; ++i) {
      float sum = 0;
      for (int64_t s = 0; s < 3; ++s) sum += static_cast<float>(24 * (i / 32) + 8 * s + 4 + i % 4);
      EXPECT_EQ(z[i], sum / 2);
    }
  }
}

// Whatever its tiles and stretches of k are.
TEST(Places, a_product_may_lie_on_what_it_adds) {
  const auto answer = [](int64_t rows, const std::string& more) {
    const Engine engine = engine_of_text(
        R"(graph (x: f32[n, 300], z: f32[n, 150]) {
             %1 = pointwise(%z) {neg(a)}
             %2 = matmul(%x, @"0": f32[300, 150], _, %1) {epilogue = relu(add(a, b))}
             %3 = matmul(%2, @"1": f32[150, 150], _, %2) {epilogue = add(a, b)}
             %4 = matmul(%x, @"0", _, %3) {epilogue = add(mul(a, 2), b)}
           } -> (y = %4)" +
            more + ")",
        R"(graph () {
           } -> ("0" = "a": f32[300, 150], "1" = "b": f32[150, 150]))",
        {{"a", full({300, 150}, 0.125F)}, {"b", full({150, 150}, 0.25F)}});
    return values_of(
        Context(engine).run({{"x", counted({rows, 300})}, {"z", counted({rows, 150})}})["y"]);
  };
  for (const int64_t rows : {1, 2, 7, 65})
    EXPECT_EQ(answer(rows, ""), answer(rows, ", a = %1, b = %2, c = %3")) << rows;
}

// Equal extents and other strides: another call.
TEST(Places, a_step_that_reads_a_view_is_told_from_one_that_does_not) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[4, 4]) {
           %1 = pointwise(%x) {neg(a)}
           %2 = transpose(%1) {permutation = [1, 0]}
           %3 = reduce(%1) {axes = [1], keep_dims = false, kind = max}
           %4 = reduce(%2) {axes = [1], keep_dims = false, kind = max}
         } -> (rows = %3, columns = %4))");
  EXPECT_EQ(steps_of(engine), "pointwise reduce reduce ");
  const Outputs outputs = Context(engine).run({{"x", counted({4, 4})}});
  EXPECT_EQ(values_of(outputs["rows"]), (std::vector<float>{0, -4, -8, -12}));
  EXPECT_EQ(values_of(outputs["columns"]), (std::vector<float>{0, -1, -2, -3}));
}

// A part of a join is read in a later region, where its place depends on the parts before it.
TEST(Places, parts_of_a_join_are_found_in_later_regions) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[n, 2], y: f32[n, m], s: i64[1]) {
           %1 = pointwise(%y) {neg(a)}
           %2 = pointwise(%x) {add(a, 10)}
           %3 = concat(%1, %2) {axis = 1}
           %4 = bind(%s) {symbols = [k]}
           %5 = pointwise(%2) {mul(a, 2)}
           %6 = reshape(%5) {dims = [k, floor_div(2*n, k)]}
         } -> (y = %6, z = %3))");
  const Tensor x = counted({2, 2}), y = counted({2, 3});
  Tensor s(DType::i64, {1});
  s.as<int64_t>()[0] = 4;
  const Outputs outputs = Context(engine).run({{"x", x}, {"y", y}, {"s", s}});
  EXPECT_EQ(values_of(outputs["y"]), (std::vector<float>{20, 22, 24, 26}));
  EXPECT_EQ(values_of(outputs["z"]), (std::vector<float>{0, -1, -2, 10, 11, -3, -4, -5, 12, 13}));
}

TEST(Places, a_chain_lies_in_one_block) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[1024]) {
           %1 = pointwise(%x) {neg(a)}
           %2 = pointwise(%1) {add(a, 1)}
           %3 = pointwise(%2) {mul(a, 2)}
           %4 = pointwise(%3) {abs(a)}
         } -> (y = %4))");
  const lower::Executable& main = engine.impl()->lowered.main;
  EXPECT_EQ(lower::make_signature(main, {}, *engine.impl()->backend)->arena_bytes, 4096u);
  const Tensor x = counted({1024});
  EXPECT_EQ(Context(engine).run({{"x", x}})["y"].as<float>()[3], 4.0F);
}

// A conv's result lies on what it adds where that dies, whatever its tiles are, and not on what it
// still reads: the other graph keeps all to its end.
TEST(Places, a_residual_may_lie_under_the_sum) {
  const auto answer = [](int64_t width, const std::string& more) {
    const Engine engine = engine_of_text(
        R"(graph (x: f32[n, 20, 5, w]) {
             %1 = conv(%x, @"0": f32[20, 20, 1, 1])
             %2 = conv(%x, @"1": f32[20, 20, 3, 3], _, %1) {pads = [1, 1, 1, 1], epilogue = relu(add(a, b))}
             %3 = conv(%x, @"0", _, %2) {epilogue = add(mul(a, 2), b)}
             %4 = conv(%3, @"0", _, %3) {epilogue = add(mul(a, 2), b)}
           } -> (y = %4)" +
            more + ")",
        R"(graph () {
           } -> ("0" = "a": f32[20, 20, 1, 1], "1" = "b": f32[20, 20, 3, 3]))",
        {{"a", full({20, 20, 1, 1}, 0.125F)}, {"b", full({20, 20, 3, 3}, 0.25F)}});
    return values_of(Context(engine).run({{"x", counted({2, 20, 5, width})}})["y"]);
  };
  for (int64_t width = 1; width < 32; width += 2)
    EXPECT_EQ(answer(width, ""), answer(width, ", a = %1, b = %2, c = %3")) << width;
}

// The transpose reads %1 where the sum would write over it.
TEST(Places, nothing_is_written_over_what_is_read_under_another_name) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[64, 64]) {
           %1 = pointwise(%x) {neg(a)}
           %2 = transpose(%1) {permutation = [1, 0]}
           %3 = pointwise(%1, %2) {add(a, b)}
           %4 = pointwise(%3) {neg(a)}
         } -> (y = %4))");
  const Tensor x = counted({64, 64});
  const Outputs outputs = Context(engine).run({{"x", x}});
  for (int64_t i = 0; i < 64; ++i) {
    for (int64_t j = 0; j < 64; ++j) {
      EXPECT_EQ(outputs["y"].as<float>()[static_cast<size_t>(64 * i + j)],
                static_cast<float>(65 * (i + j)));
    }
  }
}

}  // namespace
}  // namespace tenon::runtime::testing
