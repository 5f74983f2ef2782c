// Operands whose elements decide shapes: known while building they cost no node, else they are
// bound.
#include <gtest/gtest.h>

#include "ir/text.h"
#include "ir/verify.h"
#include "onnx/model_for_test.h"
#include "tenon/error.h"

namespace tenon::onnx {
namespace {

ir::Graph loaded(const TestModel& model) {
  ir::Graph graph = model.load().network.graph;
  ir::verify(graph);
  return graph;
}

// The ops of a graph, in order.
std::string ops_of(const ir::Graph& graph) {
  std::string ops;
  for (const ir::Node& node : graph.nodes())
    ops += (ops.empty() ? "" : " ") + std::string(node.op.info().name);
  return ops;
}

std::string type_of(const ir::Graph& graph) { return graph.type(graph.outputs()[0].value).text(); }

// A model of x: f32[n, 4] and the integers that decide, an initializer or an input.
TestModel deciding(const std::string& op, const std::vector<int64_t>& integers, bool known) {
  TestModel model(21);
  model.input("x", f32, {"n", 4});
  if (known) model.initializer("s", longs(integers));
  if (!known) model.input("s", i64, {std::ssize(integers)});
  model.node({.op_type = op, .inputs = {"x", "s"}, .outputs = {"y"}});
  model.output("y", 0);
  return model;
}

TEST(onnx_bind, known_elements_cost_no_node) {
  const auto imported = [](const char* op, const std::vector<int64_t>& integers) {
    const ir::Graph graph = loaded(deciding(op, integers, true));
    return ops_of(graph) + " " + type_of(graph);
  };
  EXPECT_EQ(imported("Reshape", {2, -1}), "reshape f32[2, 2*n]");
  EXPECT_EQ(imported("Expand", {3, 1, 4}), "expand f32[3, n, 4]");
  EXPECT_EQ(imported("Tile", {2, 3}), "tile f32[2*n, 12]");
  EXPECT_EQ(imported("TopK", {3}), "top_k f32[n, 3]");
}

TEST(onnx_bind, elements_of_a_run_become_symbols) {
  const auto imported = [](const char* op, int64_t count) {
    const ir::Graph graph = loaded(deciding(op, std::vector<int64_t>(count), false));
    EXPECT_NE(ops_of(graph).find("bind"), std::string::npos);
    return type_of(graph);
  };
  EXPECT_EQ(imported("Reshape", 3), "f32[reshape, reshape_2, reshape_3]");
  EXPECT_EQ(imported("Expand", 3), "f32[expand, expand_2, expand_3]");
  EXPECT_EQ(imported("Expand", 1), "f32[n, expand]");
  EXPECT_EQ(imported("Tile", 2), "f32[n*tile, 4*tile_2]");
  EXPECT_EQ(imported("TopK", 1), "f32[n, topk]");
}

// Slice's operands in order; those that are empty are inputs.
std::string sliced(const std::vector<std::vector<int64_t>>& operands) {
  TestModel model(21);
  model.input("x", f32, {"n", 4});
  TestNode node{.op_type = "Slice", .inputs = {"x"}, .outputs = {"y"}};
  for (const std::vector<int64_t>& integers : operands) {
    node.inputs.push_back("s" + std::to_string(node.inputs.size()));
    if (integers.empty())
      model.input(node.inputs.back(), i64, {1});
    else
      model.initializer(node.inputs.back(), longs(integers));
  }
  const ir::Graph graph = loaded(model.node(node).output("y", 0));
  return ops_of(graph) + " " + type_of(graph);
}

TEST(onnx_bind, slices_of_symbolic_extents_stay_short) {
  constexpr int64_t end = INT64_MAX;
  EXPECT_EQ(sliced({{0}, {end}}), "slice f32[n, 4]");
  EXPECT_EQ(sliced({{1}, {end}}), "slice f32[max(n - 1, 0), 4]");
  EXPECT_EQ(sliced({{0}, {-1}}), "slice f32[max(n - 1, 0), 4]");
  EXPECT_EQ(sliced({{0}, {3}}), "slice f32[min(n, 3), 4]");
  EXPECT_EQ(sliced({{-1}, {INT64_MIN}, {0}, {-1}}), "slice f32[n, 4]");
  EXPECT_EQ(sliced({{0}, {end}, {0}, {2}}), "slice f32[floor_div(n - 1, 2) + 1, 4]");
  EXPECT_EQ(sliced({{1}, {3}, {1}}), "slice f32[n, 2]");
}

TEST(onnx_bind, a_bound_of_a_slice_that_a_run_knows_is_clamped_there) {
  const std::string formulas = "shape gather pointwise pointwise pointwise pointwise pointwise";
  EXPECT_EQ(sliced({{1}, {}, {1}}), formulas + " bind slice f32[n, slice]");
  EXPECT_EQ(sliced({{}, {4}, {1}}), formulas + " bind pointwise bind slice f32[n, slice]");
}

TEST(onnx_bind, what_is_not_zero_is_counted_first) {
  TestModel model(21);
  model.input("x", f32, {"n", 4});
  model.node({.op_type = "NonZero", .inputs = {"x"}, .outputs = {"y"}}).output("y", i64);
  const ir::Graph graph = loaded(model);
  EXPECT_EQ(ops_of(graph), "cast cast reduce bind non_zero");
  EXPECT_EQ(type_of(graph), "i64[2, nonzero]");
}

TEST(onnx_bind, boxes_that_are_kept_are_cut_to_their_number) {
  TestModel model(21);
  model.input("b", f32, {1, 100, 4}).input("s", f32, {1, 3, 100});
  model.initializer("most", longs({20}));
  model.node({.op_type = "NonMaxSuppression", .inputs = {"b", "s", "most"}, .outputs = {"y"}})
      .output("y", i64);
  const ir::Graph graph = loaded(model);
  EXPECT_EQ(ops_of(graph), "non_max_suppression bind slice");
  EXPECT_EQ(graph.type(graph.nodes()[0].outputs[0]).text(), "i64[60, 3]");
  EXPECT_EQ(type_of(graph), "i64[nonmaxsuppression, 3]");
}

TEST(onnx_bind, the_number_of_extents_is_known_while_building) {
  TestModel model(21);
  model.input("x", f32, {4}).input("s", i64, {"k"});
  model.node({.op_type = "Reshape", .inputs = {"x", "s"}, .outputs = {"y"}, .name = "r"})
      .output("y", 0);
  try {
    model.load();
    FAIL() << "loaded";
  } catch (const BuildError& error) {
    EXPECT_NE(std::string(error.what()).find("operand 1 (\"s\") has k elements"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace tenon::onnx
