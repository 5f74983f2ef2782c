// What a refit takes and refuses, what a refitter remembers, and where weights' bytes may come
// from.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include "base/float16.h"
#include "runtime/engine_for_test.h"
#include "weights/safetensors.h"

namespace tenon::runtime::testing {
namespace {

using ::testing::Test;
using Problems = std::vector<std::string>;
using Views = std::map<std::string, TensorView>;

constexpr int64_t kSize = 4;
constexpr float kArea = kSize * kSize;

Engine product_engine(const EngineOptions& options = {}) {
  return engine_of(plan_file_of(product_program(kSize), product_weights(kSize, 1, 1, 1)), options);
}

float run(const Engine& engine) { return run_product(engine, kSize); }

void write_weights(const std::filesystem::path& path, const Arrays& arrays) {
  std::vector<weights::OutTensor> tensors;
  for (const auto& [name, tensor] : arrays) tensors.push_back({name, source_over(tensor)});
  const auto writer = base::atomic_file_writer(path);
  weights::write_safetensors(*writer, tensors, {});
}

void rewrite_in_place(const std::filesystem::path& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-4, std::ios::end);
  file.write("\0\0\0\0", 4);
  file.close();
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(2));
}

std::vector<float> floats_of(const Tensor& tensor) {
  return {tensor.as<float>().begin(), tensor.as<float>().end()};
}

/// y = x * w + k * e: a frozen leaf, a guarded one, and one that is used by nothing.
class Check : public Test {
 protected:
  static constexpr float one[2] = {1, 1}, two[2] = {2, 2}, three[2] = {3, 3};

  Check() {
    ir::Program program = program_of(R"(graph (x: f32[2]) {
                                          %1 = pointwise(%x, @"0": f32[2], @"1": f32[2]) {add(mul(a, b), c)}
                                        } -> (y = %1))",
                                     R"(graph () {
                                          %1 = pointwise(const "frozen": f32[2], "layer.bias": f32[2]) {mul(a, b)}
                                        } -> ("0" = "layer.weight": f32[2], "1" = %1))");
    program.leaves.insert(program.leaves.begin(),
                          {.name = "exponent", .type = {DType::f32, ir::Dims{}}});
    const auto bytes = std::as_bytes(std::span(two, 1));
    program.guards.push_back({"exponent", "power", {bytes.begin(), bytes.end()}});
    for (ir::Leaf& leaf : program.leaves) {
      if (leaf.name == "layer.weight") leaf.consumers = {{"Mul", 1}};
    }
    file = plan_file_of(program, {{"frozen", full({2}, 1)},
                                  {"layer.weight", full({2}, 1)},
                                  {"layer.bias", full({2}, 1)},
                                  {"exponent", full({}, 2)}});
    engine = std::make_unique<Engine>(engine_of(file));
  }

  Problems refused(const Views& weights, const RefitOptions& options = {}) {
    const uint64_t version = engine->version();
    Problems problems = problems_of([&] { engine->refit(weights, options); });
    EXPECT_EQ(engine->version(), version);
    return problems;
  }

  plan::PlanFile file;
  std::unique_ptr<Engine> engine;
  TensorView ones{one, DType::f32, {2}}, twos{two, DType::f32, {2}}, scalar{two, DType::f32, {}};
};

TEST_F(Check, names_the_nearest_weight) {
  EXPECT_EQ(
      refused({{"layer.weigth", ones}}),
      Problems{R"(weights: "layer.weigth" is not in this engine; the nearest is "layer.weight")"});
}

TEST_F(Check, tells_both_shapes) {
  EXPECT_EQ(refused({{"layer.weight", {one, DType::f32, {1, 2}}}}),
            Problems{R"(weights: "layer.weight" has shape [1, 2], the engine's has [2])"});
}

TEST_F(Check, tells_both_dtypes) {
  EXPECT_EQ(refused({{"layer.weight", {one, DType::i32, {2}}}}),
            Problems{R"(weights: "layer.weight" is i32, the engine's is f32; convert it first)"});
}

TEST_F(Check, refuses_views_that_cannot_be_read) {
  const Problems no_data = refused({{"layer.weight", {nullptr, DType::f32, {2}}}});
  ASSERT_EQ(no_data.size(), 1u);
  EXPECT_NE(no_data[0].find("has no data"), std::string::npos);
  EXPECT_EQ(refused({{"layer.weight", {one, DType::f32, {2}, {1, 1}}}}).size(), 1u);
  Refitter refitter(*engine);
  EXPECT_THROW(refitter.set("layer.weight", {nullptr, DType::f32, {2}}), Error);
  EXPECT_THROW(refitter.set("layer.weight", {one, DType::f32, {2}, {1, 1}}), Error);
  EXPECT_THROW(refitter.set("layer.weight", {one, DType::f32, {-2}}), Error);
}

TEST_F(Check, refuses_shapes_beyond_all_memory) {
  const int64_t huge = int64_t{1} << 40;
  EXPECT_EQ(refused({{"layer.weight", {one, DType::f32, {huge}}}}).size(), 1u);
  EXPECT_EQ(refused({{"layer.weight", {one, DType::f32, {huge, huge}}}}).size(), 1u);
  EXPECT_EQ(refused({{"layer.weight", {one, DType::f32, {-1}}}}).size(), 1u);
}

