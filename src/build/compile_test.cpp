// What build options mean, and how wrong ones are refused.
#include "build/compile.h"

#include <gtest/gtest.h>

#include "ir/text.h"
#include "tenon/context.h"
#include "tenon/refitter.h"

namespace tenon::compiler {
namespace {

using Shapes = std::map<std::string, std::vector<Axis>>;
using Ranges = std::map<std::string, plan::SymbolRange>;

const char* const kScaled = R"(graph (x: f32[n, m, 4], z: f32[n]) {
                                 %1 = pointwise(%x, "w": f32[4]) {mul(a, b)}
                               } -> (y = %1, z2 = %z))";

// Axis::range() belongs to the folder above.
Axis range(int64_t least, int64_t typical, int64_t greatest) {
  Axis axis(least);
  axis.typical = typical;
  axis.greatest = greatest;
  return axis;
}

ir::Network network_of(const std::string& text) {
  ir::Network network;
  network.graph = ir::parse(text);
  for (const ir::ValueId id : network.graph.leaves()) {
    network.leaves.push_back(
        {.name = network.graph.value(id).name, .type = network.graph.type(id)});
  }
  return network;
}

std::string input_type(const ir::Network& network, size_t i) {
  return network.graph.type(network.graph.inputs()[i]).text();
}

ir::Network shaped(const Shapes& shapes, Ranges& ranges) {
  return apply_shapes(network_of(kScaled), shapes, ranges);
}

std::string refusal(const Shapes& shapes) {
  try {
    Ranges ranges;
    shaped(shapes, ranges);
  } catch (const BuildError& error) {
    return error.what();
  }
  return {};
}

TEST(Shapes, fixed_extent_replaces_its_symbol_everywhere) {
  Ranges ranges;
  const ir::Network network = shaped({{"x", {2, "m", 4}}}, ranges);
  EXPECT_EQ(input_type(network, 0), "f32[2, m, 4]");
  EXPECT_EQ(input_type(network, 1), "f32[2]");
  EXPECT_FALSE(ranges.contains("n"));
}

TEST(Shapes, names_of_extents_are_kept_apart_from_what_a_run_finds_out) {
  ir::Network network;
  network.graph = ir::parse(
      "graph (x: f32[n], s: i64[1]) {\n"
      "  %1 = bind(%s) {symbols = [k]}\n"
      "  %2 = reshape(%x) {dims = [k]}\n"
      "} -> (y = %2)");
  Ranges ranges;
  EXPECT_EQ(ir::print(apply_shapes(std::move(network), {{"x", {"k"}}}, ranges).graph),
            "graph (x: f32[k], s: i64[1]) {\n"
            "  %1 = bind(%s) {symbols = [k_2]} : i64[1]\n"
            "  %2 = reshape(%x) {dims = [k_2]} : f32[k_2]\n"
            "} -> (y = %2)\n");
}

TEST(Shapes, range_and_name_keep_the_extent_open) {
  Ranges ranges;
  const ir::Network network = shaped({{"x", {"batch", range(8, 16, 32), 4}}}, ranges);
  EXPECT_EQ(input_type(network, 0), "f32[batch, m, 4]");
  EXPECT_EQ(input_type(network, 1), "f32[batch]");
  EXPECT_EQ(ranges.at("m"), (plan::SymbolRange{8, 16, 32}));
  EXPECT_EQ(ranges.at("batch").typical, 1);
}

TEST(Shapes, axis_0_is_typically_1_and_others_128) {
  Ranges ranges;
  shaped({}, ranges);
  EXPECT_EQ(ranges.at("n").typical, 1);
  EXPECT_EQ(ranges.at("m").typical, 128);
}

TEST(Shapes, what_does_not_fit_is_refused) {
  EXPECT_EQ(refusal({{"q", {1}}}), "shapes: the network has no input \"q\"; it takes: x, z");
  EXPECT_EQ(refusal({{"z", {1, 2}}}), "shapes: input \"z\" has rank 1, 2 extents are given");
  EXPECT_NE(refusal({{"x", {1, 2, 5}}}).find("axis 2 is 4 in the model"), std::string::npos);
  EXPECT_NE(refusal({{"x", {1, 2, 4}}, {"z", {3}}}).find("\"n\" is given as"), std::string::npos);
  EXPECT_NE(refusal({{"z", {range(4, 2, 8)}}}).find("(4, 2, 8)"), std::string::npos);
  EXPECT_NE(refusal({{"z", {-3}}}), "");
}

const float kTwos[] = {2, 2, 2, 2};

Engine build(BuildOptions options, bool with_bytes = true) {
  std::map<std::string, weights::TensorSource> sources;
  if (with_bytes) sources["w"] = weights::copy_of({kTwos, DType::f32, {4}});
  options.tactics = Tactics::first;
  return Engine(compile(network_of(kScaled), sources, options));
}

ErrorCode refused(const BuildOptions& options) {
  try {
    build(options);
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "was built";
  return {};
}

TEST(Compile, wrong_options_are_refused) {
  EXPECT_EQ(refused({.device = "abacus"}), ErrorCode::unavailable);
  EXPECT_EQ(refused({.refit = {"v"}}), ErrorCode::build);
  EXPECT_EQ(refused({.threads = -1}), ErrorCode::invalid_input);
  EXPECT_EQ(refused({.without = {"no such pass"}}), ErrorCode::build);
  EXPECT_EQ(refused({.sets = 1}), ErrorCode::invalid_input);
}

TEST(Compile, is_cancelled_by_its_stop_token) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(refused({.stop = stop.get_token()}), ErrorCode::cancelled);
}

TEST(Compile, tells_its_progress) {
  std::vector<double> fractions;
  build({.progress = [&](std::string_view, double fraction) { fractions.push_back(fraction); }});
  ASSERT_FALSE(fractions.empty());
  for (const double fraction : fractions) EXPECT_TRUE(fraction >= 0 && fraction <= 1) << fraction;
}

TEST(Compile, refit_says_which_weights_are_refittable) {
  EXPECT_EQ(build({}).weights().size(), 1u);
  EXPECT_EQ(build({.refit = {"w"}}).weights().size(), 1u);
  const Engine frozen = build({.refit = {"none"}});
  EXPECT_TRUE(frozen.weights().empty());
  ASSERT_EQ(frozen.constants().size(), 1u);
  EXPECT_EQ(frozen.constants()[0].reason, "refit=\"none\"");
}

TEST(Compile, network_without_bytes_is_not_ready_until_refitted) {
  Engine engine = build({}, false);
  EXPECT_FALSE(engine.ready());
  engine.refit({{"w", {kTwos, DType::f32, {4}}}});
  const float x[] = {1, 2, 3, 4}, z[] = {9};
  const Outputs outputs =
      Context(engine).run({{"x", {x, DType::f32, {1, 1, 4}}}, {"z", {z, DType::f32, {1}}}});
  EXPECT_EQ(outputs["y"].as<float>()[3], 8);
  EXPECT_EQ(outputs["z2"].as<float>()[0], 9);
}

}  // namespace
}  // namespace tenon::compiler
