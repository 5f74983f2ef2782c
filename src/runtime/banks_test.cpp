// Slots in banks, and steps that are captured and replayed: what CUDA graphs will need, on
// "far:banks".
#ifdef TENON_FAR

#include <gtest/gtest.h>

#include <optional>

#include "runtime/engine_for_test.h"
#include "runtime/failing_backend_for_test.h"

namespace tenon::runtime::testing {
namespace {

constexpr int64_t kSize = 16;

float product(float a, float b, float s) { return kSize * kSize * a * b * s; }

class Banks : public ::testing::Test {
 protected:
  std::shared_ptr<FailingBackend> backend =
      std::make_shared<FailingBackend>(make_backend("far:banks", 1));

  Engine product_engine(const EngineOptions& options = {}) {
    return engine_of(plan_file_of(product_program(kSize), product_weights(kSize, 1, 1, 1)), options,
                     backend);
  }
  Engine engine_of_graph(const std::string& main, const Arrays& arrays = {}) {
    return engine_of(plan_file_of(program_of(main, "graph () {\n} -> ()"), arrays), {}, backend);
  }
  float run(Context& context, const WeightSet& weights = {}) {
    const Tensor x = full({1, kSize}, 1);
    return product_of(context.run({{"x", x}}, RunOptions{.weights = weights})["y"]);
  }
  int copies_within() { return backend->copied[static_cast<size_t>(kernel::CopyKind::within)]; }
};

Arrays all(float a, float b, float s) { return product_weights(kSize, a, b, s); }

TEST_F(Banks, steps_are_captured_the_second_time_and_replayed_from_then_on) {
  const Engine engine = product_engine();
  Context context(engine);
  run(context);
  EXPECT_EQ(backend->captured, 0);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(run(context), product(1, 1, 1));
  EXPECT_EQ(backend->captured, 1);
  EXPECT_EQ(backend->replayed, 5);
}

TEST_F(Banks, every_context_captures_its_own) {
  const Engine engine = product_engine();
  Context first(engine), second(engine);
  for (int i = 0; i < 3; ++i) {
    run(first);
    run(second);
  }
  EXPECT_EQ(backend->captured, 2);
}

TEST_F(Banks, two_banks_serve_all_refits) {
  Engine engine = product_engine();
  Context context(engine);
  for (int i = 1; i <= 20; ++i) {
    const auto scale = static_cast<float>(i % 7 + 1);
    engine.refit(views_of(all(scale, 1, 1)));
    EXPECT_EQ(run(context), product(scale, 1, 1));
  }
  EXPECT_EQ(backend->captured, 2);
  EXPECT_EQ(backend->replayed, 18);  // each bank was met once before
}

TEST_F(Banks, a_bank_takes_what_is_two_versions_old_from_the_current_set) {
  Engine engine = product_engine();
  Context context(engine);
  engine.refit(views_of({{"a", full({kSize, kSize}, 2)}}));
  EXPECT_EQ(copies_within(), 1) << "the other slot, into a new bank";
  engine.refit(views_of({{"s", full({kSize}, 3)}}));
  EXPECT_EQ(copies_within(), 2) << "a's slot is older there";
  engine.refit(views_of({{"s", full({kSize}, 4)}}));
  EXPECT_EQ(copies_within(), 2) << "a's slot is that of the current set";
  EXPECT_EQ(run(context), product(2, 1, 4));
}

TEST_F(Banks, a_failed_refit_leaves_a_bank_that_is_not_trusted) {
  Engine engine = product_engine();
  Context context(engine);
  engine.refit(views_of(all(2, 1, 1)));
  for (int call = 1; call < 20; ++call) {
    backend->copies.arm(call);
    try {
      engine.refit(views_of({{"a", full({kSize, kSize}, 5)}}));
    } catch (const Error&) {
    }
    backend->copies.disarm();
    engine.refit(views_of({{"s", full({kSize}, 3)}}));
    const float a = engine.read_weight("a").as<float>()[0];
    EXPECT_EQ(run(context), product(a, 1, 3));
    engine.refit(views_of(all(2, 1, 1)));
  }
}

TEST_F(Banks, a_set_that_is_held_keeps_its_bank_and_the_rest_take_turns) {
  Engine engine = product_engine();
  Context context(engine);
  const int before = backend->allocated();
  std::optional<WeightSet> held = engine.current();
  for (int i = 2; i < 10; ++i) {
    engine.refit(views_of(all(static_cast<float>(i), 1, 1)));
    EXPECT_EQ(run(context), product(static_cast<float>(i), 1, 1));
    EXPECT_EQ(run(context, *held), product(1, 1, 1));
  }
  EXPECT_EQ(backend->captured, 3);
  const int with_three = backend->allocated();
  EXPECT_GE(with_three, before + 2);
  held.reset();
  EXPECT_EQ(backend->allocated(), with_three - 1) << "two banks are enough again";
}

TEST_F(Banks, steps_in_place_are_captured_once) {
  Engine engine = product_engine({.memory = Memory::in_place});
  Context context(engine);
  for (int i = 1; i < 6; ++i) {
    engine.refit(views_of(all(static_cast<float>(i), 1, 1)));
    EXPECT_EQ(run(context), product(static_cast<float>(i), 1, 1));
  }
  EXPECT_EQ(backend->captured, 1);
}

constexpr const char* kRows = R"(graph (x: f32[m, 4]) {
                                   %1 = pointwise(%x) {add(a, 1)}
                                   %2 = softmax(%1) {axis = 0}
                                   %3 = pointwise(%2, %1) {mul(a, b)}
                                 } -> (y = %3))";