TEST_F(Check, lists_all_problems_at_once) {
  const Problems problems = refused({{"layer.weight", {one, DType::f32, {1}}},
                                     {"layer.bias", {one, DType::u8, {2}}},
                                     {"nothing like it", {three, DType::f32, {2}}},
                                     {"frozen", twos},
                                     {"exponent", {one, DType::f32, {}}}});
  EXPECT_EQ(problems.size(), 5u);
}

TEST_F(Check, frozen_weight_may_come_with_its_own_value) {
  const RefitReport report = engine->refit(Views{{"frozen", ones}, {"layer.weight", twos}});
  EXPECT_EQ(report.changed, std::vector<std::string>{"layer.weight"});
  EXPECT_EQ(report.ignored,
            (std::map<std::string, std::string>{{"frozen", "frozen, and has the same value"}}));
  EXPECT_EQ(
      refused({{"frozen", twos}}),
      Problems{
          R"(weights: "frozen" is frozen: a constant of the model; build with refit=… naming it to change it)"});
}

TEST_F(Check, guarded_weight_must_keep_its_bits) {
  EXPECT_NO_THROW(engine->refit(Views{{"exponent", scalar}}));
  EXPECT_EQ(
      refused({{"exponent", {one, DType::f32, {}}}}),
      Problems{"weights: \"exponent\" has another value than the build used in pass \"power\"; "
               "build with without={\"power\"} to refit it"});
}

TEST_F(Check, integers_and_bools_that_are_unknown_are_ignored_unless_strict) {
  const Views weights = {{"layer.num_batches_tracked", {one, DType::i64, {}}},
                         {"mask", {one, DType::bool_, {2}}}};
  EXPECT_EQ(engine->refit(weights).ignored.size(), 2u);
  EXPECT_EQ(refused(weights, {.strict = true}).size(), 2u);
}

TEST_F(Check, second_name_of_a_known_weight_is_ignored_unless_strict) {
  const Views weights = {{"layer.weight", twos}, {"tied.weight", twos}};
  const RefitReport report = engine->refit(weights);
  EXPECT_EQ(report.changed, std::vector<std::string>{"layer.weight"});
  EXPECT_EQ(report.ignored,
            (std::map<std::string, std::string>{
                {"tied.weight", R"(not in this engine; shares its storage with "layer.weight")"}}));
  EXPECT_EQ(refused(weights, {.strict = true}).size(), 1u);
}

TEST_F(Check, weight_of_another_consumer_is_refused) {
  const Tensor value = full({2}, 3);
  const auto given = [&](const base::Consumer& consumer) {
    return GivenWeights{{"layer.weight",
                         {.kind = Given::Kind::file,
                          .source = std::make_shared<weights::TensorSource>(source_over(value)),
                          .file = "other.onnx",
                          .consumers = {consumer}}}};
  };
  const Problems problems = problems_of([&] {
    engine->impl()->commit(given({"Gemm", 2}), {}, {});
  });
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("feeds Gemm (operand 2) in \"other.onnx\", and Mul (operand 1)"),
            std::string::npos)
      << problems[0];
  EXPECT_NO_THROW(engine->impl()->commit(given({"Mul", 1}), {}, {}));
}

TEST_F(Check, identical_plan_takes_its_own_weights_only) {
  const Folder folder;
  engine->save(folder / "filled.plan", {.identical = true});
  engine->save(folder / "stripped.plan", {.strip = true, .identical = true});
  for (const char* name : {"filled.plan", "stripped.plan"}) {
    engine = std::make_unique<Engine>(Engine::load(folder / name));
    const Problems problems = refused({{"layer.weight", twos}, {"layer.bias", ones}});
    ASSERT_EQ(problems.size(), 1u);
    EXPECT_NE(problems[0].find("\"layer.weight\" differs"), std::string::npos) << problems[0];
    EXPECT_NO_THROW(engine->refit(Views{{"layer.weight", ones}, {"layer.bias", ones}}));
    engine->save(folder / "again.plan", {.strip = true});
    engine = std::make_unique<Engine>(Engine::load(folder / "again.plan"));
    EXPECT_EQ(refused({{"layer.weight", twos}, {"layer.bias", ones}}).size(), 1u) << "for ever";
  }
}

TEST_F(Check, constants_and_weights_stand_in_their_tables) {
  ASSERT_EQ(engine->constants().size(), 1u);
  EXPECT_EQ(engine->constants()[0].name, "frozen");
  const std::vector<WeightInfo> weights = engine->weights();
  ASSERT_EQ(weights.size(), 3u);
  EXPECT_EQ(weights[0].name, "exponent");
  EXPECT_TRUE(weights[0].guarded);
  EXPECT_TRUE(weights[0].slots.empty());
  EXPECT_EQ(weights[1].slots, std::vector<std::string>{"1"});
  EXPECT_EQ(weights[2].kernels.size(), 1u);
  EXPECT_EQ(floats_of(engine->read_weight("exponent")), std::vector<float>{2});
}

TEST_F(Check, weights_without_bytes_are_missing_until_given) {
  file.sources.erase("layer.bias");
  Engine unfinished = engine_of(file);
  EXPECT_FALSE(unfinished.ready());
  EXPECT_EQ(Refitter(unfinished).missing(), std::vector<std::string>{"layer.bias"});
  EXPECT_EQ(problems_of([&] {
              unfinished.refit(Views{{"layer.weight", twos}});
            }),
            Problems{R"(weights: "layer.bias" is missing; give it too)"});
  unfinished.refit(Views{{"layer.bias", twos}});
  EXPECT_TRUE(unfinished.ready());
  EXPECT_EQ(code_of([&] { unfinished.reset(); }), ErrorCode::not_ready);
}

