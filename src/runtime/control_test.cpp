// If, Loop, sequences and optionals as the executor runs them.
#include <gtest/gtest.h>

#include "runtime/engine_for_test.h"

namespace tenon::runtime::testing {
namespace {

template <class T>
Tensor scalar(DType dtype, T value) {
  Tensor tensor(dtype, {});
  *static_cast<T*>(tensor.data()) = value;
  return tensor;
}
Tensor truth(bool value) { return scalar(DType::bool_, value); }
Tensor number(int64_t value) { return scalar(DType::i64, value); }

// One branch keeps n rows, the other joins x to itself.
constexpr const char* kChoice =
    R"(graph (c: bool[], x: f32[n, 2]) {
         %1 = pointwise(%x) {mul(a, 2)}
         %2 = if(%c, %1, %x) {then_body = graph (a: f32[n, 2], b: f32[n, 2]) {
           %1 = pointwise(%a, %b) {add(a, b)}
         } -> (r = %1), else_body = graph (a: f32[n, 2], b: f32[n, 2]) {
           %1 = concat(%a, %b) {axis = 0}
         } -> (r = %1), symbols = [rows, ""]} : f32[rows, 2] # "choice"
         %3 = pointwise(%2) {neg(a)}
       } -> (y = %3, r = %2))";

TEST(If, branches_may_make_different_extents) {
  const Engine engine = engine_of_text(kChoice);
  Context context(engine);
  for (const bool c : {true, false, true}) {
    for (const int64_t n : {1, 3, 0}) {
      const Tensor x = counted({n, 2}), condition = truth(c);
      const Outputs outputs = context.run({{"c", condition}, {"x", x}});
      std::vector<float> expected;
      for (const float value : values_of(x)) expected.push_back(c ? -3 * value : -2 * value);
      if (!c) {
        for (const float value : values_of(x)) expected.push_back(-value);
      }
      EXPECT_EQ(outputs["y"].shape(), (Shape{c ? n : 2 * n, 2}));
      EXPECT_EQ(values_of(outputs["y"]), expected);
      EXPECT_EQ(outputs["r"].shape(), outputs["y"].shape());
    }
  }
}

TEST(If, writes_into_the_callers_memory) {
  const Engine engine = engine_of_text(kChoice);
  Context context(engine);
  const Tensor x = counted({1, 2}), condition = truth(true);
  Tensor r(DType::f32, {1, 2});
  context.run({{"c", condition}, {"x", x}}, {{"r", r}});
  EXPECT_EQ(values_of(r), (std::vector<float>{0, 3}));
}

// The branches' weights are slots like any other; each refit reaches them.
TEST(If, weights_of_bodies_are_refitted) {
  Engine engine = engine_of_text(
      R"(graph (c: bool[], x: f32[n, 2]) {
           %1 = if(%c, %x) {then_body = graph (a: f32[n, 2]) {
             %1 = matmul(%a, @"0": f32[2, 3])
           } -> (r = %1), else_body = graph (a: f32[n, 2]) {
             %1 = matmul(%a, @"1": f32[2, 3])
           } -> (r = %1), symbols = ["", ""]}
           %2 = matmul(%x, @"1": f32[2, 3])
           %3 = pointwise(%1, %2) {add(a, b)}
         } -> (y = %3))",
      R"(graph () {
           %1 = pointwise("b": f32[2, 3]) {neg(a)}
         } -> ("0" = "a": f32[2, 3], "1" = %1))",
      {{"a", full({2, 3}, 1)}, {"b", full({2, 3}, 10)}});
  Context context(engine);
  const Tensor x = full({1, 2}, 1), yes = truth(true), no = truth(false);
  const auto first = [&](const Tensor& condition) {
    return context.run({{"c", condition}, {"x", x}})["y"].as<float>()[0];
  };
  EXPECT_EQ(first(yes), 2.0F - 20);
  EXPECT_EQ(first(no), -40.0F);
  const Tensor a = full({2, 3}, 3), b = full({2, 3}, 5);
  engine.refit({{"a", a}});
  EXPECT_EQ(first(yes), 6.0F - 20);
  engine.refit({{"b", b}});
  EXPECT_EQ(first(yes), 6.0F - 10);
  EXPECT_EQ(first(no), -20.0F);
}

