// Shape arithmetic beside a device: what runs on the host, and what crosses between the two.
#ifdef TENON_FAR

#include <gtest/gtest.h>

#include "runtime/engine_for_test.h"
#include "runtime/failing_backend_for_test.h"

namespace tenon::runtime::testing {
namespace {

using kernel::CopyKind;

class HostSteps : public ::testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<FailingBackend> backend =
      std::make_shared<FailingBackend>(make_backend(GetParam(), 1));

  Engine engine_of_texts(const std::string& main,
                         const std::string& weights = "graph () {\n} -> ()",
                         const Arrays& arrays = {}) {
    return engine_of(plan_file_of(program_of(main, weights), arrays), {}, backend);
  }
  /// Copies to the host that f makes.
  int copies(const std::function<void()>& f) {
    const int before = backend->copied[static_cast<size_t>(CopyKind::from_device)];
    f();
    return backend->copied[static_cast<size_t>(CopyKind::from_device)] - before;
  }
};

std::vector<std::string> devices_of(const Engine& engine) {
  std::vector<std::string> devices;
  for (const LayerInfo& layer : engine.layers()) devices.push_back(layer.op + " " + layer.device);
  return devices;
}

Tensor integers(const std::vector<int64_t>& values) {
  Tensor tensor(DType::i64, {static_cast<int64_t>(values.size())});
  std::ranges::copy(values, tensor.as<int64_t>().begin());
  return tensor;
}

// y is x in rows of 2 s[0] + 1, negated; the extents are worked out from s and t.
constexpr const char* kArithmetic =
    R"(graph (x: f32[n], s: i64[1], t: i64[1]) {
         %1 = pointwise(%x) {neg(a)}
         %2 = pointwise(%s) {add(mul(a, 2), 1)}
         %3 = pointwise(%1) {mul(a, 3)}
         %4 = pointwise(%t, %2) {mul(div(a, b), 1)}
         %5 = concat(%4, %2) {axis = 0}
         %6 = bind(%5) {symbols = [rows, columns]}
         %7 = reshape(%3) {dims = [rows, columns]}
         %8 = pointwise(%7) {add(a, 1)}
       } -> (y = %8))";

TEST_P(HostSteps, arithmetic_of_extents_copies_nothing_from_the_device) {
  const Engine engine = engine_of_texts(kArithmetic);
  EXPECT_EQ(devices_of(engine),
            (std::vector<std::string>{"pointwise far", "pointwise far", "pointwise cpu",
                                      "pointwise cpu", "concat cpu", "pointwise far"}));
  Context context(engine);
  const Tensor x = counted({30});
  for (const int64_t half : {1, 2, 7, 1, 2, 1, 1, 2}) {
    const Tensor s = integers({half}), t = integers({30});
    Outputs outputs;
    EXPECT_EQ(copies([&] { outputs = context.run({{"x", x}, {"s", s}, {"t", t}}); }), 1) << "y";
    ASSERT_EQ(outputs["y"].shape(), (Shape{30 / (2 * half + 1), 2 * half + 1}));
    for (size_t i = 0; i < 30; ++i) {
      EXPECT_EQ(outputs["y"].as<float>()[i], 1 - 3 * static_cast<float>(i));
    }
  }
}

TEST_P(HostSteps, a_count_of_the_device_is_brought_once) {
  const Engine engine = engine_of_texts(
      R"(graph (x: f32[n]) {
           %1 = pointwise(%x) {less(2, a)}
           %2 = cast(%1) {to = "i64"}
           %3 = reduce(%2) {kind = "sum", axes = [0], keep_dims = true}
           %4 = pointwise(%3) {mul(a, 2)}
           %5 = pointwise(%3, %4) {add(a, b)}
           %6 = concat(%3, %5) {axis = 0}
           %7 = bind(%6) {symbols = [few, many]}
           %8 = slice(%x) {starts = [0], dims = [few]}
           %9 = pointwise(%8) {neg(a)}
           %10 = slice(%x) {starts = [0], dims = [many]}
           %11 = pointwise(%10) {neg(a)}
         } -> (few = %9, many = %11))");
  const std::vector<std::string> devices = devices_of(engine);
  EXPECT_EQ(std::ranges::count(devices, "reduce far"), 1) << "data is not brought to be counted";
  EXPECT_EQ(std::ranges::count(devices, "concat cpu"), 1);
  Context context(engine);
  for (const size_t count : {1, 4, 2, 2, 2}) {
    Tensor x = full({12}, 0);
    for (size_t i = 0; i < count; ++i) x.as<float>()[2 * i] = 7;
    Outputs outputs;
    EXPECT_EQ(copies([&] { outputs = context.run({{"x", x}}); }), 3) << "the count, two outputs";
    EXPECT_EQ(outputs["few"].shape(), Shape{static_cast<int64_t>(count)});
    EXPECT_EQ(outputs["many"].shape(), Shape{static_cast<int64_t>(3 * count)});
    EXPECT_EQ(outputs["many"].as<float>()[0], -7.0F);
  }
}