TEST_F(Check, guarded_weight_is_read_from_its_guard_whatever_becomes_of_its_file) {
  const Folder folder;
  const auto path = folder / "w.safetensors";
  write_weights(path, {{"exponent", full({}, 2)}});
  file.sources["exponent"] = weights::open_weights(path).tensors.at("exponent");
  engine = std::make_unique<Engine>(engine_of(file));
  rewrite_in_place(path);
  EXPECT_EQ(floats_of(engine->read_weight("exponent")), std::vector<float>{2});
  EXPECT_NO_THROW(engine->reset());
  EXPECT_NO_THROW(engine->save(folder / "x.plan"));
  EXPECT_NO_THROW(engine->save(folder / "s.plan", {.strip = true}));
}

// All tensors of a safetensors file get other bytes: a plan's digests forgive new times alone.
void overwrite_tensors(const std::filesystem::path& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  uint64_t header = 0;
  file.read(reinterpret_cast<char*>(&header), sizeof header);
  const auto begin = static_cast<std::streamoff>(sizeof header + header);
  const uint64_t size = std::filesystem::file_size(path);
  file.seekp(begin);
  file << std::string(size - static_cast<uint64_t>(begin), '\x11');
}

TEST_F(Check, frozen_weight_of_a_rewritten_plan_is_supplied_again_by_its_digest) {
  const Folder folder;
  for (const Sources sources : {Sources::keep, Sources::drop}) {
    engine_of(file).save(folder / "x.plan");
    engine = std::make_unique<Engine>(
        Engine::load(folder / "x.plan", {.device = test_device(), .sources = sources}));
    overwrite_tensors(folder / "x.plan");
    rewrite_in_place(folder / "x.plan");
    const Problems lost = refused({{"layer.bias", twos}});
    ASSERT_EQ(lost.size(), 1u);
    EXPECT_TRUE(lost[0].starts_with(R"(weights: "frozen" must be supplied again: )")) << lost[0];
    EXPECT_NE(refused({{"layer.bias", twos}, {"frozen", twos}})[0].find("is frozen"),
              std::string::npos);
    engine->refit(Views{{"layer.bias", twos}, {"frozen", ones}});
    EXPECT_NO_THROW(engine->refit(Views{{"layer.bias", ones}}));
  }
}

TEST_F(Check, frozen_weight_without_a_digest_whose_file_is_lost_asks_for_a_build) {
  const Folder folder;
  const auto path = folder / "w.safetensors";
  write_weights(path, {{"frozen", full({2}, 1)}});
  file.sources["frozen"] = weights::open_weights(path).tensors.at("frozen");
  engine = std::make_unique<Engine>(engine_of(file));
  rewrite_in_place(path);
  for (const Views& weights :
       {Views{{"layer.bias", twos}}, Views{{"layer.bias", twos}, {"frozen", ones}}}) {
    const Problems lost = refused(weights);
    ASSERT_EQ(lost.size(), 1u);
    EXPECT_TRUE(
        lost[0].starts_with(R"(weights: "frozen" is frozen, so the model must be built again: )"))
        << lost[0];
  }
}

TEST_F(Check, frozen_weight_that_no_slot_needs_is_known_by_its_digest_after_a_load) {
  const Folder folder;
  file.plan.program.leaves.insert(
      std::ranges::find(file.plan.program.leaves, "layer.bias", &ir::Leaf::name),
      {.name = "idle", .type = {DType::f32, ir::Dims{2}}, .refittable = false, .reason = "read"});
  file.sources["idle"] = source_over(full({2}, 1));
  engine_of(file).save(folder / "0.plan");
  for (const char* next : {"1.plan", "2.plan"}) {
    const std::string last = next == std::string("1.plan") ? "0.plan" : "1.plan";
    engine = std::make_unique<Engine>(Engine::load(folder / last));
    EXPECT_EQ(engine->refit(Views{{"idle", ones}}).ignored.size(), 1u);
    EXPECT_EQ(refused({{"idle", twos}}).size(), 1u);
    engine->save(folder / next);
  }
}

TEST_F(Check, weights_whose_bytes_are_one_place_come_one_by_one_from_a_plan) {
  const Folder folder;
  file.sources["layer.bias"] = file.sources["layer.weight"];
  engine = std::make_unique<Engine>(engine_of(file));
  engine->save(folder / "full.plan");
  engine->save(folder / "stripped.plan", {.strip = true});
  engine->refit(Views{{"layer.bias", twos}, {"layer.weight", twos}});
  engine->refit(folder / "full.plan");
  EXPECT_EQ(floats_of(engine->read_weight("layer.weight")), (std::vector<float>{1, 1}));
  EXPECT_EQ(floats_of(engine->read_weight("layer.bias")), (std::vector<float>{1, 1}));
  Engine stripped = Engine::load(folder / "stripped.plan");
  EXPECT_NO_THROW(stripped.refit(folder / "full.plan"));
  EXPECT_EQ(code_of([&] { engine->refit(folder / "stripped.plan"); }), ErrorCode::plan);
}

TEST_F(Check, all_that_is_wrong_with_one_weight_is_told) {
  EXPECT_EQ(refused({{"layer.weight", {one, DType::i32, {1, 2}}}}),
            (Problems{R"(weights: "layer.weight" has shape [1, 2], the engine's has [2])",
                      R"(weights: "layer.weight" is i32, the engine's is f32; convert it first)"}));
}