// h doubles with each turn, and is scanned; i is added to what is scanned.
constexpr const char* kTurns =
    R"(graph (m: i64[], c: bool[], x: f32[n]) {
         %1, %2 = loop(%m, %c, %x) {body = graph (i: i64[], go: bool[], h: f32[n]) {
           %1 = pointwise(%h) {mul(a, 2)}
           %2 = cast(%i) {to = "f32"}
           %3 = pointwise(%1, %2) {add(a, b)}
         } -> (go = %go, h = %1, s = %3), carried = 1, changing = [""], symbols = ["", turns, ""]} # "turns"
       } -> (h = %1, s = %2))";

TEST(Loop, carries_and_scans) {
  const Engine engine = engine_of_text(kTurns);
  Context context(engine);
  const Tensor x = counted({2}), yes = truth(true);
  for (const int64_t turns : {3, 1, 0, 4}) {
    const Tensor m = number(turns);
    const Outputs outputs = context.run({{"m", m}, {"c", yes}, {"x", x}});
    EXPECT_EQ(outputs["h"].as<float>()[1], static_cast<float>(1 << turns));
    ASSERT_EQ(outputs["s"].shape(), (Shape{turns, 2}));
    for (int64_t turn = 0; turn < turns; ++turn) {
      EXPECT_EQ(outputs["s"].as<float>()[static_cast<size_t>(2 * turn)], static_cast<float>(turn));
      EXPECT_EQ(outputs["s"].as<float>()[static_cast<size_t>(2 * turn + 1)],
                static_cast<float>((2 << turn) + turn));
    }
  }
}

TEST(Loop, of_a_false_condition_does_not_begin) {
  const Engine engine = engine_of_text(kTurns);
  const Tensor x = counted({2}), m = number(5), no = truth(false);
  const Outputs outputs = Context(engine).run({{"m", m}, {"c", no}, {"x", x}});
  EXPECT_EQ(values_of(outputs["h"]), values_of(x));
  EXPECT_EQ(outputs["s"].shape(), (Shape{0, 2}));
}

// Without a trip count: until h reaches 100. The growing value is longer by one row each turn.
TEST(Loop, ends_by_its_condition_and_carries_what_grows) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[1], g: f32[r, 2]) {
           %1, %2 = loop(_, _, %x, %g, %x) {body = graph (i: i64[], go: bool[], h: f32[1], g: f32[t, 2], x: f32[1]) {
             %1 = pointwise(%h, %x) {add(mul(a, 3), b)}
             %2 = pointwise(%1) {less(a, 100)}
             %3 = reshape(%2) {dims = []}
             %4 = concat(%h, %h) {axis = 0}
             %5 = reshape(%4) {dims = [1, 2]}
             %6 = concat(%g, %5) {axis = 0}
           } -> (go = %3, h = %1, g = %6), carried = 2, changing = ["", t, ""], symbols = ["", grown, ""]}
         } -> (h = %1, g = %2))");
  Context context(engine);
  for (int repeat = 0; repeat < 2; ++repeat) {
    const Tensor x = full({1}, 1), g = full({1, 2}, 7);
    const Outputs outputs = context.run({{"x", x}, {"g", g}});
    EXPECT_EQ(values_of(outputs["h"]), (std::vector<float>{121}));
    EXPECT_EQ(outputs["g"].shape(), (Shape{5, 2}));
    EXPECT_EQ(values_of(outputs["g"]), (std::vector<float>{7, 7, 1, 1, 4, 4, 13, 13, 40, 40}));
  }
}

TEST(Loop, in_a_loop_begins_anew_each_time) {
  const Engine engine = engine_of_text(
      R"(graph (m: i64[], x: f32[2]) {
           %1 = loop(%m, _, %x, %m) {body = graph (i: i64[], go: bool[], h: f32[2], m: i64[]) {
             %1 = loop(%m, _, %h, %i) {body = graph (j: i64[], go: bool[], k: f32[2], i: i64[]) {
               %1 = pointwise(%i, %j) {add(mul(a, 10), b)}
               %2 = cast(%1) {to = "f32"}
               %3 = pointwise(%k, %2) {add(a, b)}
             } -> (go = %go, k = %3), carried = 1, changing = [""], symbols = [""]}
           } -> (go = %go, h = %1), carried = 1, changing = [""], symbols = [""]}
         } -> (y = %1))");
  const Tensor x = full({2}, 0), m = number(3);
  // The sum of 10 i + j over i, j < 3.
  EXPECT_EQ(Context(engine).run({{"m", m}, {"x", x}})["y"].as<float>()[1], 90.0F + 9);
}