TEST_P(HostSteps, slots_are_brought_once_for_each_set) {
  Tensor k = integers({2});
  Engine engine = engine_of_texts(
      R"(graph (x: f32[n], s: i64[1]) {
           %1 = pointwise(%s, @"0": i64[1]) {mul(a, b)}
           %2 = bind(%1) {symbols = [rows]}
           %3 = reshape(%x) {dims = [rows, floor_div(n, rows)]}
           %4 = pointwise(%3) {neg(a)}
         } -> (y = %4))",
      R"(graph () {
         } -> ("0" = "k": i64[1]))",
      {{"k", k}});
  Context context(engine);
  const Tensor x = counted({12}), s = integers({3});
  const auto rows = [&](const WeightSet& set = {}) {
    return context.run({{"x", x}, {"s", s}}, RunOptions{.weights = set})["y"].shape()[0];
  };
  const WeightSet first = engine.current();
  EXPECT_EQ(rows(), 6);
  EXPECT_EQ(rows(), 6);
  EXPECT_EQ(copies([&] { EXPECT_EQ(rows(), 6); }), 1);
  k.as<int64_t>()[0] = 4;
  engine.refit({{"k", k}});
  EXPECT_EQ(copies([&] { EXPECT_EQ(rows(), 12); }), 2);
  EXPECT_EQ(copies([&] { EXPECT_EQ(rows(), 12); }), 1);
  EXPECT_EQ(copies([&] { EXPECT_EQ(rows(first), 6); }), 2);
}

TEST_P(HostSteps, a_data_error_names_its_node) {
  const Engine engine = engine_of_texts(
      R"(graph (x: f32[n], s: i64[1]) {
           %1 = pointwise(%s, %s) {div(a, b)} # "d"
           %2 = bind(%1) {symbols = [k]}
           %3 = reshape(%x) {dims = [k, n]}
           %4 = pointwise(%3) {neg(a)}
         } -> (y = %4))");
  Context context(engine);
  const Tensor x = counted({3}), zero = integers({0}), one = integers({1});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(input_error_of([&] {
                context.run({{"x", x}, {"s", zero}});
              }),
              "pointwise \"d\": integer division by zero");
    EXPECT_EQ(context.run({{"x", x}, {"s", one}})["y"].shape(), (Shape{1, 3}));
  }
}

TEST_P(HostSteps, conditions_and_trip_counts_are_the_hosts) {
  const Engine engine = engine_of_texts(
      R"(graph (x: f32[2], m: i64[], k: i64[]) {
           %1 = pointwise(%m, %k) {add(a, b)}
           %2 = pointwise(%k) {less(a, 3)}
           %3 = loop(%1, %2, %x) {body = graph (i: i64[], go: bool[], h: f32[2]) {
             %1 = pointwise(%h) {add(a, 1)}
           } -> (go = %go, h = %1), carried = 1, changing = [""], symbols = [""]}
         } -> (y = %3))");
  EXPECT_EQ(devices_of(engine),
            (std::vector<std::string>{"pointwise cpu", "pointwise cpu", "loop cpu"}));
  Context context(engine);
  const Tensor x = full({2}, 0);
  Tensor m(DType::i64, {}), k(DType::i64, {});
  for (const int64_t value : {0, 1, 2, 3}) {
    m.as<int64_t>()[0] = 4;
    k.as<int64_t>()[0] = value;
    const Outputs outputs = context.run({{"x", x}, {"m", m}, {"k", k}});
    EXPECT_EQ(outputs["y"].as<float>()[0], value < 3 ? static_cast<float>(4 + value) : 0);
  }
}

TEST_P(HostSteps, inputs_may_lie_on_the_device_or_in_pieces) {
  const Engine engine = engine_of_texts(kArithmetic);
  Context context(engine);
  const Tensor x = counted({30}), s = integers({2, 9}), t = integers({30});
  const TensorView strided(s.data(), DType::i64, {1}, {2});
  EXPECT_EQ(context.run({{"x", x}, {"s", strided}, {"t", t}})["y"].shape(), (Shape{6, 5}));
  const auto queue = backend->queue();
  const kernel::Buffer memory = backend->allocate(8);
  backend->copy(*queue, memory.get(), s.data(), 8, CopyKind::to_device);
  backend->synchronize(*queue);
  const TensorView there(memory.get(), DType::i64, {1}, {}, "far");
  Outputs outputs;
  EXPECT_EQ(copies([&] { outputs = context.run({{"x", x}, {"s", there}, {"t", t}}); }), 2);
  EXPECT_EQ(outputs["y"].shape(), (Shape{6, 5}));
}

TEST_P(HostSteps, are_profiled) {
  const Engine engine = engine_of_texts(kArithmetic);
  Context context(engine);
  const Tensor x = counted({30}), s = integers({2}), t = integers({30});
  const std::vector<LayerTime> times = context.profile({{"x", x}, {"s", s}, {"t", t}}, 2);
  EXPECT_EQ(times.size(), engine.layers().size());
}

INSTANTIATE_TEST_SUITE_P(All, HostSteps, ::testing::Values("far", "far:banks"),
                         [](const auto& info) {
                           return std::string(info.param == "far" ? "far" : "far_banks");
                         });

}  // namespace
}  // namespace tenon::runtime::testing

#endif  // TENON_FAR