TEST_F(Check, consumers_are_compared_in_any_order) {
  auto& leaves = file.plan.program.leaves;
  std::ranges::find(leaves, "layer.weight", &ir::Leaf::name)->consumers = {{"MatMul", 1},
                                                                           {"Add", 1}};
  engine = std::make_unique<Engine>(engine_of(file));
  const auto commit = [&](const std::vector<base::Consumer>& consumers) {
    engine->impl()->commit(
        {{"layer.weight",
          {.kind = Given::Kind::file,
           .source = std::make_shared<weights::TensorSource>(source_over(full({2}, 3))),
           .file = "other.onnx",
           .consumers = consumers}}},
        {}, {});
  };
  EXPECT_NO_THROW(commit({{"Add", 1}, {"MatMul", 1}}));
  const Problems problems = problems_of([&] { commit({{"MatMul", 1}, {"Sub", 1}}); });
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("feeds Sub (operand 1) in \"other.onnx\", and Add (operand 1)"),
            std::string::npos)
      << problems[0];
}

TEST_F(Check, part_of_a_known_weight_is_ignored_too) {
  const Views weights = {{"layer.weight", twos}, {"second", {two + 1, DType::f32, {1}}}};
  EXPECT_EQ(engine->refit(weights).ignored.size(), 1u);
  Refitter refitter(*engine);
  refitter.set("layer.weight", twos);
  refitter.set("second", {two + 1, DType::f32, {1}});
  EXPECT_EQ(refitter.commit().ignored.size(), 1u);
}

TEST_F(Check, other_bytes_at_the_place_of_one_that_was_set_are_no_twin) {
  float reused[2] = {2, 2};
  Refitter refitter(*engine);
  refitter.set("layer.weight", {reused, DType::f32, {2}});
  reused[0] = 3;
  refitter.set("typo", {reused, DType::f32, {2}});
  EXPECT_EQ(problems_of([&] { refitter.commit(); }).size(), 1u);
}

RefitOptions renamed(std::map<std::string, std::string> names) {
  return {.rename = [names = std::move(names)](const std::string& name) {
    const auto found = names.find(name);
    return found == names.end() ? name : found->second;
  }};
}

TEST_F(Check, prefix_and_rename_give_the_engines_names) {
  const Views weights{{"module.layer.weight", twos}, {"b", ones}};
  RefitOptions options = renamed({{"b", "layer.bias"}});
  options.prefix = "module.";
  const RefitReport report = engine->refit(weights, options);
  EXPECT_EQ(report.changed, (Problems{"layer.bias", "layer.weight"}));
  EXPECT_EQ(floats_of(engine->read_weight("layer.weight")), (std::vector<float>{2, 2}));
  EXPECT_EQ(floats_of(engine->read_weight("layer.bias")), (std::vector<float>{1, 1}));
}

TEST_F(Check, only_and_ignore_match_the_engines_names) {
  const Views weights{{"m.layer.weight", twos}, {"m.layer.bias", twos}, {"m.other", twos}};
  const RefitReport report = engine->refit(
      weights, {.strict = true, .prefix = "m.", .only = {"layer.*"}, .ignore = {"*.b?as"}});
  EXPECT_EQ(report.changed, Problems{"layer.weight"});
  EXPECT_EQ(report.kept, Problems{"layer.bias"});
  EXPECT_EQ(report.ignored,
            (std::map<std::string, std::string>{{"m.layer.bias", "ignore names it"},
                                                {"m.other", "only does not name it"}}));
}

TEST_F(Check, two_names_may_not_become_one) {
  EXPECT_EQ(
      refused({{"layer.bias", ones}, {"layer.weight", ones}},
              renamed({{"layer.bias", "layer.weight"}})),
      Problems{
          R"(weights: "layer.bias" and "layer.weight" both become "layer.weight"; rename one of them)"});
}

TEST_F(Check, complete_wants_every_weight_but_guarded_ones) {
  EXPECT_EQ(refused({{"layer.weight", ones}}, {.complete = true}),
            Problems{R"(weights: "layer.bias" is not given (complete))"});
  EXPECT_EQ(
      engine->refit(Views{{"layer.weight", ones}, {"layer.bias", ones}}, {.complete = true}).kept,
      Problems{});
}

TEST_F(Check, a_rule_that_makes_the_names_fit_is_told) {
  const auto last = [&](const Views& weights) { return refused(weights).back(); };
  EXPECT_EQ(
      last({{"module.layer.weight", ones}, {"module.layer.bias", ones}}),
      R"(weights: without "module." before them, all unknown names fit; give prefix="module.")");
  EXPECT_EQ(last({{"weight", ones}}),
            R"(weights: with "layer." before them, all unknown names fit; rename them)");
  EXPECT_EQ(last({{"layer.weight_ema", ones}}),
            R"(weights: without "_ema" behind them, all unknown names fit; rename them)");
  EXPECT_EQ(refused({{"module.layer.weight", ones}, {"stranger", ones}}).size(), 2u);
}

TEST_F(Check, strict_takes_a_frozen_weight_with_its_own_value) {
  EXPECT_EQ(engine->refit(Views{{"frozen", ones}}, {.strict = true}).ignored.size(), 1u);
}

