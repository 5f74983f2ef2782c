// Weights replaced ten thousand times (a thousand under sanitizers) while eight threads run: every
// output comes from one version.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "runtime/engine_for_test.h"
#include "runtime/failing_backend_for_test.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define TENON_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define TENON_SANITIZED 1
#endif

namespace tenon::runtime::testing {
namespace {

#ifdef TENON_SANITIZED
constexpr int kRefits = 1000;
#else
constexpr int kRefits = 10000;
#endif
constexpr int kThreads = 8;
constexpr int64_t kSize = 16;

// Whole numbers below 2^24, so every order of summation gives the same bits.
float product(float a, float b, float s) { return kSize * kSize * a * b * s; }

struct Scales {
  float a = 1, b = 1, s = 1;
};

/// What the refit to version `i` gives: all weights, or one or two of them.
Scales scales_after(Scales before, int i) {
  const auto value = static_cast<float>(i * 7 % 8 + 1);
  if (i % 4 != 2) before.a = value;
  if (i % 4 == 0 || i % 4 == 2) before.b = value;
  if (i % 4 == 0 || i % 4 == 3) before.s = value;
  return before;
}

Arrays weights_of_step(const Scales& scales, int i) {
  Arrays weights = product_weights(kSize, scales.a, scales.b, scales.s);
  if (i % 4 == 2) weights.erase("a");
  if (i % 4 == 1 || i % 4 == 3) weights.erase("b");
  if (i % 4 == 1 || i % 4 == 2) weights.erase("s");
  return weights;
}

Engine product_engine(const EngineOptions& options = {},
                      std::shared_ptr<kernel::Backend> backend = nullptr) {
  return engine_of(plan_file_of(product_program(kSize), product_weights(kSize, 1, 1, 1)), options,
                   std::move(backend));
}

/// Threads that run until told to stop and compare each output with what its version must give.
class Runners {
 public:
  Runners(const Engine& engine, const std::vector<float>& expected, int threads) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, &engine, &expected](const std::stop_token& stop) {
        run_until(stop, engine, expected);
      });
    }
    while (runs_ < threads) std::this_thread::yield();
  }
  /// Joins, and checks that every run was right.
  void finish() {
    threads_.clear();
    EXPECT_EQ(mixtures_, 0);
  }

 private:
  void run_until(const std::stop_token& stop, const Engine& engine,
                 const std::vector<float>& expected) {
    Context context(engine);
    const Tensor x = full({1, kSize}, 1);
    const Tensor y = full({1, kSize}, 0);
    const std::map<std::string, TensorView> in = {{"x", x}}, out = {{"y", y}};
    while (!stop.stop_requested()) {
      const uint64_t version = context.run(in, out);
      for (const float value : y.as<float>()) mixtures_ += value != expected[version];
      // A run that the scheduler stops half way holds the refit up for a turn of all threads: on a
      // busy machine ten thousand such turns take minutes. Who sleeps at times is seldom stopped.
      if (++runs_ % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(1));
    }
  }

  std::atomic<int> runs_{0};
  std::atomic<int> mixtures_{0};
  std::vector<std::jthread> threads_;
};

void refit_under_load(const EngineOptions& options, int refits) {
  Engine engine = product_engine(options);
  std::vector<Scales> scales = {{}, {}};  // version 1 is the build's
  std::vector<float> expected = {0, product(1, 1, 1)};
  for (int i = 2; i <= refits + 1; ++i) {
    scales.push_back(scales_after(scales.back(), i));
    const Scales& now = scales.back();
    expected.push_back(product(now.a, now.b, now.s));
  }
  Runners runners(engine, expected, kThreads);
  for (int i = 2; i <= refits + 1; ++i) {
    const RefitReport report =
        engine.refit(views_of(weights_of_step(scales[static_cast<size_t>(i)], i)));
    ASSERT_EQ(report.version, static_cast<uint64_t>(i));
  }
  runners.finish();
}

TEST(Stress, every_output_belongs_to_one_version_with_two_sets) { refit_under_load({}, kRefits); }

TEST(Stress, every_output_belongs_to_one_version_with_three_sets) {
  refit_under_load({.sets = 3}, kRefits / 5);
}

TEST(Stress, every_output_belongs_to_one_version_in_place) {
  refit_under_load({.memory = Memory::in_place}, kRefits / 5);
}

