// Runs in flight: submitted, left alone, and asked for later.
#include <gtest/gtest.h>

#include <optional>

#include "runtime/engine_for_test.h"
#include "runtime/failing_backend_for_test.h"

namespace tenon::runtime::testing {
namespace {

constexpr int64_t kSize = 16;

float product(float scale) { return kSize * kSize * scale; }

/// Weights that make product(scale) of ones.
Arrays scaled(float scale) { return product_weights(kSize, 1, 1, scale); }

Engine product_engine(EngineOptions options = {}, std::shared_ptr<kernel::Backend> backend = {}) {
  return engine_of(plan_file_of(product_program(kSize), scaled(1)), options, std::move(backend));
}

std::string message_of(tenon::Run& run) {
  try {
    run.wait();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Submit, gives_what_a_run_gives) {
  const Engine engine = product_engine();
  Context context(engine);
  const Tensor x = full({1, kSize}, 1);
  tenon::Run run = context.submit({{"x", x}});
  EXPECT_EQ(run.version(), 1u);
  EXPECT_EQ(product_of(run.wait()["y"]), product(1));
  EXPECT_TRUE(run.done());
  EXPECT_EQ(run.wait().version, 1u);
}

TEST(Submit, each_run_keeps_the_set_that_was_current) {
  Engine engine = product_engine();
  Context context(engine);
  const Tensor x = full({1, kSize}, 1);
  std::vector<tenon::Run> runs;
  for (int i = 1; i <= 50; ++i) {
    runs.push_back(context.submit({{"x", x}}));
    engine.refit(views_of(scaled(static_cast<float>(i + 1))));  // waits for runs, never for wait()
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(runs[i].wait().version, i + 1);
    EXPECT_EQ(product_of(runs[i].wait()["y"]), product(static_cast<float>(i + 1)));
  }
}

TEST(Submit, a_refit_in_place_waits_for_runs_that_nobody_waits_for) {
  Engine engine = product_engine({.memory = Memory::in_place});
  Context context(engine);
  const Tensor x = full({1, kSize}, 1);
  tenon::Run run = context.submit({{"x", x}});
  engine.refit(views_of(scaled(5)));
  EXPECT_EQ(product_of(run.wait()["y"]), product(1));
}

TEST(Submit, a_run_outlives_its_context_and_engine) {
  const Tensor x = full({1, kSize}, 1);
  std::optional<tenon::Run> run;
  {
    const Engine engine = product_engine();
    run = Context(engine).submit({{"x", x}});
  }
  EXPECT_EQ(product_of(run->wait()["y"]), product(1));
}

TEST(Submit, the_end_of_a_handle_waits) {
  const Engine engine = product_engine();
  Context context(engine);
  const Tensor x = full({1, kSize}, 1), y = full({1, kSize}, 0), z = full({1, kSize}, 0);
  context.submit({{"x", x}}, {{"y", y}});
  EXPECT_EQ(product_of(y), product(1));
  tenon::Run run = context.submit({{"x", x}}, {{"y", z}});
  run = context.submit({{"x", x}});
  EXPECT_EQ(product_of(z), product(1));
}

TEST(Submit, copies_of_inputs_that_are_not_dense_belong_to_their_run) {
  const Engine engine = product_engine();
  Context context(engine);
  std::vector<Tensor> values;
  for (int i = 1; i <= 20; ++i) values.push_back(full({1}, static_cast<float>(i)));
  std::vector<tenon::Run> runs;
  for (const Tensor& value : values) {
    const TensorView view(value.data(), DType::f32, {1, kSize}, {0, 0});
    runs.push_back(context.submit({{"x", view}}));
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(product_of(runs[i].wait()["y"]), product(static_cast<float>(i + 1)));
  }
}

TEST(Submit, errors_come_out_of_wait_as_often_as_it_is_asked) {
  plan::PlanFile file;
  file.plan.program = program_of(R"(graph (x: i32[2]) {
                                      %1 = pointwise(%x, %x) {div(a, b)} # "d"
                                    } -> (y = %1))",
                                 "graph () {\n} -> ()");
  Engine engine = engine_of(file);
  Context context(engine);
  Tensor x(DType::i32, {2});
  x.as<int32_t>()[0] = x.as<int32_t>()[1] = 0;
  tenon::Run divides = context.submit({{"x", x}});
  tenon::Run misnamed = context.submit({{"z", x}});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(message_of(divides), "pointwise \"d\": integer division by zero");
    EXPECT_EQ(code_of([&] { misnamed.wait(); }), ErrorCode::invalid_input);
  }
  EXPECT_EQ(misnamed.version(), 0u);
  x.as<int32_t>()[0] = x.as<int32_t>()[1] = 3;
  EXPECT_EQ(context.run({{"x", x}})["y"].as<int32_t>()[0], 1);  // the context goes on
}

TEST(Submit, a_stop_is_seen_between_two_steps) {
  const auto backend = std::make_shared<FailingBackend>(make_backend(test_device(), 1));
  const Engine engine = product_engine({}, backend);
  Context context(engine);
  const Tensor x = full({1, kSize}, 1);
  const std::stop_source stop;
  backend->launches.stop_at(1, stop);  // two steps: the first asks, the second is not begun
  EXPECT_EQ(code_of([&] {
              context.run({{"x", x}}, RunOptions{.stop = stop.get_token()});
            }),
            ErrorCode::cancelled);
  EXPECT_EQ(code_of([&] {
              context.submit({{"x", x}}, {.stop = stop.get_token()}).wait();
            }),
            ErrorCode::cancelled);
  EXPECT_EQ(product_of(context.run({{"x", x}})["y"]), product(1));
}

TEST(Submit, step_times_are_those_of_the_layers) {
  const Engine engine = product_engine();
  std::vector<LayerTime> times;
  const Tensor x = full({1, kSize}, 1);
  Context(engine).run({{"x", x}}, RunOptions{.step_times = &times});
  EXPECT_EQ(times.size(), engine.layers().size());
  for (const LayerTime& time : times) {
    EXPECT_GT(time.seconds, 0);
    EXPECT_GE(time.bytes, 2 * x.bytes());
  }
}

}  // namespace
}  // namespace tenon::runtime::testing