TEST_F(Check, every_pass_that_guards_a_weight_is_named) {
  file.plan.program.guards.push_back({"exponent", "gelu", file.plan.program.guards[0].bytes});
  engine = std::make_unique<Engine>(engine_of(file));
  EXPECT_EQ(refused({{"exponent", {one, DType::f32, {}}}}),
            Problems{"weights: \"exponent\" has another value than the build used in pass "
                     "\"power\", \"gelu\"; build with without={\"power\", \"gelu\"} to refit it"});
}

TEST_F(Check, what_was_read_while_building_cannot_be_named_in_refit) {
  auto& leaves = file.plan.program.leaves;
  std::ranges::find(leaves, "frozen", &ir::Leaf::name)->reason =
      "its elements are read while building (Reshape \"r\", operand 1)";
  engine = std::make_unique<Engine>(engine_of(file));
  EXPECT_EQ(refused({{"frozen", twos}}),
            Problems{"weights: \"frozen\" is frozen: its elements are read while building (Reshape "
                     "\"r\", operand 1); build again from a model with the other value"});
}

TEST(Data, error_names_all_weights_that_may_have_made_it) {
  plan::PlanFile file;
  file.plan.program = program_of(
      R"(graph (x: i32[1]) {
           %1 = pointwise(%x, @"0": i32[1]) {add(a, b)}
         } -> (y = %1))",
      R"(graph () {
           %1 = pointwise("p": i32[1], "q": i32[1]) {div(a, b)}
         } -> ("0" = %1))");
  Engine engine = engine_of(file);
  const int32_t one = 1, zero = 0;
  try {
    engine.refit(Views{{"p", {&one, DType::i32, {1}}}, {"q", {&zero, DType::i32, {1}}}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "weights \"p\", \"q\": pointwise: integer division by zero");
  }
}

TEST(Conversion, overflow_is_told_of_weights_that_were_given_only) {
  plan::PlanFile file;
  file.plan.program = program_of(
      R"(graph (x: f16[1]) {
           %1 = pointwise(%x, @"0": f16[1]) {mul(a, b)}
         } -> (y = %1))",
      R"(graph () {
           %1 = pointwise("v": f16[1], "w": f16[1]) {mul(a, b)}
         } -> ("0" = %1))");
  Engine engine = engine_of(file);
  const float large[] = {1e6f}, small[] = {1};
  Refitter refitter(engine);
  refitter.set("v", {small, DType::f32, {1}});
  refitter.set("w", {large, DType::f32, {1}});
  EXPECT_EQ(refitter.commit().overflowed.size(), 1u);
  refitter.set("v", {small, DType::f32, {1}});
  EXPECT_TRUE(refitter.commit().overflowed.empty());
}

TEST(Conversion, overflow_is_counted_for_each_weight) {
  const ir::Program program =
      program_of(R"(graph (x: f16[3]) {
                                              %1 = pointwise(%x, @"0": f16[3], @"1": f16[3]) {add(mul(a, b), c)}
                                            } -> (y = %1))",
                 R"(graph () { } -> ("0" = "w": f16[3], "1" = "v": f16[3]))");
  plan::PlanFile file;
  file.plan.program = program;
  Engine engine = engine_of(file);
  const float w[] = {1e6f, std::numeric_limits<float>::infinity(), -70000};
  const double v[] = {65504, 65519, 1};  // the greatest f16, the last that rounds to it
  const Views weights = {{"w", {w, DType::f32, {3}}}, {"v", {v, DType::f64, {3}}}};
  EXPECT_EQ(engine.refit(weights).overflowed, (std::map<std::string, int64_t>{{"w", 2}}));
  Refitter refitter(engine);
  refitter.set("w", weights.at("w"));
  EXPECT_EQ(refitter.commit().overflowed, (std::map<std::string, int64_t>{{"w", 2}}));
  EXPECT_EQ(base::half_value(engine.read_weight("v").as<uint16_t>()[1]), 65504);
  EXPECT_EQ(engine.read_weight("w").dtype(), DType::f16);
}

TEST(Remembering, set_is_copied_at_once_and_forgotten_by_a_commit) {
  Engine engine = product_engine();
  Refitter refitter(engine);
  Tensor a = full({kSize, kSize}, 2);
  refitter.set("a", a);
  std::ranges::fill(a.as<float>(), 7);
  EXPECT_EQ(refitter.commit().changed, std::vector<std::string>{"a"});
  EXPECT_EQ(run(engine), 2 * kArea);
  EXPECT_TRUE(refitter.commit().changed.empty());
  EXPECT_EQ(run(engine), 2 * kArea);
}

TEST(Remembering, borrow_is_read_at_every_commit_until_unset) {
  Engine engine = product_engine();
  Refitter refitter(engine);
  Tensor a = full({kSize, kSize}, 2);
  refitter.borrow("a", a);
  refitter.commit();
  EXPECT_EQ(run(engine), 2 * kArea);
  std::ranges::fill(a.as<float>(), 3);
  EXPECT_EQ(run(engine), 2 * kArea) << "the engine reads the caller's memory";
  refitter.commit();
  EXPECT_EQ(run(engine), 3 * kArea);
  refitter.unset("a");
  std::ranges::fill(a.as<float>(), 4);
  EXPECT_TRUE(refitter.commit().changed.empty());
  EXPECT_EQ(run(engine), 3 * kArea);
}