TEST(Stress, held_sets_are_published_to_and_fro_under_load) {
  Engine engine = product_engine();
  const WeightSet first = engine.current();
  engine.refit(views_of(product_weights(kSize, 2, 3, 4)));
  const WeightSet second = engine.current();
  const std::vector<float> expected = {0, product(1, 1, 1), product(2, 3, 4)};
  Runners runners(engine, expected, kThreads);
  for (int i = 0; i < kRefits / 5; ++i) {
    engine.publish(i % 2 ? second : first);
    ASSERT_EQ(engine.version(), i % 2 ? 2u : 1u);
  }
  runners.finish();
}

TEST(Stress, several_threads_refit_at_once) {
  Engine engine = product_engine();
  {
    std::vector<std::jthread> threads;
    for (int t = 1; t <= 4; ++t) {
      threads.emplace_back([&engine, t] {
        const auto scale = static_cast<float>(t);
        for (int i = 0; i < kRefits / 50; ++i)
          Engine(engine).refit(views_of(product_weights(kSize, scale, scale, scale)));
      });
    }
  }
  EXPECT_EQ(engine.version(), 1u + 4 * (kRefits / 50));
  const float y = run_product(engine, kSize);
  const std::set<float> whole = {product(1, 1, 1), product(2, 2, 2), product(3, 3, 3),
                                 product(4, 4, 4)};
  EXPECT_TRUE(whole.contains(y)) << y;
}

/// y = x a (b' * s) of any number of rows. The cache keeps no signature.
Engine rows_engine() {
  auto program = program_of(R"(graph (x: f32[m, 16]) {
                                 %1 = matmul(%x, @"0": f32[16, 16])
                                 %2 = matmul(%1, @"1": f32[16, 16])
                               } -> (y = %2))",
                            R"(graph () {
                                 %1 = transpose("b": f32[16, 16]) {permutation = [1, 0]}
                                 %2 = pointwise(%1, "s": f32[16]) {mul(a, b)}
                               } -> ("0" = "a": f32[16, 16], "1" = %2))");
  plan::PlanFile file = plan_file_of(std::move(program), product_weights(kSize, 1, 1, 1));
  file.plan.ranges["m"] = {1, 1, 8};
  return engine_of(std::move(file), {.signature_bytes = 1});
}

// The set of version v has the scale v.
void expect_whole(Run& run) {
  const auto version = static_cast<float>(run.version());
  EXPECT_EQ(product_of(run.wait()["y"]), product(1, 1, version));
}

/// Submits, waits, and drops contexts at random; at last the engine, before the runs are over.
void run_at_random(std::optional<Engine> engine, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<Tensor> inputs;
  for (int64_t rows = 1; rows <= 8; ++rows) inputs.push_back(full({rows, kSize}, 1));
  std::optional<Context> context(*engine);
  std::vector<tenon::Run> runs;
  for (int i = 0; i < kRefits / 50; ++i) {
    const auto choice = random() % 8;
    if (choice == 0) {
      context.emplace(*engine);
    } else if (choice < 4 && !runs.empty()) {
      const auto run = runs.begin() + static_cast<std::ptrdiff_t>(random() % runs.size());
      if (choice > 1) expect_whole(*run);
      runs.erase(run);
    } else {
      runs.push_back(context->submit({{"x", inputs[random() % inputs.size()]}}));
    }
  }
  context.reset();
  engine.reset();
  for (tenon::Run& run : runs) expect_whole(run);
}

TEST(Stress, runs_in_flight_own_what_they_use) {
  for (unsigned round = 0; round < 5; ++round) {
    std::vector<std::jthread> threads;
    Engine engine = rows_engine();
    for (unsigned t = 1; t <= 4; ++t) {
      threads.emplace_back([engine, seed = 10 * round + t] { run_at_random(engine, seed); });
    }
    for (int version = 2; version < kRefits / 100; ++version) {
      engine.refit(views_of({{"s", full({kSize}, static_cast<float>(version))}}));
    }
  }
}

TEST(Sets, held_set_keeps_its_weights_whatever_follows) {
  Engine engine = product_engine();
  const WeightSet first = engine.current();
  for (int i = 2; i < 30; ++i) {
    const auto scale = static_cast<float>(i % 5 + 2);
    engine.refit(views_of(product_weights(kSize, scale, scale, scale)));
    ASSERT_EQ(run_product(engine, kSize, first), product(1, 1, 1));
  }
}

