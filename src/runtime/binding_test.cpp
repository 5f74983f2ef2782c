// Extents that a run finds out: regions, what outlives them, and symbols that do not fit.
#include <gtest/gtest.h>

#include "runtime/engine_for_test.h"

namespace tenon::runtime::testing {
namespace {

Tensor integers(const std::vector<int64_t>& values) {
  Tensor tensor(DType::i64, {static_cast<int64_t>(values.size())});
  std::ranges::copy(values, tensor.as<int64_t>().begin());
  return tensor;
}

// Column sums of x in k columns, and x doubled, which is made before k is known and read after.
constexpr const char* kColumns =
    R"(graph (x: f32[n], s: i64[1]) {
         %1 = pointwise(%x) {mul(a, 2)}
         %2 = bind(%s) {symbols = [k]} # "columns"
         %3 = reshape(%1) {dims = [floor_div(n, k), k]} # "view"
         %4 = pointwise(%1) {neg(a)}
         %5 = reduce(%3) {kind = "sum", axes = [0], keep_dims = false} # "sum"
       } -> (sums = %5, negated = %4))";

TEST(Binding, a_run_finds_its_extents) {
  const Engine engine = engine_of_text(kColumns);
  Context context(engine);
  const Tensor x = counted({6});
  for (const int64_t k : {1, 2, 3, 6, 2}) {
    const Tensor s = integers({k});
    const Outputs outputs = context.run({{"x", x}, {"s", s}});
    const Tensor& sums = outputs["sums"];
    ASSERT_EQ(sums.shape(), Shape{k});
    for (int64_t column = 0; column < k; ++column) {
      float sum = 0;
      for (int64_t row = 0; row < 6 / k; ++row) sum += 2 * static_cast<float>(row * k + column);
      EXPECT_EQ(sums.as<float>()[static_cast<size_t>(column)], sum);
    }
    EXPECT_EQ(outputs["negated"].as<float>()[5], -10.0F);
  }
}

TEST(Binding, outputs_of_a_later_region_go_where_they_are_wanted) {
  const Engine engine = engine_of_text(kColumns);
  Context context(engine);
  const Tensor x = counted({6}), s = integers({3});
  Tensor sums(DType::f32, {3});
  context.run({{"x", x}, {"s", s}}, {{"sums", sums}});
  EXPECT_EQ(sums.as<float>()[0], 6.0F);
  const Tensor wrong(DType::f32, {2});
  EXPECT_EQ(input_error_of([&] {
              context.run({{"x", x}, {"s", s}}, {{"sums", wrong}});
            }),
            "out \"sums\": is f32[2], the output is f32[3]");
  context.run({{"x", x}, {"s", s}}, {{"sums", sums}});  // the context goes on
  EXPECT_EQ(sums.as<float>()[2], 14.0F);
}

TEST(Binding, what_does_not_fit_names_its_node) {
  const Engine engine = engine_of_text(kColumns);
  Context context(engine);
  const Tensor x = counted({6});
  const auto run = [&](int64_t k) {
    const Tensor s = integers({k});
    return input_error_of([&] { context.run({{"x", x}, {"s", s}}); });
  };
  EXPECT_EQ(run(-2), "bind \"columns\": element 0 is -2, outside 0 to 2147483647");
  EXPECT_EQ(run(int64_t{1} << 31),
            "bind \"columns\": element 0 is 2147483648, outside 0 to 2147483647");
  EXPECT_EQ(run(4), "reshape \"view\": elements before and after: 6 is not equal to 4");
}

// The step that makes y runs before its extents are known.
TEST(Binding, an_output_may_be_sized_behind_what_makes_it) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[n], s: i64[2]) {
           %1 = pointwise(%x) {neg(a)}
           %2 = bind(%s) {symbols = [k, m]}
           %3 = reshape(%1) {dims = [k, m]}
         } -> (y = %3))");
  Context context(engine);
  for (const int64_t k : {1, 2, 3}) {
    const Outputs outputs = context.run({{"x", counted({6})}, {"s", integers({k, 6 / k})}});
    EXPECT_EQ(outputs["y"].shape(), (Shape{k, 6 / k}));
    EXPECT_EQ(outputs["y"].as<float>()[5], -5.0F);
  }
}

