// Lowering on invented kernels: layouts, packs, slots, outputs, records, timing.
#include "lower/lower.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <set>

#include "base/log.h"
#include "lower/run_for_test.h"

namespace tenon::lower {
namespace {

/// A cache folder of its own for each test, so that timings of one do not serve another.
class lowering : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              fmt::format("tenon_lower_{}_{}", ::getpid(),
                          testing::UnitTest::GetInstance()->current_test_info()->name());
    ::setenv("TENON_CACHE_DIR", folder_.c_str(), 1);
    set_log_sink([this](LogLevel, std::string_view line) { log_.emplace_back(line); });
  }
  void TearDown() override {
    set_log_sink({});
    ::unsetenv("TENON_CACHE_DIR");
    std::filesystem::remove_all(folder_);
  }

  std::filesystem::path folder_;
  std::vector<std::string> log_;
  FakeBackend backend_;
};

std::vector<float> counting(size_t count, float start = -3) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), start);
  return values;
}

std::vector<float> relu(std::vector<float> values) {
  for (float& value : values) value = std::max(value, 0.0F);
  return values;
}

size_t count_nodes(const ir::Graph& graph, std::string_view op) {
  size_t count = 0;
  for (const ir::Node& node : graph.nodes()) count += node.op.info().name == op;
  return count;
}

std::vector<std::string> step_kernels(const Executable& executable) {
  std::vector<std::string> names;
  for (const Step& step : executable.steps) names.emplace_back(step.kernel->name);
  return names;
}

std::vector<std::string> chosen(const Lowered& lowered) {
  std::vector<std::string> names;
  for (const plan::Choice& choice : lowered.record.choices) {
    names.push_back(fmt::format("{}/{}", choice.kernel, choice.tactic));
  }
  return names;
}

const char* const kOneMatMul =
    "graph (x: f32[2, 3]) {\n"
    "  %1 = matmul(%x, @\"w\": f32[3, 5])\n"
    "  %2 = pointwise(%1) {relu(a)}\n"
    "} -> (y = %2)";
const char* const kPlainWeight = "graph () {\n} -> (w = \"w\": f32[3, 5])";

std::vector<float> matmul(const std::vector<float>& a, const std::vector<float>& b, size_t depth,
                          size_t columns) {
  std::vector<float> result(a.size() / depth * columns);
  for (size_t i = 0; i < result.size(); ++i) {
    for (size_t k = 0; k < depth; ++k) {
      result[i] += a[i / columns * depth + k] * b[k * columns + i % columns];
    }
  }
  return result;
}

TEST_F(lowering, packs_a_weight_as_the_chosen_tactic_wants_it) {
  const ir::Program program = program_of(kOneMatMul, kPlainWeight);
  const std::vector<float> x = counting(6), w = counting(15, -7);
  for (const std::string tactic : {"transposed", "rows"}) {
    plan::Record record = lower_first(program, backend_).record;
    record.choices[0].tactic = tactic;
    const Lowered lowered =
        lower(program, backend_, {.tactics = Tactics::recorded, .record = &record});
    ASSERT_EQ(lowered.slots.size(), 1u);
    EXPECT_EQ(lowered.slots[0].type.text(),
              tactic == "transposed" ? "f32[5, 3]" : "f32[3, 5]{AB4b}");
    EXPECT_EQ(lowered.slots[0].leaves, std::vector<std::string>{"w"});
    EXPECT_FALSE(lowered.slots[0].is_source());
    EXPECT_EQ(lowered.kernels_of_slots()[0], std::vector<std::string>{"fake.matmul.packed"});
    EXPECT_EQ(run(lowered, backend_, {{"x", x}}, {{"w", w}}).at("y"), relu(matmul(x, w, 3, 5)));
  }
}

TEST_F(lowering, a_slot_that_is_a_leaf_is_the_source_itself) {
  backend_.missing = {"fake.matmul.packed"};
  const Lowered lowered = lower_first(program_of(kOneMatMul, kPlainWeight), backend_);
  ASSERT_EQ(lowered.slots.size(), 1u);
  EXPECT_TRUE(lowered.slots[0].is_source());
  EXPECT_EQ(lowered.slots[0].leaves, std::vector<std::string>{"w"});
  const std::vector<float> x = counting(6), w = counting(15, -7);
  EXPECT_EQ(run(lowered, backend_, {{"x", x}}, {{"w", w}}).at("y"), relu(matmul(x, w, 3, 5)));
}