TEST(Sets, prepared_set_is_run_and_published_when_told) {
  Engine engine = product_engine();
  Refitter refitter(engine);
  const Arrays weights = product_weights(kSize, 5, 1, 1);
  for (const auto& [name, tensor] : weights) refitter.set(name, tensor);
  const WeightSet next = refitter.prepare();
  EXPECT_EQ(next.version(), 2u);
  EXPECT_EQ(engine.version(), 1u);
  EXPECT_EQ(run_product(engine, kSize, next), product(5, 1, 1));
  EXPECT_EQ(run_product(engine, kSize), product(1, 1, 1));
  engine.publish(next);
  EXPECT_EQ(engine.version(), 2u);
  EXPECT_EQ(run_product(engine, kSize), product(5, 1, 1));
}

TEST(Sets, set_of_another_engine_is_refused_even_after_that_engine_is_gone) {
  WeightSet stranger;
  {
    const Engine other = product_engine();
    stranger = other.current();
  }
  Engine engine = product_engine();
  EXPECT_EQ(code_of([&] { engine.publish(stranger); }), ErrorCode::invalid_input);
  EXPECT_EQ(code_of([&] { run_product(engine, kSize, stranger); }), ErrorCode::invalid_input);
  EXPECT_EQ(code_of([&] { engine.publish({}); }), ErrorCode::invalid_input);
}

TEST(Sets, in_place_engine_has_one_set_only) {
  Engine engine = product_engine({.memory = Memory::in_place});
  const WeightSet first = engine.current();
  EXPECT_EQ(code_of([&] { Refitter(engine).prepare(); }), ErrorCode::unsupported);
  engine.refit(views_of(product_weights(kSize, 2, 2, 2)));
  EXPECT_EQ(code_of([&] { engine.publish(first); }), ErrorCode::unsupported);
  EXPECT_EQ(code_of([&] { run_product(engine, kSize, first); }), ErrorCode::invalid_input);
}

TEST(Sets, fewer_than_two_sets_are_refused) {
  EXPECT_EQ(code_of([] { product_engine({.sets = 1}); }), ErrorCode::invalid_input);
}

// A run that stands still inside its first kernel, on the weights that were current at its start.
class StuckRun {
 public:
  StuckRun(const Engine& engine, FailingBackend& backend, int nth = 1)
      : backend_(backend), run_(std::async(std::launch::async, [&backend, engine] {
          backend.hold_this_thread();
          const Tensor x = full({1, kSize}, 1);
          return product_of(Context(engine).run({{"x", x}})["y"]);
        })) {
    backend_.wait_until_held(nth);
  }
  ~StuckRun() { backend_.release(); }
  float finish() {
    backend_.release();
    return run_.get();
  }

 private:
  FailingBackend& backend_;
  std::future<float> run_;
};

// What a refit that must not wait is given, on a machine that has other things to do.
constexpr std::chrono::seconds kPatience{20};

// True when a refit is still waiting after a while; it is cancelled then.
bool refit_waits(const Engine& engine, float a,
                 std::chrono::milliseconds a_while = std::chrono::milliseconds(100)) {
  std::stop_source stop;
  Refitter refitter(engine);
  refitter.set("a", full({kSize, kSize}, a));
  refitter.set_stop_token(stop.get_token());
  auto done = std::async(std::launch::async, [&] { refitter.commit(); });
  const bool waits = done.wait_for(a_while) == std::future_status::timeout;
  stop.request_stop();
  if (!waits) {
    done.get();
    return false;
  }
  EXPECT_EQ(code_of([&] { done.get(); }), ErrorCode::cancelled);
  return true;
}

TEST(Sets, refit_waits_for_the_runs_on_replaced_sets) {
  const auto backend = std::make_shared<FailingBackend>(make_backend(test_device(), 1));
  Engine engine = product_engine({}, backend);
  StuckRun stuck(engine, *backend);
  EXPECT_FALSE(refit_waits(engine, 2, kPatience));
  EXPECT_TRUE(refit_waits(engine, 3));
  EXPECT_EQ(run_product(engine, kSize), product(2, 1, 1)) << "the refit was cancelled";
  EXPECT_EQ(stuck.finish(), product(1, 1, 1));
  EXPECT_FALSE(refit_waits(engine, 4, kPatience));
  EXPECT_EQ(run_product(engine, kSize), product(4, 1, 1));
}

