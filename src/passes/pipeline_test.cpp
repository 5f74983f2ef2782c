// Tests of how the list of passes is run, and of the door to weights' values.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/log.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "passes/pass.h"
#include "tenon/error.h"

namespace tenon::passes {
namespace {

constexpr std::string_view text = R"(
graph (x: f32[n, 3, 8, 8]) {
  %1 = conv(%x, "w": f32[4, 3, 3, 3]) : f32[n, 4, 6, 6]
  %2 = pointwise(%1, "b": f32[4, 1, 1]) {add(a, b)} : f32[n, 4, 6, 6]
  %3 = batch_norm(%2, "g": f32[4], "h": f32[4], "m": f32[4], "v": f32[4]) : f32[n, 4, 6, 6]
  %4 = pointwise(%3, const "lo": f32[] = [0], const "hi": f32[] = [6]) {min(max(a, b), c)} : f32[n, 4, 6, 6]
  %5 = pointwise(%4, "e": f32[]) {pow(a, b)} : f32[n, 4, 6, 6]
  %6 = reshape(%5) {dims = [n, 144]} : f32[n, 144]
  %7 = transpose("f": f32[10, 144]) {permutation = [1, 0]} : f32[144, 10]
  %8 = matmul(%6, %7) : f32[n, 10]
} -> (y = %8)
)";

ir::Network network() {
  ir::Network result{ir::parse(text), {}};
  for (const ir::ValueId id : result.graph.leaves()) {
    const ir::GraphValue& leaf = result.graph.value(id);
    const bool weight = leaf.origin == ir::Origin::weight;
    result.leaves.push_back({leaf.name, leaf.value.type, weight, weight ? "" : "a constant", {}});
  }
  return result;
}

std::vector<std::byte> bytes_of(float value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  return {bytes.begin(), bytes.end()};
}

std::optional<std::vector<std::byte>> exponent_two(const std::string& name) {
  return name == "e" ? std::optional(bytes_of(2)) : std::nullopt;
}

TEST(compile, an_unknown_pass_is_refused_with_those_that_there_are) {
  try {
    compile(network(), {.without = {"hoist"}});
    FAIL();
  } catch (const BuildError& error) {
    EXPECT_EQ(
        std::string(error.what()),
        "without: \"hoist\" is no pass; the passes are resolve, shapes, common, transpose_matmul, "
        "power, gelu, literal, bias, batch_norm, pointwise, layer_norm, sink_reshape, "
        "epilogue, attention");
  }
}

TEST(compile, with_each_pass_left_out_the_program_is_legal_and_answers_the_same_type) {
  for (const Pass& pass : passes()) {
    std::vector<std::string> seen;
    const ir::Program program =
        compile(network(), {.without = {std::string(pass.name)},
                            .read_weight = exponent_two,
                            .observe = [&](std::string_view name, const ir::Graph&, double) {
                              seen.emplace_back(name);
                            }});
    EXPECT_EQ(std::ranges::count(seen, pass.name), 0);
    EXPECT_EQ(seen.size(), passes().size()) << "the others and hoist";
    EXPECT_EQ(program.main.type(program.main.outputs()[0].value).text(), "f32[n, 10]");
    EXPECT_EQ(program.guards.empty(), pass.name == "power");
  }
}

TEST(compile, leaving_out_a_pass_leaves_its_pattern) {
  const auto has = [](const ir::Graph& graph, std::string_view word) {
    return ir::print(graph).find(word) != std::string::npos;
  };
  const Options all{.read_weight = exponent_two};
  EXPECT_FALSE(has(compile(network(), all).main, "batch_norm"));
  EXPECT_TRUE(has(compile(network(), {.without = {"batch_norm"}}).main, "batch_norm"));
  EXPECT_TRUE(has(compile(network(), all).main, "epilogue"));
  EXPECT_FALSE(has(compile(network(), {.without = {"epilogue"}}).main, "epilogue"));
  EXPECT_TRUE(has(compile(network(), all).main, "transpose_b"));
  EXPECT_FALSE(has(compile(network(), {.without = {"transpose_matmul"}}).main, "transpose_b"));
}

TEST(compile, passes_are_observed_in_order_and_hoist_is_last) {
  std::vector<std::string> seen;
  std::vector<double> fractions;
  compile(network(), {.observe =
                          [&](std::string_view name, const ir::Graph& graph, double seconds) {
                            ir::verify(graph);
                            EXPECT_GE(seconds, 0);
                            seen.emplace_back(name);
                          },
                      .step = [&](double fraction) { fractions.push_back(fraction); }});
  std::vector<std::string> expected;
  for (const Pass& pass : passes()) expected.emplace_back(pass.name);
  expected.emplace_back("hoist");
  EXPECT_EQ(seen, expected);
  ASSERT_EQ(fractions.size(), expected.size());
  EXPECT_EQ(fractions.front(), 0);
  EXPECT_LT(fractions.back(), 1);
  EXPECT_TRUE(std::ranges::is_sorted(fractions));
}

TEST(compile, a_step_that_throws_cancels) {
  const auto cancel = [](double fraction) {
    if (fraction > 0.3) throw Error(ErrorCode::cancelled, "stop");
  };
  EXPECT_THROW(compile(network(), {.step = cancel}), Error);
}

TEST(compile, a_guard_holds_the_weight_its_pass_and_its_bytes) {
  const ir::Program program = compile(network(), {.read_weight = exponent_two});
  ASSERT_EQ(program.guards.size(), 1u);
  EXPECT_EQ(program.guards[0].weight, "e");
  EXPECT_EQ(program.guards[0].pass, "power");
  EXPECT_EQ(program.guards[0].bytes, bytes_of(2));
}

TEST(compile, what_a_shut_door_cost_is_logged) {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  compile(network(), {});
  set_log_sink({});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("\"e\""), std::string::npos) << lines[0];
}

TEST(door, reads_each_weight_once_and_remembers_who_had_no_bytes) {
  int reads = 0;
  Door door([&](const std::string& name) -> std::optional<std::vector<std::byte>> {
    ++reads;
    if (name == "none") return std::nullopt;
    return std::vector<std::byte>(name == "large" ? 1025 : 1024);
  });
  EXPECT_EQ(door.peek("small")->size(), 1024u);
  EXPECT_EQ(door.peek("small")->size(), 1024u);
  EXPECT_EQ(door.peek("large"), nullptr);
  EXPECT_EQ(door.peek("none"), nullptr);
  EXPECT_EQ(door.peek("none"), nullptr);
  EXPECT_EQ(reads, 3);
  EXPECT_EQ(door.shut(), std::set<std::string>{"none"});
}

TEST(door, looking_makes_no_guard_and_guarding_makes_one_for_each_pass) {
  Door door([](const std::string&) { return std::optional(bytes_of(1)); });
  door.peek("looked_at");
  door.guard("used", "power");
  door.guard("used", "power");
  door.guard("used", "gelu");
  const std::vector<ir::Guard> guards = door.take_guards();
  ASSERT_EQ(guards.size(), 2u);
  EXPECT_EQ(guards[0].weight, "used");
  EXPECT_EQ(guards[0].pass, "gelu");
  EXPECT_EQ(guards[1].pass, "power");
}

TEST(door, without_a_reader_it_is_shut) {
  Door door;
  EXPECT_EQ(door.peek("w"), nullptr);
  EXPECT_THROW(door.guard("w", "power"), BuildError);
}

}  // namespace
}  // namespace tenon::passes