TEST_F(lowering, a_reshaped_leaf_is_the_source_itself) {
  backend_.missing = {"fake.matmul.packed"};
  const Lowered lowered = lower_first(
      program_of(kOneMatMul,
                 "graph () {\n  %1 = reshape(\"w\": f32[15]) {dims = [3, 5]}\n} -> (w = %1)"),
      backend_);
  EXPECT_TRUE(lowered.slots.at(0).is_source());
  EXPECT_EQ(lowered.slots[0].type.text(), "f32[3, 5]");
  const std::vector<float> x = counting(6), w = counting(15, -7);
  EXPECT_EQ(run(lowered, backend_, {{"x", x}}, {{"w", w}}).at("y"), relu(matmul(x, w, 3, 5)));
}

TEST_F(lowering, slots_are_computed_from_their_own_leaves_only) {
  const Lowered lowered =
      lower_first(program_of("graph (x: f32[2, 3]) {\n"
                             "  %1 = matmul(%x, @\"p\": f32[3, 5])\n"
                             "  %2 = pointwise(%1, @\"q\": f32[2, 5]) {add(a, b)}\n"
                             "} -> (y = %2)",
                             "graph () {\n"
                             "  %1 = transpose(\"w\": f32[5, 3]) {permutation = [1, 0]}\n"
                             "  %2 = pointwise(\"b\": f32[2, 5], \"c\": f32[2, 5]) {add(a, b)}\n"
                             "} -> (p = %1, q = %2)"),
                  backend_);
  ASSERT_EQ(lowered.slots.size(), 2u);
  EXPECT_EQ(lowered.slots[0].leaves, std::vector<std::string>{"w"});
  EXPECT_EQ(lowered.slots[1].leaves, (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(lowered.slots[0].code->executable.graph.nodes().size(), 2u);
  const std::vector<float> x = counting(6), w = counting(15), b = counting(10, 1), c = counting(10);
  std::vector<float> turned(15);
  for (size_t i = 0; i < 15; ++i) turned[i % 3 * 5 + i / 3] = w[i];
  std::vector<float> want = matmul(x, turned, 3, 5);
  for (size_t i = 0; i < want.size(); ++i) want[i] += b[i] + c[i];
  EXPECT_EQ(run(lowered, backend_, {{"x", x}}, {{"w", w}, {"b", b}, {"c", c}}).at("y"), want);
}

const char* const kTwoReaders =
    "graph (x: f32[2, 3], z: f32[2, 3]) {\n"
    "  %1 = matmul(%x, @\"w\": f32[3, 5])\n"
    "  %2 = matmul(%z, @\"w\")\n"
    "  %3 = pointwise(%1, %2) {add(a, b)}\n"
    "} -> (y = %3)";

TEST_F(lowering, readers_with_equal_packs_share_a_slot_and_others_do_not) {
  const ir::Program program = program_of(kTwoReaders, kPlainWeight);
  const Lowered equal = lower_first(program, backend_);
  EXPECT_EQ(equal.slots.size(), 1u);
  EXPECT_EQ(equal.kernels_of_slots()[0].size(), 2u);

  plan::Record record = equal.record;
  record.choices[1].tactic = "rows";
  const Lowered different =
      lower(program, backend_, {.tactics = Tactics::recorded, .record = &record});
  ASSERT_EQ(different.slots.size(), 2u);
  EXPECT_NE(different.slots[0].name, different.slots[1].name);
  const std::vector<float> x = counting(6), z = counting(6, 2), w = counting(15);
  std::vector<float> want = matmul(x, w, 3, 5);
  const std::vector<float> second = matmul(z, w, 3, 5);
  for (size_t i = 0; i < want.size(); ++i) want[i] += second[i];
  EXPECT_EQ(run(different, backend_, {{"x", x}, {"z", z}}, {{"w", w}}).at("y"), want);
}

TEST_F(lowering, a_layout_wished_for_a_weight_is_made_in_the_weights_graph) {
  const Lowered lowered = lower_first(
      program_of(
          "graph (x: f32[1, 6, 1, 2]) {\n"
          "  %1 = batch_norm(%x, @\"s\": f32[6], @\"b\": f32[6], @\"m\": f32[6], @\"v\": f32[6])\n"
          "} -> (y = %1)",
          "graph () {\n} -> (s = \"s\": f32[6], b = \"b\": f32[6], m = \"m\": f32[6], v = \"v\": "
          "f32[6])"),
      backend_);
  EXPECT_EQ(count_nodes(lowered.main.graph, "reorder"), 0u);
  EXPECT_EQ(lowered.slots.at(0).type.text(), "f32[6]{A4a}");
  const std::vector<float> x = counting(12), s = counting(6, 1), o(6);
  std::vector<float> want = x;
  for (size_t i = 0; i < want.size(); ++i) want[i] *= s[i / 2];
  EXPECT_EQ(run(lowered, backend_, {{"x", x}}, {{"s", s}, {"b", o}, {"m", o}, {"v", o}}).at("y"),
            want);
}

const char* const kBlockedChain =
    "graph (x: f32[1, 6, 2, 2]) {\n"
    "  %1 = cast(%x)\n"
    "  %2 = pointwise(%1) {relu(a)}\n"
    "  %3 = cast(%2)\n"
    "  %4 = pointwise(%2, %3) {add(a, b)}\n"
    "} -> (y = %4)";
const char* const kNoWeights = "graph () {\n} -> ()";

TEST_F(lowering, kernels_that_follow_keep_the_layout_of_their_neighbours) {
  const Lowered lowered = lower_first(program_of(kBlockedChain, kNoWeights), backend_);
  EXPECT_EQ(step_kernels(lowered.main),
            (std::vector<std::string>{"fake.reorder", "fake.cast.blocked", "fake.relu",
                                      "fake.cast.blocked", "fake.add", "fake.reorder"}));
  const std::vector<float> x = counting(24, -10);
  std::vector<float> want = relu(x);
  for (float& value : want) value *= 2;
  EXPECT_EQ(run(lowered, backend_, {{"x", x}}, {}).at("y"), want);
}

TEST_F(lowering, a_value_is_reordered_once_for_all_its_readers) {
  const Lowered lowered = lower_first(program_of("graph (x: f32[1, 6, 2, 2]) {\n"
                                                 "  %1 = cast(%x)\n"
                                                 "  %2 = cast(%x)\n"
                                                 "  %3 = pointwise(%1, %2) {add(a, b)}\n"
                                                 "} -> (y = %3)",
                                                 kNoWeights),
                                      backend_);
  EXPECT_EQ(count_nodes(lowered.main.graph, "reorder"), 2u);  // x, and the output
}

TEST_F(lowering, outputs_never_share_storage) {
  const Lowered lowered =
      lower_first(program_of("graph (x: f32[6]) {\n"
                             "  %1 = pointwise(%x) {relu(a)}\n"
                             "  %2 = reshape(%1) {dims = [2, 3]}\n"
                             "  %3 = reshape(%x) {dims = [3, 2]}\n"
                             "} -> (a = %x, b = %1, c = %1, d = %2, e = %3, f = @\"w\": f32[6])",
                             "graph () {\n} -> (w = \"w\": f32[6])"),
                  backend_);
  const std::vector<float> x = counting(6), w = counting(6, 9);
  const Tensors outputs = run(lowered, backend_, {{"x", x}}, {{"w", w}});
  EXPECT_EQ(outputs.at("a"), x);
  EXPECT_EQ(outputs.at("b"), relu(x));
  EXPECT_EQ(outputs.at("c"), relu(x));
  EXPECT_EQ(outputs.at("d"), relu(x));
  EXPECT_EQ(outputs.at("e"), x);
  EXPECT_EQ(outputs.at("f"), w);
  std::set<ir::ValueId> storage;
  for (const ir::Output& output : lowered.main.graph.outputs()) {
    const ir::ValueId root = lowered.main.storage[static_cast<size_t>(output.value)];
    EXPECT_EQ(root, output.value);
    EXPECT_TRUE(storage.insert(root).second);
  }
}

TEST_F(lowering, a_reshape_costs_no_step) {
  const Lowered lowered = lower_first(program_of("graph (x: f32[1, 6, 2, 2]) {\n"
                                                 "  %1 = cast(%x)\n"
                                                 "  %2 = reshape(%1) {dims = [6, 4]}\n"
                                                 "  %3 = transpose(%2) {permutation = [1, 0]}\n"
                                                 "  %4 = reshape(%3) {dims = [24]}\n"
                                                 "} -> (y = %4)",
                                                 kNoWeights),
                                      backend_);
  EXPECT_EQ(step_kernels(lowered.main),
            (std::vector<std::string>{"fake.reorder", "fake.cast.blocked", "fake.reorder",
                                      "fake.transpose"}));
  EXPECT_EQ(chosen(lowered)[1], "alias/");
  const std::vector<float> x = counting(24);
  std::vector<float> want(24);
  for (size_t i = 0; i < 24; ++i) want[i % 4 * 6 + i / 4] = x[i];
  EXPECT_EQ(run(lowered, backend_, {{"x", x}}, {}).at("y"), want);
}

TEST_F(lowering, a_record_makes_the_same_lowered_program_again) {
  for (const auto& [main, weights] : {std::pair{kOneMatMul, kPlainWeight},
                                      {kTwoReaders, kPlainWeight},
                                      {kBlockedChain, kNoWeights}}) {
    const ir::Program program = program_of(main, weights);
    const Lowered timed = lower(program, backend_, {});
    const Lowered again =
        lower(program, backend_, {.tactics = Tactics::recorded, .record = &timed.record});
    EXPECT_EQ(again.record, timed.record);
    EXPECT_EQ(ir::print(again.main.graph), ir::print(timed.main.graph));
    EXPECT_EQ(step_kernels(again.main), step_kernels(timed.main));
  }
  EXPECT_TRUE(log_.empty());
}

TEST_F(lowering, a_record_that_does_not_fit_gives_the_choices_of_first_and_a_log_line) {
  const ir::Program program = program_of(kOneMatMul, kPlainWeight);
  const plan::Record first = lower_first(program, backend_).record;
  std::vector<plan::Record> records(5, first);
  records[0].choices[0].kernel = "fake.matmul.gone";
  records[1].choices[1].version = 2;
  records[2].choices[0].tactic = "columns";
  records[3].choices.pop_back();
  records[4].choices[0] = {"alias", 1, ""};
  for (const plan::Record& record : records) {
    log_.clear();
    EXPECT_EQ(lower(program, backend_, {.tactics = Tactics::recorded, .record = &record}).record,
              first);
    EXPECT_EQ(log_.size(), 1u);
  }
  EXPECT_EQ(lower(program, backend_, {.tactics = Tactics::recorded}).record, first);
}

TEST_F(lowering, timing_takes_the_fastest_and_the_earlier_one_within_noise) {
  const ir::Program program = program_of(kOneMatMul, kPlainWeight);
  backend_.costs = {{"fake.matmul.packed/transposed", 1e-3},
                    {"fake.matmul.packed/rows", 2e-4},
                    {"fake.matmul.reference", 5e-4}};
  EXPECT_EQ(chosen(lower(program, backend_, {}))[0], "fake.matmul.packed/rows");

  ::setenv("TENON_CACHE_DIR", (folder_ / "other").c_str(), 1);
  backend_.costs = {{"fake.matmul.packed/transposed", 1.02e-3},
                    {"fake.matmul.packed/rows", 1e-3},
                    {"fake.matmul.reference", 5e-3}};
  EXPECT_EQ(chosen(lower(program, backend_, {}))[0], "fake.matmul.packed/transposed");
}

TEST_F(lowering, plain_kernels_win_where_reorders_cost_more_than_blocks_save) {
  const ir::Program program = program_of(kBlockedChain, kNoWeights);
  backend_.costs = {{"fake.cast.blocked", 1e-4}, {"fake.cast.plain", 2e-4}, {"fake.reorder", 1e-3}};
  EXPECT_EQ(count_nodes(lower(program, backend_, {}).main.graph, "reorder"), 0u);

  ::setenv("TENON_CACHE_DIR", (folder_ / "other").c_str(), 1);
  backend_.costs["fake.reorder"] = 1e-5;
  EXPECT_EQ(count_nodes(lower(program, backend_, {}).main.graph, "reorder"), 2u);
}

TEST_F(lowering, timings_are_made_once_and_read_from_the_cache_after) {
  const ir::Program program = program_of(kOneMatMul, kPlainWeight);
  const plan::Record timed = lower(program, backend_, {}).record;
  EXPECT_GT(backend_.submitted, 0);
  FakeBackend later;
  EXPECT_EQ(lower(program, later, {}).record, timed);
  EXPECT_EQ(later.submitted, 0);
  later.set_model("another machine's");
  lower(program, later, {});
  EXPECT_GT(later.submitted, 0);
}

TEST_F(lowering, what_cannot_win_is_not_timed) {
  backend_.costs = {{"fake.matmul.packed/transposed", 1e-4},
                    {"fake.matmul.packed/rows", 1e-3},
                    {"fake.matmul.reference", 1}};
  lower(program_of(kOneMatMul, kPlainWeight), backend_, {});
  EXPECT_EQ(backend_.launches["fake.matmul.packed/transposed"], 1 + 15);  // to warm up, and samples
  EXPECT_EQ(backend_.launches["fake.matmul.packed/rows"], 1 + 1);         // ten times the best
  EXPECT_EQ(backend_.launches["fake.matmul.reference/"], 0);
}

TEST_F(lowering, a_slow_first_guess_is_timed_until_a_better_one_is_known) {
  backend_.costs = {{"fake.matmul.packed/transposed", 1e-3}, {"fake.matmul.packed/rows", 1e-4}};
  EXPECT_EQ(chosen(lower(program_of(kOneMatMul, kPlainWeight), backend_, {}))[0],
            "fake.matmul.packed/rows");
  EXPECT_EQ(backend_.launches["fake.matmul.packed/rows"], 1 + 15);
}

TEST_F(lowering, candidates_are_timed_in_the_same_memory) {
  lower(program_of(kOneMatMul, kPlainWeight), backend_, {});
  // In multiples of 64: x of 24 bytes, w packed in 96 (60 in the other tactic), y of 40, scratch of
  // 100.
  EXPECT_EQ(backend_.most_allocated, 64u + 128 + 64 + 128);
}

TEST_F(lowering, what_is_too_large_to_be_timed_keeps_its_best_guess) {
  backend_.costs = {{"fake.cast.blocked", 1e-4}, {"fake.cast.plain", 2e-4}, {"fake.reorder", 1e-3}};
  const Lowered lowered =
      lower(program_of("graph (x: f32[1, 6, 2, 2], z: f32[1, 1024, 1024, 1024]) {\n"
                       "  %1 = cast(%x)\n"
                       "  %2 = cast(%z)\n"
                       "} -> (y = %1, w = %2)",
                       kNoWeights),
            backend_, {});
  EXPECT_EQ(chosen(lowered), (std::vector<std::string>{"fake.cast.plain/", "fake.cast.blocked/"}));
}

TEST_F(lowering, choosing_the_first_runs_no_kernel_and_writes_no_cache) {
  const ir::Program program = program_of(kOneMatMul, kPlainWeight);
  EXPECT_EQ(chosen(lower_first(program, backend_)),
            (std::vector<std::string>{"fake.matmul.packed/transposed", "fake.relu/"}));
  EXPECT_EQ(backend_.submitted, 0);
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

TEST_F(lowering, a_kernel_must_take_the_whole_range_of_a_symbol) {
  const ir::Program program =
      program_of("graph (x: f32[n, 3]) {\n  %1 = softmax(%x)\n} -> (y = %1)", kNoWeights);
  EXPECT_EQ(chosen(lower_first(program, backend_))[0], "fake.softmax.reference/");
  const Lowered bounded =
      lower(program, backend_, {.tactics = Tactics::first, .ranges = {{"n", {1, 8, 64}}}});
  EXPECT_EQ(chosen(bounded)[0], "fake.softmax.small/");
}

TEST_F(lowering, a_node_that_no_kernel_takes_is_an_error_with_all_reasons) {
  backend_.missing = {"fake.softmax.reference"};
  const ir::Program program = program_of(
      "graph (x: f32[100, 3]) {\n  %1 = softmax(%x) : f32[100, 3] # \"last\"\n} -> (y = %1)",
      kNoWeights);
  try {
    lower_first(program, backend_);
    FAIL() << "no error";
  } catch (const BuildError& error) {
    EXPECT_STREQ(error.what(),
                 "softmax \"last\": no kernel of the fake backend takes it (fake.softmax.small: "
                 "there are more than 64 rows)");
  }
}

std::string build_error(const std::string& main, FakeBackend& backend) {
  try {
    lower_first(program_of(main, "graph () {\n} -> ()"), backend);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::build);
    return error.what();
  }
  return "";
}

TEST_F(lowering, says_of_impossible_extents_whether_they_are_negative_or_too_large) {
  FakeBackend backend;
  const auto relu = [](const std::string& type) {
    return "graph (x: " + type + ") {\n  %1 = pointwise(%x) {relu(a)}\n} -> (y = %1)";
  };
  EXPECT_EQ(build_error(relu("f32[2097152, 2097152, 2097152]"), backend),
            "f32[2097152, 2097152, 2097152] of input \"x\" has more bytes than any memory; give "
            "smaller extents");
  EXPECT_EQ(build_error(relu("f32[n + 1, 2147483647, 2147483647, 2147483647]"), backend),
            "no extents are known that fit: f32[2, 2147483647, 2147483647, 2147483647] of input "
            "\"x\" has more bytes than any memory; give smaller extents; give typical shapes");
  EXPECT_EQ(build_error(relu("f32[n - 5000]"), backend),
            "no extents are known that fit: extent n - 5000 is -4999 here; the inputs are too "
            "small; give typical shapes");
}

TEST_F(lowering, explains_every_node_with_times_refusals_and_refit_bytes) {
  std::vector<Explanation> explanations;
  lower(program_of(kOneMatMul, kPlainWeight), backend_, {.explain = &explanations});
  ASSERT_EQ(explanations.size(), 2u);
  const Explanation& product = explanations[0];
  ASSERT_EQ(product.candidates.size(), 3u);
  EXPECT_EQ(product.candidates[0].tactic, "transposed");
  EXPECT_EQ(product.candidates[0].refit_bytes, 60u);
  EXPECT_EQ(product.candidates[1].refit_bytes, 3u * 8 * 4);
  EXPECT_GT(product.candidates[1].seconds, 0);
  EXPECT_EQ(product.candidates[2].seconds, 0);  // the reference cannot win
  EXPECT_EQ(product.candidates[static_cast<size_t>(product.chosen)].refusal, "");
  EXPECT_EQ(explanations[1].candidates.back().refusal, "it has not two operands");
}

TEST_F(lowering, stops_when_asked_and_tells_its_progress) {
  std::stop_source stop;
  std::vector<double> fractions;
  Options options;
  options.stop = stop.get_token();
  options.progress = [&](std::string_view, double fraction) {
    fractions.push_back(fraction);
    if (fractions.size() == 2) stop.request_stop();
  };
  try {
    lower(program_of(kOneMatMul, kPlainWeight), backend_, options);
    FAIL() << "not stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::cancelled);
  }
  EXPECT_EQ(fractions, (std::vector<double>{0, 0.5}));
}

TEST_F(lowering, runs_a_symbolic_graph_at_several_extents) {
  const Lowered lowered = lower_first(program_of("graph (x: f32[n, 3], z: f32[m, 5]) {\n"
                                                 "  %1 = matmul(%x, @\"w\": f32[3, 5])\n"
                                                 "  %2 = pointwise(%1, %z) {add(a, b)}\n"
                                                 "  %3 = reshape(%2) {dims = [5*n]}\n"
                                                 "  %4 = pointwise(%3) {relu(a)}\n"
                                                 "} -> (y = %4)",
                                                 kPlainWeight),
                                      backend_);
  const std::vector<float> w = counting(15);
  for (const size_t n : {1, 2, 7}) {
    const std::vector<float> x = counting(3 * n), z = counting(5 * n, -40);
    std::vector<float> want = matmul(x, w, 3, 5);
    for (size_t i = 0; i < want.size(); ++i) want[i] += z[i];
    const auto extent = static_cast<int64_t>(n);
    EXPECT_EQ(
        run(lowered, backend_, {{"x", x}, {"z", z}}, {{"w", w}}, {{"n", extent}, {"m", extent}})
            .at("y"),
        relu(want));
  }
}

}  // namespace
}  // namespace tenon::lower