TEST(Sets, third_set_lets_refits_pass_one_slow_run) {
  const auto backend = std::make_shared<FailingBackend>(make_backend(test_device(), 1));
  Engine engine = product_engine({.sets = 3}, backend);
  StuckRun first(engine, *backend, 1);
  for (const float a : {2.0f, 3.0f, 4.0f}) EXPECT_FALSE(refit_waits(engine, a, kPatience));
  StuckRun second(engine, *backend, 2);
  EXPECT_FALSE(refit_waits(engine, 5, kPatience));
  EXPECT_TRUE(refit_waits(engine, 6));
  EXPECT_EQ(first.finish(), product(1, 1, 1));
  EXPECT_EQ(second.finish(), product(4, 1, 1));
  EXPECT_EQ(run_product(engine, kSize), product(5, 1, 1));
}

TEST(Sets, held_set_is_not_waited_for) {
  const auto backend = std::make_shared<FailingBackend>(make_backend(test_device(), 1));
  Engine engine = product_engine({}, backend);
  const WeightSet held = engine.current();
  StuckRun stuck(engine, *backend);
  for (const float a : {2.0f, 3.0f, 4.0f}) EXPECT_FALSE(refit_waits(engine, a, kPatience));
  EXPECT_EQ(stuck.finish(), product(1, 1, 1));
}

TEST(Sets, writer_that_waits_sees_a_set_become_held) {
  Engine engine = product_engine();
  auto in_use = engine.impl()->current();  // as a run, or current() half way, has it
  engine.refit(views_of(product_weights(kSize, 2, 2, 2)));
  auto refit = std::async(std::launch::async,
                          [&] { engine.refit(views_of(product_weights(kSize, 3, 3, 3))); });
  EXPECT_EQ(refit.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  const WeightSet held(in_use);
  EXPECT_EQ(refit.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  in_use.reset();
}

TEST(Sets, buffers_are_back_before_a_writer_is_told_that_a_set_has_gone) {
  const auto ledger = std::make_shared<SetLedger>();
  auto data = std::make_shared<WeightSet::Data>();
  data->ledger = ledger;
  size_t retired = 0;
  char byte = 0;
  data->slots.push_back({kernel::Buffer(&byte, [&](void*) { retired = ledger->retired.size(); })});
  ledger->retired.push_back(data.get());
  data.reset();
  EXPECT_EQ(retired, 1u);
  EXPECT_TRUE(ledger->retired.empty());
}

TEST(Sets, in_place_refit_waits_for_runs) {
  const auto backend = std::make_shared<FailingBackend>(make_backend(test_device(), 1));
  Engine engine = product_engine({.memory = Memory::in_place}, backend);
  StuckRun stuck(engine, *backend);
  auto refit = std::async(std::launch::async,
                          [&] { engine.refit(views_of(product_weights(kSize, 2, 2, 2))); });
  EXPECT_EQ(refit.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  EXPECT_EQ(stuck.finish(), product(1, 1, 1));
  refit.get();
  EXPECT_EQ(run_product(engine, kSize), product(2, 2, 2));
}

TEST(Sets, current_set_that_a_refit_in_place_replaces_is_not_published) {
  const auto backend = std::make_shared<FailingBackend>(make_backend(test_device(), 1));
  Engine engine = product_engine({.memory = Memory::in_place}, backend);
  StuckRun stuck(engine, *backend);
  auto refit = std::async(std::launch::async,
                          [&] { engine.refit(views_of(product_weights(kSize, 2, 2, 2))); });
  EXPECT_EQ(refit.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  auto publish = std::async(std::launch::async, [&] { engine.publish(engine.current()); });
  EXPECT_EQ(publish.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  EXPECT_EQ(stuck.finish(), product(1, 1, 1));
  refit.get();
  EXPECT_EQ(code_of([&] { publish.get(); }), ErrorCode::unsupported);
  EXPECT_EQ(engine.version(), 2u);
}

}  // namespace
}  // namespace tenon::runtime::testing