TEST(Loop, that_binds_finds_new_extents_each_turn) {
  const Engine engine = engine_of_text(
      R"(graph (m: i64[], x: f32[6]) {
           %1 = loop(%m, _, %x) {body = graph (i: i64[], go: bool[], h: f32[6]) {
             %1 = pointwise(%i) {add(a, 1)}
             %2 = reshape(%1) {dims = [1]}
             %3 = bind(%2) {symbols = [k]} # "rows"
             %4 = reshape(%h) {dims = [k, floor_div(6, k)]} # "view"
             %5 = reduce(%4) {kind = "max", axes = [1], keep_dims = true}
             %6 = pointwise(%4, %5) {add(a, b)}
             %7 = reshape(%6) {dims = [6]}
           } -> (go = %go, h = %7), carried = 1, changing = [""], symbols = [""]}
         } -> (y = %1))");
  Context context(engine);
  const Tensor x = counted({6}), two = number(2), four = number(4);
  EXPECT_EQ(values_of(context.run({{"m", two}, {"x", x}})["y"]),
            (std::vector<float>{12, 13, 14, 18, 19, 20}));
  EXPECT_EQ(input_error_of([&] {
              context.run({{"m", four}, {"x", x}});
            }),
            "reshape \"view\": elements before and after: 6 is not equal to 4");
}

TEST(Sequences, hold_tensors_of_any_extents) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[n, 2], y: f32[m, 2], i: i64[]) {
           %1 = pointwise(%x) {neg(a)}
           %2 = sequence_construct(%1, %y)
           %3 = sequence_insert(%2, %x, %i)
           %4 = sequence_length(%3)
           %5 = sequence_construct(%1, %1, %x)
           %6 = concat_from_sequence(%5) {axis = 0, symbols = [rows]}
           %7 = concat_from_sequence(%5) {axis = -1, new_axis = true, symbols = [columns]}
           %8 = sequence_at(%5, %i) # "at"
         } -> (length = %4, rows = %6, columns = %7, at = %8))");
  Context context(engine);
  const Tensor x = counted({1, 2}), y = counted({2, 2}), last = number(-1), three = number(3);
  const Outputs outputs = context.run({{"x", x}, {"y", y}, {"i", last}});
  EXPECT_EQ(outputs["length"].as<int64_t>()[0], 3);
  EXPECT_EQ(outputs["rows"].shape(), (Shape{3, 2}));
  EXPECT_EQ(values_of(outputs["rows"]), (std::vector<float>{0, -1, 0, -1, 0, 1}));
  EXPECT_EQ(outputs["columns"].shape(), (Shape{1, 2, 3}));
  EXPECT_EQ(values_of(outputs["columns"]), (std::vector<float>{0, 0, 0, -1, -1, 1}));
  EXPECT_EQ(values_of(outputs["at"]), (std::vector<float>{0, 1}));
  EXPECT_EQ(input_error_of([&] {
              context.run({{"x", x}, {"y", y}, {"i", three}});
            }),
            "sequence_insert: position 3 is outside a sequence of 2");
}

TEST(Optionals, hold_a_tensor) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[2]) {
           %1 = pointwise(%x) {neg(a)}
           %2 = optional(%1)
           %3 = optional_has_element(%2)
           %4 = optional_get_element(%2)
         } -> (has = %3, y = %4))");
  const Tensor x = counted({2});
  const Outputs outputs = Context(engine).run({{"x", x}});
  EXPECT_TRUE(outputs["has"].as<bool>()[0]);
  EXPECT_EQ(values_of(outputs["y"]), (std::vector<float>{0, -1}));
}

}  // namespace
}  // namespace tenon::runtime::testing