TEST_F(Banks, growing_memory_drops_what_was_captured_over_the_old) {
  Engine engine = engine_of_graph(kRows);
  Context context(engine);
  const auto run_rows = [&](int64_t rows) {
    const Tensor x = full({rows, 4}, 1);
    const Outputs outputs = context.run({{"x", x}});
    for (const float value : outputs["y"].as<float>()) {
      EXPECT_FLOAT_EQ(value, 2.0f / static_cast<float>(rows));
    }
  };
  for (int i = 0; i < 3; ++i) run_rows(2);
  EXPECT_EQ(backend->captured, 1);
  for (int i = 0; i < 3; ++i) run_rows(2000);
  EXPECT_EQ(backend->captured, 2);
  for (int i = 0; i < 4; ++i) {
    run_rows(2);
    run_rows(2000);
  }
  EXPECT_EQ(backend->captured, 3) << "the small one again, at the new places";
}

TEST_F(Banks, a_data_error_of_a_replay_is_the_runs_own) {
  Engine engine = engine_of_graph(R"(graph (x: i32[2]) {
                                       %1 = pointwise(%x, %x) {div(a, b)} # "d"
                                     } -> (y = %1))");
  Context context(engine);
  Tensor x(DType::i32, {2});
  const auto run_with = [&](int32_t value) {
    x.as<int32_t>()[0] = x.as<int32_t>()[1] = value;
    return input_error_of([&] { context.run({{"x", x}}); });
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(run_with(2), "no error");
    EXPECT_EQ(run_with(0), "pointwise \"d\": integer division by zero");
  }
  EXPECT_EQ(backend->captured, 1);
}

TEST_F(Banks, a_capture_that_fails_leaves_the_context) {
  const Engine engine = product_engine();
  Context context(engine);
  run(context);
  for (int call = 1; call <= 4; ++call) {
    backend->launches.arm(call);
    EXPECT_EQ(code_of([&] { run(context); }), ErrorCode::io) << call;
    EXPECT_EQ(backend->queued, 0) << "memory goes while it is used";
    backend->launches.disarm();
  }
  EXPECT_EQ(run(context), product(1, 1, 1));
}

TEST_F(Banks, a_capture_that_is_stopped_leaves_the_context) {
  const Engine engine = product_engine();
  Context context(engine);
  run(context);
  const Tensor x = full({1, kSize}, 1);
  const std::stop_source stop;
  backend->launches.stop_at(2, stop);  // the capture begins, and one step of two is listed
  const RunOptions options{.stop = stop.get_token()};
  EXPECT_EQ(code_of([&] { context.run({{"x", x}}, options); }), ErrorCode::cancelled);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(run(context), product(1, 1, 1));
  EXPECT_EQ(code_of([&] { context.run({{"x", x}}, options); }), ErrorCode::cancelled);
}

TEST_F(Banks, bodies_of_loops_are_replayed) {
  Engine engine = engine_of_graph(R"(graph (x: f32[4], n: i64[]) {
      %1 = loop(%n, _, %x) {body = graph (i: i64[], go: bool[], v: f32[4]) {
        %1 = pointwise(%v) {add(a, 1)}
        %2 = pointwise(%1) {mul(a, 2)}
      } -> (go = %go, v = %2), carried = 1, changing = [""], symbols = [""]}
    } -> (y = %1))");
  Context context(engine);
  Tensor n(DType::i64, {});
  for (int run = 0; run < 4; ++run) {
    for (const int64_t turns : {5, 9}) {
      n.as<int64_t>()[0] = turns;
      float want = 1;
      for (int64_t i = 0; i < turns; ++i) want = (want + 1) * 2;
      const Tensor x = full({4}, 1);
      EXPECT_EQ(values_of(context.run({{"x", x}, {"n", n}})["y"]), std::vector<float>(4, want));
    }
  }
  EXPECT_GT(backend->replayed, 20);
  EXPECT_LT(backend->captured, 8);
}

TEST_F(Banks, profiles_run_step_by_step) {
  const Engine engine = product_engine();
  Context context(engine);
  for (int i = 0; i < 3; ++i) run(context);
  const Tensor x = full({1, kSize}, 1);
  EXPECT_EQ(context.profile({{"x", x}}, 2).size(), engine.layers().size());
  EXPECT_EQ(backend->replayed, 2);
}

}  // namespace
}  // namespace tenon::runtime::testing

#endif  // TENON_FAR
