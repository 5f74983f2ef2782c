// Slots that are made in tiles, in batches, and when that is waited for.
#include <gtest/gtest.h>

#include <numeric>

#include "runtime/engine_for_test.h"
#include "runtime/failing_backend_for_test.h"

namespace tenon::runtime::testing {
namespace {

constexpr int64_t kRows = 700, kColumns = 300;  // more than a tile, and no multiple of one

/// y = x ((w + c) * s)': rows of the slot need those of w and s, and all of c.
Engine scaled_engine(std::shared_ptr<kernel::Backend> backend = nullptr) {
  const ir::Program program = program_of(
      R"(graph (x: f32[1, 300]) {
           %1 = matmul(%x, @"0": f32[700, 300]) {transpose_b = true}
         } -> (y = %1))",
      R"(graph () {
           %1 = reshape("s": f32[700]) {dims = [700, 1]}
           %2 = pointwise("w": f32[700, 300], "c": f32[300], %1) {mul(add(a, b), c)}
         } -> ("0" = %2))");
  return engine_of(plan_file_of(program, {{"w", full({kRows, kColumns}, 1)},
                                          {"c", full({kColumns}, 0)},
                                          {"s", full({kRows}, 1)}}),
                   {}, std::move(backend));
}

// Small integers: every order of summation gives the same.
double w_at(int64_t row, int64_t column) { return static_cast<double>((row * 7 + column) % 5); }
double c_at(int64_t column) { return static_cast<double>(column % 3); }
double s_at(int64_t row) { return static_cast<double>(row % 4); }

std::vector<float> wanted() {
  std::vector<float> sums(kRows);
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t column = 0; column < kColumns; ++column) {
      sums[static_cast<size_t>(row)] +=
          static_cast<float>((w_at(row, column) + c_at(column)) * s_at(row));
    }
  }
  return sums;
}

/// w as T with `stride` elements from one to the next.
template <class T>
std::vector<T> w_of(int64_t stride = 1) {
  std::vector<T> values(static_cast<size_t>(kRows * kColumns * stride), T{99});
  for (int64_t i = 0; i < kRows * kColumns; ++i)
    values[static_cast<size_t>(i * stride)] = static_cast<T>(w_at(i / kColumns, i % kColumns));
  return values;
}

std::vector<float> sums_of(const Engine& engine) {
  const Outputs outputs = Context(engine).run({{"x", full({1, kColumns}, 1)}});
  const auto y = outputs["y"].as<float>();
  return {y.begin(), y.end()};
}

TEST(Tiles, give_what_the_whole_gives_however_the_weights_come) {
  const std::vector<float> want = wanted();
  std::vector<float> c(kColumns), s(kRows);
  for (int64_t i = 0; i < kColumns; ++i) c[static_cast<size_t>(i)] = static_cast<float>(c_at(i));
  for (int64_t i = 0; i < kRows; ++i) s[static_cast<size_t>(i)] = static_cast<float>(s_at(i));
  const auto f32 = w_of<float>();
  const auto f64 = w_of<double>(), apart = w_of<double>(3);
  const auto f32_apart = w_of<float>(2);
  const Shape shape = {kRows, kColumns};
  Engine engine = scaled_engine();
  ASSERT_TRUE(engine.impl()->lowered.slots[0].tiles);
  for (const TensorView& w :
       {TensorView(f32.data(), DType::f32, shape), TensorView(f64.data(), DType::f64, shape),
        TensorView(apart.data(), DType::f64, shape, {3 * kColumns, 3}),
        TensorView(f32_apart.data(), DType::f32, shape, {2 * kColumns, 2})}) {
    engine.refit({{"w", full(shape, 5)}});
    engine.refit({{"w", w},
                  {"c", {c.data(), DType::f32, {kColumns}}},
                  {"s", {s.data(), DType::f32, {kRows}}}});
    EXPECT_EQ(sums_of(engine), want) << to_string(w.dtype) << to_string(w.strides);
  }
}

TEST(Tiles, count_each_overflow_once) {
  std::vector<double> w = w_of<double>(), c(kColumns, 0);
  w[5] = w[w.size() - 1] = c[7] = 1e300;
  const RefitReport report =
      scaled_engine().refit({{"w", {w.data(), DType::f64, {kRows, kColumns}}},
                             {"c", {c.data(), DType::f64, {kColumns}}}});
  EXPECT_EQ(report.overflowed, (std::map<std::string, int64_t>{{"c", 1}, {"w", 2}}));
}

TEST(Evaluation, of_many_small_slots_on_a_device_is_waited_for_once) {
  constexpr int slots = 40;
  std::string main = "graph (x: f32[1, 3]) {\n", weights = "graph () {\n", outs, made;
  Arrays arrays;
  for (int i = 0; i < slots; ++i) {
    main += fmt::format("  %{0} = matmul(%x, @\"{0}\": f32[3, 4])\n", i);
    weights += fmt::format("  %{0} = transpose(\"w{0}\": f32[4, 3]) {{permutation = [1, 0]}}\n", i);
    outs += fmt::format("{}y{} = %{}", i ? ", " : "", i, i);
    made += fmt::format("{}\"{}\" = %{}", i ? ", " : "", i, i);
    arrays.emplace(fmt::format("w{}", i), full({4, 3}, 1));
  }
  const auto backend = std::make_shared<FailingBackend>(make_backend(test_device(), 1));
  Engine engine = engine_of(
      plan_file_of(program_of(main + "} -> (" + outs + ")", weights + "} -> (" + made + ")"),
                   arrays),
      {}, backend);
  // One kernel with one plan for all of them.
  for (const lower::SlotProgram& slot : engine.impl()->lowered.slots)
    EXPECT_EQ(slot.code, engine.impl()->lowered.slots[0].code);
  backend->waits = 0;
  for (auto& [name, tensor] : arrays) std::ranges::fill(tensor.as<float>(), 2);
  engine.refit(views_of(arrays));
  if (!backend->host_memory()) {
    EXPECT_EQ(backend->waits, 1);
  }
  const Outputs outputs = Context(engine).run({{"x", full({1, 3}, 1)}});
  for (const auto& [name, y] : outputs.tensors) EXPECT_EQ(y.as<float>()[0], 6) << name;
}

}  // namespace
}  // namespace tenon::runtime::testing