TEST(Remembering, refused_commit_keeps_sets_and_borrows) {
  Engine engine = product_engine();
  Refitter refitter(engine);
  const Tensor b = full({kSize, kSize}, 5), stray = full({1}, 1);
  refitter.set("a", full({kSize, kSize}, 2));
  refitter.borrow("b", b);
  refitter.set("stray", stray);
  EXPECT_EQ(problems_of([&] { refitter.commit(); }).size(), 1u);
  EXPECT_EQ(run(engine), kArea);
  refitter.unset("stray");
  EXPECT_EQ(refitter.commit().changed, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(run(engine), 10 * kArea);
}

TEST(Remembering, later_value_of_a_name_wins) {
  const Folder folder;
  write_weights(folder / "w.safetensors", product_weights(kSize, 3, 3, 3));
  Engine engine = product_engine();
  Refitter refitter(engine);
  refitter.set("a", full({kSize, kSize}, 2));
  refitter.load(folder / "w.safetensors");
  refitter.set("b", full({kSize, kSize}, 5));
  refitter.commit();
  EXPECT_EQ(run(engine), 3 * 5 * 3 * kArea);
}

TEST(Remembering, nothing_refers_to_the_callers_memory_after_a_commit) {
  for (const Memory memory : {Memory::double_, Memory::in_place}) {
    Engine engine = product_engine({.memory = memory});
    Arrays given = product_weights(kSize, 2, 3, 4);
    engine.refit(views_of(given));
    for (auto& [name, tensor] : given) std::ranges::fill(tensor.as<float>(), 99);
    EXPECT_EQ(run(engine), 24 * kArea);
    EXPECT_EQ(floats_of(engine.read_weight("a"))[0], 2);
    EXPECT_EQ(floats_of(engine.read_weight("b"))[0], 3);
    engine.refit(Views{{"s", full({kSize}, 1)}});  // makes the slot again, with b's source
    EXPECT_EQ(run(engine), 6 * kArea);
  }
}

TEST(Remembering, strided_views_and_other_floats_are_read_as_they_are) {
  Engine engine = product_engine();
  std::vector<double> b(kSize * kSize * 2, 99);
  for (size_t i = 0; i < b.size(); i += 2) b[i] = 3;
  engine.refit(Views{{"b", {b.data(), DType::f64, {kSize, kSize}, {2 * kSize, 2}}}});
  EXPECT_EQ(run(engine), 3 * kArea);
  const float one_row[kSize] = {2, 2, 2, 2};
  engine.refit(Views{{"a", {one_row, DType::f32, {kSize, kSize}, {0, 1}}}});
  EXPECT_EQ(run(engine), 6 * kArea);
  EXPECT_EQ(floats_of(engine.read_weight("b")), std::vector<float>(kSize * kSize, 3));
}

TEST(Remembering, reset_goes_back_to_the_first_weights) {
  Engine engine = product_engine();
  engine.refit(views_of(product_weights(kSize, 2, 3, 4)));
  engine.reset();
  EXPECT_EQ(run(engine), kArea);
  EXPECT_EQ(engine.version(), 3u);
}

TEST(Dropped, missing_names_all_that_must_come_together) {
  // Three slots in a chain: a with b, b with c, and d alone.
  const ir::Program program = program_of(
      R"(graph (x: f32[2]) {
           %1 = pointwise(%x, @"0": f32[2], @"1": f32[2], @"2": f32[2]) {add(add(mul(a, b), c), d)}
         } -> (y = %1))",
      R"(graph () {
           %1 = pointwise("a": f32[2], "b": f32[2]) {mul(a, b)}
           %2 = pointwise("b", "c": f32[2]) {mul(a, b)}
           %3 = pointwise("d": f32[2], const "k": f32[2]) {mul(a, b)}
         } -> ("0" = %1, "1" = %2, "2" = %3))");
  Arrays ones;
  for (const char* name : {"a", "b", "c", "d", "k"}) ones.emplace(name, full({2}, 1));
  Engine engine = engine_of(plan_file_of(program, ones), {.sources = Sources::drop});
  const Tensor two = full({2}, 2), x = full({2}, 1);
  Refitter refitter(engine);
  EXPECT_TRUE(refitter.missing().empty());
  refitter.borrow("a", two);
  EXPECT_EQ(refitter.missing(), (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(problems_of([&] { refitter.commit(); }).size(), 2u);
  refitter.borrow("b", two);
  EXPECT_EQ(refitter.missing(), std::vector<std::string>{"c"});
  refitter.borrow("c", two);
  EXPECT_TRUE(refitter.missing().empty());
  refitter.commit();
  EXPECT_EQ(floats_of(Context(engine).run({{"x", x}})["y"])[0], 4 + 4 + 1);
  engine.refit(Views{{"d", two}});
  EXPECT_EQ(floats_of(Context(engine).run({{"x", x}})["y"])[0], 4 + 4 + 2);
}

TEST(Dropped, what_is_forgotten_is_not_read_saved_or_reset) {
  const Folder folder;
  Engine engine = product_engine({.sources = Sources::drop});
  EXPECT_EQ(code_of([&] { engine.read_weight("a"); }), ErrorCode::not_ready);
  EXPECT_EQ(code_of([&] { engine.save(folder / "x.plan"); }), ErrorCode::not_ready);
  EXPECT_EQ(code_of([&] { engine.reset(); }), ErrorCode::not_ready);
  EXPECT_EQ(folder.files(), 0u);
  engine.save(folder / "x.plan", {.strip = true});
  EXPECT_EQ(code_of([&] { engine.save(folder / "y.plan", {.strip = true, .identical = true}); }),
            ErrorCode::plan);
  EXPECT_EQ(folder.files(), 1u);
}

TEST(Dropped, digests_are_known_until_a_refit) {
  const Folder folder;
  product_engine().save(folder / "x.plan");
  Engine engine = Engine::load(folder / "x.plan", {.sources = Sources::drop});
  EXPECT_NO_THROW(engine.save(folder / "y.plan", {.strip = true, .identical = true}));
  engine.refit(views_of(product_weights(kSize, 2, 3, 4)));
  EXPECT_EQ(code_of([&] { engine.save(folder / "y.plan", {.strip = true, .identical = true}); }),
            ErrorCode::plan);
}

TEST(Dropped, digests_of_a_stripped_plan_are_gone_once_it_is_filled) {
  const Folder folder;
  product_engine().save(folder / "s.plan", {.strip = true});
  Engine engine = Engine::load(folder / "s.plan", {.sources = Sources::drop});
  EXPECT_NO_THROW(engine.save(folder / "y.plan", {.strip = true, .identical = true}));
  engine.refit(views_of(product_weights(kSize, 2, 3, 4)));
  EXPECT_EQ(code_of([&] { engine.save(folder / "y.plan", {.strip = true, .identical = true}); }),
            ErrorCode::plan);
}

TEST(Stripped, plan_misses_all_and_is_filled_from_arrays_and_files) {
  const Folder folder;
  product_engine().save(folder / "s.plan", {.strip = true});
  write_weights(folder / "w.safetensors", product_weights(kSize, 2, 3, 4));
  for (int round = 0; round < 3; ++round) {
    Engine engine = Engine::load(folder / "s.plan");
    EXPECT_FALSE(engine.ready());
    EXPECT_EQ(engine.version(), 0u);
    EXPECT_FALSE(engine.current());
    EXPECT_EQ(Refitter(engine).missing(), (std::vector<std::string>{"a", "b", "s"}));
    EXPECT_THROW(run(engine), NotReadyError);
    EXPECT_EQ(code_of([&] { engine.read_weight("a"); }), ErrorCode::not_ready);
    EXPECT_EQ(code_of([&] { engine.reset(); }), ErrorCode::not_ready);
    EXPECT_EQ(problems_of([&] { engine.refit(Views{{"a", full({kSize, kSize}, 2)}}); }).size(), 2u);
    if (round == 0) {
      engine.refit(views_of(product_weights(kSize, 2, 3, 4)));
    } else {
      engine.refit(folder / "w.safetensors");
    }
    EXPECT_EQ(run(engine), 24 * kArea);
    engine.save(folder / "s.plan", {.strip = true});
  }
}

TEST(Files, rewritten_in_place_is_refused_naming_the_weights) {
  const Folder folder;
  const auto path = folder / "w.safetensors";
  write_weights(path, product_weights(kSize, 2, 3, 4));
  Engine engine = product_engine();
  engine.refit(path);
  rewrite_in_place(path);
  EXPECT_EQ(run(engine), 24 * kArea) << "the packed weights need no file";
  // s shares a slot with b, whose bytes are in the file; "stray" is in the same report.
  const Problems problems = problems_of([&] {
    engine.refit(Views{{"s", full({kSize}, 1)}, {"stray", full({1}, 1)}});
  });
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_NE(problems[1].find("\"b\" must be supplied again"), std::string::npos) << problems[1];
  EXPECT_NE(problems[1].find("was rewritten in place"), std::string::npos) << problems[1];
  EXPECT_THROW(engine.read_weight("a"), Error);
  for (const bool strip : {false, true}) {
    const Problems lost = problems_of([&] { engine.save(folder / "x.plan", {.strip = strip}); });
    ASSERT_EQ(lost.size(), 3u);
    EXPECT_NE(lost[2].find("\"s\" must be supplied again"), std::string::npos) << lost[2];
  }
  EXPECT_EQ(folder.files(), 1u);
  EXPECT_EQ(run(engine), 24 * kArea);
  engine.refit(Views{{"s", full({kSize}, 1)}, {"b", full({kSize, kSize}, 1)}});
  EXPECT_EQ(run(engine), 2 * kArea);
  engine.reset();
  EXPECT_EQ(run(engine), kArea);
}

TEST(Files, replaced_by_rename_or_removed_reads_on) {
  const Folder folder;
  const auto path = folder / "w.safetensors";
  write_weights(path, product_weights(kSize, 2, 3, 4));
  Engine engine = product_engine();
  engine.refit(path);
  write_weights(path, product_weights(kSize, 9, 9, 9));  // beside it, then renamed over it
  engine.refit(Views{{"s", full({kSize}, 1)}});
  EXPECT_EQ(run(engine), 6 * kArea);
  std::filesystem::remove(path);
  EXPECT_EQ(floats_of(engine.read_weight("b"))[0], 3);
  engine.refit(Views{{"s", full({kSize}, 2)}});
  EXPECT_EQ(run(engine), 12 * kArea);
  engine.save(path);
  EXPECT_EQ(run(Engine::load(path)), 12 * kArea);
}

TEST(Files, plan_may_be_saved_over_the_file_it_came_from) {
  const Folder folder;
  const auto path = folder / "x.plan";
  product_engine().save(path);
  Engine engine = Engine::load(path);
  for (const float scale : {2.0f, 3.0f}) {
    engine.refit(Views{{"a", full({kSize, kSize}, scale)}});
    engine.save(path);
    EXPECT_EQ(run(Engine::load(path)), scale * kArea);
  }
  engine.refit(path);  // a plan is a file of weights, too
  EXPECT_EQ(run(engine), 3 * kArea);
}

TEST(Cancelled, prepare_and_commit_leave_all_as_it_was) {
  for (const Memory memory : {Memory::double_, Memory::in_place}) {
    Engine engine = product_engine({.memory = memory});
    Refitter refitter(engine);
    std::stop_source stop;
    refitter.set("a", full({kSize, kSize}, 2));
    refitter.set_stop_token(stop.get_token());
    stop.request_stop();
    EXPECT_EQ(code_of([&] { refitter.commit(); }), ErrorCode::cancelled);
    if (memory == Memory::double_) {
      EXPECT_EQ(code_of([&] { refitter.prepare(); }), ErrorCode::cancelled);
    }
    EXPECT_EQ(engine.version(), 1u);
    EXPECT_EQ(run(engine), kArea);
    refitter.set_stop_token({});
    refitter.commit();
    EXPECT_EQ(run(engine), 2 * kArea);
  }
}

TEST(Progress, of_saving_and_loading_goes_from_0_to_1_in_each_stage) {
  const Folder folder;
  const auto path = folder / "x.plan";
  std::map<std::string, std::vector<double>> told;
  const Progress note = [&](std::string_view stage, double fraction) {
    told[std::string(stage)].push_back(fraction);
  };
  product_engine({}).save(path, {.progress = note});
  Engine::load(path, {.progress = note});
  for (const char* stage : {"computing digests", "writing", "checking digests", "refitting"})
    ASSERT_FALSE(told[stage].empty()) << stage;
  for (const auto& [stage, fractions] : told) {
    EXPECT_EQ(fractions.front(), 0) << stage;
    EXPECT_LE(fractions.back(), 1) << stage;
    EXPECT_TRUE(std::ranges::is_sorted(fractions)) << stage;
  }
  EXPECT_EQ(told["writing"].back(), 1);
}

TEST(Progress, tells_what_part_is_done_and_may_end_the_refit) {
  for (const Memory memory : {Memory::double_, Memory::in_place}) {
    Engine engine = product_engine({.memory = memory});
    Refitter refitter(engine);
    std::vector<double> told;
    refitter.set("a", full({kSize, kSize}, 2));
    refitter.set_progress([&](std::string_view, double fraction) { told.push_back(fraction); });
    refitter.commit();
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told.front(), 0);
    EXPECT_LE(told.back(), 1);
    EXPECT_TRUE(std::ranges::is_sorted(told));

    refitter.set("a", full({kSize, kSize}, 3));
    refitter.set_progress([](std::string_view, double) { throw std::runtime_error("enough"); });
    EXPECT_THROW(refitter.commit(), std::runtime_error);
    EXPECT_EQ(engine.version(), 2u);
    EXPECT_EQ(run(engine), 2 * kArea);
    refitter.set_progress({});
    refitter.commit();
    EXPECT_EQ(run(engine), 3 * kArea);
  }
}

