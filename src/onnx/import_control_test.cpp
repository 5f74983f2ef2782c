// What control flow, sequences and optionals become.
#include <gtest/gtest.h>

#include <algorithm>

#include "ir/text.h"
#include "ir/verify.h"
#include "onnx/model_for_test.h"
#include "tenon/error.h"
#include "weights/onnx_wire.h"

namespace tenon::onnx {
namespace {

std::string text_of(const TestModel& model) {
  const ir::Graph graph = model.load().network.graph;
  ir::verify(graph);
  const std::string text = ir::print(graph);
  EXPECT_EQ(ir::print(ir::parse(text)), text);
  return text;
}

std::string refusal(const TestModel& model) {
  try {
    model.load();
  } catch (const BuildError& error) {
    return error.what();
  }
  return "loaded";
}

TestModel graph() { return TestModel(17); }

TestModel choice(const TestModel& yes, const TestModel& no) {
  TestModel model(17);
  model.input("c", boolean, {}).input("x", f32, {"n", 4});
  model.node(
      {"If", {"c"}, {"y"}, {{"then_branch", yes.graph()}, {"else_branch", no.graph()}}, "if"});
  return model.output("y");
}

TEST(onnx_if, both_branches_read_the_same_operands_and_leaves_by_name) {
  TestModel model = choice(graph().node({"MatMul", {"x", "w"}, {"a"}}).output("a"),
                           graph().node({"Relu", {"x"}, {"b"}}).output("b"));
  model.initializer("w", floats({4, 4}, std::vector<float>(16)));
  EXPECT_EQ(text_of(model),
            "graph (c: bool[], x: f32[n, 4]) {\n"
            "  %1 = if(%c, %x) {then_body = graph (in0: f32[n, 4]) {\n"
            "    %1 = matmul(%in0, \"w\": f32[4, 4]) : f32[n, 4]\n"
            "  } -> (out0 = %1), else_body = graph (in0: f32[n, 4]) {\n"
            "    %1 = pointwise(%in0) {relu(a)} : f32[n, 4]\n"
            "  } -> (out0 = %1), symbols = [\"\", \"\"]} : f32[n, 4] # \"if\"\n"
            "} -> (y = %1)\n");
}

TEST(onnx_if, extents_that_differ_are_symbols_and_ranks_that_differ_unknown) {
  const TestModel concat =
      graph().node({"Concat", {"x", "x"}, {"a"}, {{"axis", int64_t{1}}}}).output("a");
  const std::string widths =
      text_of(choice(concat, graph().node({"Relu", {"x"}, {"b"}}).output("b")));
  EXPECT_NE(widths.find("symbols = [\"\", if]} : f32[n, if]"), std::string::npos) << widths;
  const std::string ranks =
      text_of(choice(concat, graph()
                                 .node({"Flatten", {"x"}, {"f"}})
                                 .node({"ReduceSum", {"f"}, {"b"}, {{"keepdims", int64_t{0}}}})
                                 .output("b")));
  EXPECT_NE(ranks.find(": f32[...] # \"if\""), std::string::npos) << ranks;
}

TEST(onnx_if, computed_numbers_are_known_inside) {
  TestModel whole(17);
  whole.input("c", boolean, {}).input("y0", f32, {6, 4});
  whole.node({"Shape", {"y0"}, {"shape"}});
  whole.node(
      {"If",
       {"c"},
       {"y"},
       {{"then_branch", graph().node({"Reshape", {"y0", "shape"}, {"a"}}).output("a").graph()},
        {"else_branch", graph().node({"Relu", {"y0"}, {"b"}}).output("b").graph()}}});
  EXPECT_NE(text_of(whole.output("y")).find("reshape(%in0) {dims = [6, 4]}"), std::string::npos);
}

TEST(onnx_if, of_a_known_condition_only_the_branch_that_runs_is_read) {
  const auto chosen = [](int64_t rank) {
    TestModel model(17);
    model.input("x", f32, {"n", 4}).initializer("w", floats({4, 4}, std::vector<float>(16)));
    model.node({"Shape", {"x"}, {"shape"}}).node({"Size", {"shape"}, {"rank"}});
    model.node({"MatMul", {"x", "w"}, {"z"}}).output("z");  // the branch reads the same leaf
    model.node({"Constant", {}, {"asked"}, {{"value_int", rank}}});
    model.node({"Equal", {"rank", "asked"}, {"c"}});
    const TestModel flat = graph().node({"MatMul", {"x", "w"}, {"a"}}).output("a");
    const TestModel cube =  // of rank 3 alone
        graph()
            .initializer("unread", floats({4, 4}, std::vector<float>(16)))
            .node({"Transpose", {"x"}, {"b"}, {{"perm", std::vector<int64_t>{0, 2, 1}}}})
            .output("b");
    model.node(
        {"If", {"c"}, {"y"}, {{"then_branch", flat.graph()}, {"else_branch", cube.graph()}}});
    return model.output("y");
  };
  const std::string text = text_of(chosen(2));
  EXPECT_NE(text.find("matmul(%x, \"w\": f32[4, 4]) : f32[n, 4]"), std::string::npos) << text;
  EXPECT_EQ(text.find("if("), std::string::npos) << text;
  const auto leaves = chosen(2).load().network.leaves;
  EXPECT_EQ(std::ranges::count(leaves, "unread", &ir::Leaf::name), 1) << "a refit may give it";
  EXPECT_NE(refusal(chosen(3)).find("transpose"), std::string::npos) << refusal(chosen(3));
}

TEST(onnx_if, an_unsupported_op_of_a_branch_is_told) {
  const std::string message =
      refusal(choice(graph().node({"Nothing", {"x"}, {"a"}, {}, "odd"}).output("a"),
                     graph().node({"Relu", {"x"}, {"b"}}).output("b")));
  EXPECT_EQ(message, "1 unsupported op: Nothing (node \"odd\")");
}

TEST(onnx_if, a_branch_that_reads_what_is_not_there_is_refused) {
  const std::string message = refusal(choice(graph().node({"Relu", {"nobody"}, {"a"}}).output("a"),
                                             graph().node({"Relu", {"x"}, {"b"}}).output("b")));
  EXPECT_NE(message.find("Relu \"a\" reads \"nobody\""), std::string::npos) << message;
}

TEST(onnx_bodies, leaves_inside_have_names_that_are_unique_in_the_model) {
  const auto branch = [](const char* out, const char* own) {
    return graph()
        .initializer("w", floats({4}, {1, 2, 3, 4}))
        .initializer(own, floats({4}, {1, 2, 3, 4}))
        .node({"Mul", {"x", "w"}, {"m"}})
        .node({"Add", {"m", own}, {out}})
        .output(out);
  };
  TestModel model = choice(branch("a", "yes"), branch("b", "no"));
  const Model loaded = model.load();
  std::vector<std::string> names;
  for (const ir::Leaf& leaf : loaded.network.leaves) {
    EXPECT_TRUE(leaf.refittable) << leaf.name;
    ASSERT_EQ(leaf.consumers.size(), 1u) << leaf.name;
    names.push_back(leaf.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"if/else_branch/w", "if/then_branch/w", "no", "yes"}));
  const weights::WeightFile file = weights::wire::read_onnx_weights(model.bytes(), {});
  for (const std::string& name : names) {
    EXPECT_TRUE(file.tensors.contains(name)) << name;
    EXPECT_TRUE(file.consumers.contains(name)) << name;
    EXPECT_TRUE(loaded.sources.contains(name)) << name;
  }
}

TEST(onnx_bodies, what_a_body_reads_while_building_is_frozen) {
  TestModel model = choice(graph().node({"Reshape", {"x", "shape"}, {"a"}}).output("a"),
                           graph()
                               .initializer("inner", longs({4, -1}))
                               .node({"Reshape", {"x", "inner"}, {"b"}})
                               .output("b"));
  model.initializer("shape", longs({4, -1}));
  for (const ir::Leaf& leaf : model.load().network.leaves)
    EXPECT_TRUE(leaf.reason.starts_with("its elements are read while building")) << leaf.name;
}

TEST(onnx_bodies, a_large_floating_constant_node_is_a_weight) {
  const TestModel large =
      graph()
          .node({"Constant", {}, {"k"}, {{"value", floats({4, 80}, std::vector<float>(320))}}})
          .node({"MatMul", {"x", "k"}, {"a"}})
          .output("a");
  TestModel model = choice(large, large);
  const auto leaves = model.load().network.leaves;
  ASSERT_EQ(leaves.size(), 2u);
  EXPECT_EQ(leaves[0].name, "if/else_branch/k");
  EXPECT_TRUE(leaves[0].refittable);
}

// A loop of trip count "m", condition "c" and the carried value "x".
TestModel loop(const TestModel& body, const std::vector<TestTensor>& trips = {}) {
  TestModel model(17);
  if (trips.empty())
    model.input("m", i64, {});
  else
    model.initializer("m", trips[0]);
  model.input("x", f32, {"n", 4});
  model.node({"Loop", {"m", "", "x"}, {"y", "s"}, {{"body", body.graph()}}, "loop"});
  return model.output("y").output("s");
}

TestModel loop_body() {
  TestModel body(17);
  body.input("i", i64, {}).input("go", boolean, {}).input("h", f32, {"n", 4});
  return body.output("go");
}

TEST(onnx_loop, a_value_that_keeps_its_extents_and_one_that_is_scanned) {
  const TestModel body = loop_body().node({"Relu", {"h"}, {"next"}}).output("next").output("h");
  EXPECT_EQ(text_of(loop(body)),
            "graph (m: i64[], x: f32[n, 4]) {\n"
            "  %1, %2 = loop(%m, _, %x) {body = graph (in0: i64[], in1: bool[], in2: f32[n, 4]) {\n"
            "    %1 = pointwise(%in2) {relu(a)} : f32[n, 4]\n"
            "  } -> (out0 = %in1, out1 = %1, out2 = %in2), carried = 1, changing = [\"\", \"\"], "
            "symbols = [\"\", \"\", turns, \"\", \"\"]} : f32[n, 4], f32[turns, n, 4] # \"loop\"\n"
            "} -> (y = %1, s = %2)\n");
}

TEST(onnx_loop, a_constant_trip_count_is_known) {
  const TestModel body = loop_body().node({"Relu", {"h"}, {"next"}}).output("next").output("h");
  const std::string text = text_of(loop(body, {tensor<int64_t>(i64, {}, {3})}));
  EXPECT_NE(text.find("turns = 3"), std::string::npos) << text;
  EXPECT_NE(text.find("f32[3, n, 4]"), std::string::npos) << text;
}

TEST(onnx_loop, extents_that_change_between_turns_are_symbols_inside_and_outside) {
  const TestModel body = loop_body()
                             .node({"Concat", {"h", "x"}, {"next"}, {{"axis", int64_t{0}}}})
                             .output("next")
                             .output("h");
  const std::string text = text_of(loop(body));
  EXPECT_NE(text.find("in2: f32[turn, 4], in3: f32[n, 4]"), std::string::npos) << text;
  EXPECT_NE(text.find("changing = [turn, \"\"], symbols = [loop, \"\", turns, loop_2, \"\"]"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(": f32[loop, 4], f32[turns, loop_2, 4]"), std::string::npos) << text;
}

TEST(onnx_loop, loops_in_loops_see_what_is_around_them) {
  const TestModel inner = loop_body()
                              .node({"Add", {"h", "w"}, {"t"}})
                              .node({"Add", {"t", "outer"}, {"next"}})
                              .output("next");
  TestModel body(17);
  body.input("j", i64, {}).input("stay", boolean, {}).input("outer", f32, {"n", 4});
  body.node({"Loop", {"m", "", "x"}, {"r"}, {{"body", inner.graph()}}, "inner"});
  body.output("stay").output("r");
  TestModel model(17);
  model.input("m", i64, {}).input("x", f32, {"n", 4}).initializer("w", floats({4}, {1, 2, 3, 4}));
  model.node({"Loop", {"m", "", "x"}, {"y"}, {{"body", body.graph()}}, "outer"}).output("y");
  const std::string text = text_of(model);
  EXPECT_NE(text.find("pointwise(%in2, \"w\": f32[4])"), std::string::npos) << text;
  EXPECT_EQ(model.load().network.leaves.size(), 1u);
}

TEST(onnx_loop, another_number_of_inputs_is_refused) {
  TestModel body(17);
  body.input("i", i64, {}).input("go", boolean, {}).output("go");
  EXPECT_NE(refusal(loop(body)).find("has 2 inputs, its node gives 3"), std::string::npos);
}

TEST(onnx_sequence, constructs_takes_inserts_and_joins) {
  TestModel model(17);
  model.input("x", f32, {2, 3}).input("i", i64, {});
  model.node({"SequenceConstruct", {"x", "x"}, {"s"}});
  model.node({"SequenceInsert", {"s", "x", "i"}, {"t"}});
  model.node({"SequenceAt", {"t", "i"}, {"y"}});
  model.node({"SequenceLength", {"t"}, {"l"}});
  model.node(
      {"ConcatFromSequence", {"t"}, {"z"}, {{"axis", int64_t{0}}, {"new_axis", int64_t{1}}}});
  model.output("y").output("l", i64).output("z");
  EXPECT_EQ(text_of(model),
            "graph (x: f32[2, 3], i: i64[]) {\n"
            "  %1 = sequence_construct(%x, %x) : seq(f32[2, 3])\n"
            "  %2 = sequence_insert(%1, %x, %i) : seq(f32[2, 3])\n"
            "  %3 = sequence_at(%2, %i) : f32[2, 3]\n"
            "  %4 = sequence_length(%2) : i64[]\n"
            "  %5 = concat_from_sequence(%2) {new_axis = true, symbols = [joined]} : "
            "f32[joined, 2, 3]\n"
            "} -> (y = %3, l = %4, z = %5)\n");
}

TEST(onnx_sequence, is_no_operand_of_other_ops) {
  TestModel model(17);
  model.input("x", f32, {2}).node({"SequenceConstruct", {"x"}, {"s"}});
  EXPECT_EQ(refusal(TestModel(model).node({"Relu", {"s"}, {"y"}, {}, "r"}).output("y")),
            "pointwise \"r\": takes tensors, and seq(f32[2]) is none");
  EXPECT_EQ(text_of(TestModel(model).output("s", 0)),
            "graph (x: f32[2]) {\n"
            "  %1 = sequence_construct(%x) : seq(f32[2])\n"
            "} -> (s = %1)\n");
}

TEST(onnx_optional, holds_a_tensor) {
  TestModel model(18);
  model.input("x", f32, {2}).node({"Optional", {"x"}, {"o"}});
  model.node({"OptionalHasElement", {"o"}, {"h"}}).node({"OptionalGetElement", {"o"}, {"y"}});
  model.node({"OptionalHasElement", {"x"}, {"g"}}).output("h", boolean).output("y");
  EXPECT_EQ(text_of(model.output("g", boolean)),
            "graph (x: f32[2]) {\n"
            "  %1 = optional(%x) : optional(f32[2])\n"
            "  %2 = optional_has_element(%1) : bool[]\n"
            "  %3 = optional_get_element(%1) : f32[2]\n"
            "} -> (h = %2, y = %3, g = const \"#0\": bool[] = [true])\n");
}

}  // namespace
}  // namespace tenon::onnx