TEST(Binding, nothing_is_found) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[n], s: i64[2]) {
           %1 = bind(%s) {symbols = [rows, columns]}
           %2 = reshape(%x) {dims = [rows, columns]}
           %3 = pointwise(%2) {add(a, 1)}
           %4 = reduce(%3) {kind = "sum", axes = [0], keep_dims = true}
         } -> (y = %3, sums = %4))");
  Context context(engine);
  const Tensor x(DType::f32, {0}), s = integers({0, 3});
  const Outputs outputs = context.run({{"x", x}, {"s", s}});
  EXPECT_EQ(outputs["y"].shape(), (Shape{0, 3}));
  EXPECT_EQ(outputs["sums"].shape(), (Shape{1, 3}));
  EXPECT_EQ(outputs["sums"].as<float>()[2], 0.0F);
}

// Each bind reads what the region before it has made.
TEST(Binding, one_found_extent_leads_to_the_next) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[n], s: i64[1]) {
           %1 = bind(%s) {symbols = [a]}
           %2 = reshape(%x) {dims = [a, floor_div(n, a)]}
           %3 = shape(%2) {start = 1}
           %4 = pointwise(%3, %1) {add(a, b)}
           %5 = pointwise(%4, %3) {sub(a, b)}
           %6 = bind(%5) {symbols = [b]}
           %7 = reshape(%2) {dims = [b, floor_div(n, b)]}
           %8 = pointwise(%7) {neg(a)}
         } -> (y = %8, found = %6))");
  Context context(engine);
  const Tensor x = counted({6}), s = integers({2});
  const Outputs outputs = context.run({{"x", x}, {"s", s}});
  EXPECT_EQ(outputs["y"].shape(), (Shape{2, 3}));
  EXPECT_EQ(outputs["y"].as<float>()[5], -5.0F);
  EXPECT_EQ(outputs["found"].as<int64_t>()[0], 2);
}

TEST(Binding, a_symbol_that_is_found_twice_must_agree) {
  const Engine engine = engine_of_text(
      R"(graph (x: f32[n], s: i64[1], t: i64[1]) {
           %1 = bind(%s) {symbols = [k]} # "first"
           %2 = bind(%t) {symbols = [m]} # "second"
           %3 = reshape(%x) {dims = [k]} # "a"
           %4 = reshape(%x) {dims = [m]} # "b"
           %5 = pointwise(%3, %4) {add(a, b)} # "sum"
         } -> (y = %5))");
  Context context(engine);
  const Tensor x = counted({6}), six = integers({6}), five = integers({5});
  EXPECT_EQ(context.run({{"x", x}, {"s", six}, {"t", six}})["y"].as<float>()[5], 10.0F);
  EXPECT_EQ(input_error_of([&] {
              context.run({{"x", x}, {"s", six}, {"t", five}});
            }),
            "reshape \"b\": elements before and after: 6 is not equal to 5");
}

TEST(Signatures, are_shared_by_contexts_and_bounded) {
  const Engine engine = engine_of_text(kColumns);
  const Tensor x = counted({6}), s = integers({3});
  Context first(engine), second(engine);
  first.run({{"x", x}, {"s", s}});
  const size_t size = engine.impl()->signatures.size();
  second.run({{"x", x}, {"s", s}});
  EXPECT_EQ(engine.impl()->signatures.size(), size);

  SignatureCache small(1);
  const lower::Executable& main = engine.impl()->lowered.main;
  for (const int64_t n : {6, 12, 18}) {
    const lower::SymbolValues symbols = main.symbols->values({{"n", n}, {"k", 3}});
    const auto made = small.find_or_make(main, main.regions[0], symbols, *engine.impl()->backend);
    EXPECT_EQ(made, small.find_or_make(main, main.regions[0], symbols, *engine.impl()->backend));
  }
  EXPECT_EQ(small.size(), 1u);
}

}  // namespace
}  // namespace tenon::runtime::testing