TEST(Progress, callback_that_comes_back_to_its_engine_is_refused_by_name) {
  for (const Memory memory : {Memory::double_, Memory::in_place}) {
    Engine engine = product_engine({.memory = memory});
    Refitter refitter(engine);
    const auto refusal_of = [&](const std::function<void()>& call) {
      refitter.set("a", full({kSize, kSize}, 2));
      refitter.set_progress([&](std::string_view, double) { call(); });
      try {
        refitter.commit();
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_input);
        return std::string(error.what());
      }
      return std::string();
    };
    const std::string rest =
        " was called from a progress callback of a refit of the same engine, which would wait for "
        "itself; call it when the refit has ended";
    EXPECT_EQ(refusal_of([&] { run(engine); }), memory == Memory::in_place ? "run" + rest : "");
    EXPECT_EQ(refusal_of([&] { engine.reset(); }), "refit, publish, reset or save" + rest);
    refitter.set_progress({});
    refitter.commit();
    EXPECT_EQ(run(engine), 2 * kArea);
  }
}

TEST(Sizes, weights_without_elements_are_refitted_too) {
  const ir::Program program = program_of(
      R"(graph (x: f32[2]) {
           %1 = pointwise(%x, @"0": f32[2]) {mul(a, b)}
         } -> (y = %1, empty = @"1": f32[0, 3], made = @"2": f32[3, 0]))",
      R"(graph () {
           %1 = transpose("e": f32[0, 3]) {permutation = [1, 0]}
         } -> ("0" = "w": f32[2], "1" = "e", "2" = %1))");
  const Folder folder;
  const Arrays weights = {{"w", full({2}, 2)}, {"e", full({0, 3}, 0)}};
  for (const Memory memory : {Memory::double_, Memory::in_place}) {
    Engine engine = engine_of(plan_file_of(program, weights), {.memory = memory});
    engine.refit(views_of(weights));
    engine.refit(Views{{"e", {nullptr, DType::f32, {0, 3}}}});
    write_weights(folder / "w.safetensors", weights);
    engine.refit(folder / "w.safetensors");
    engine.save(folder / "x.plan");
    const Outputs outputs = Context(Engine::load(folder / "x.plan")).run({{"x", full({2}, 3)}});
    EXPECT_EQ(floats_of(outputs["y"]), (std::vector<float>{6, 6}));
    EXPECT_EQ(outputs["made"].shape(), (Shape{3, 0}));
    EXPECT_EQ(engine.read_weight("e").shape(), (Shape{0, 3}));
  }
}

}  // namespace
}  // namespace tenon::runtime::testing
