// Whole models, leaves, and models that are refused.
#include "onnx/onnx.h"

#include <gtest/gtest.h>

#include "ir/text.h"
#include "ir/verify.h"
#include "onnx/model_for_test.h"
#include "tenon/error.h"

namespace tenon::onnx {
namespace {

const std::filesystem::path mnist = "tests/data/mnist";

const ir::Leaf& leaf(const Model& model, const std::string& name) {
  for (const ir::Leaf& each : model.network.leaves)
    if (each.name == name) return each;
  throw std::out_of_range(name);
}

// "bad_file: <message>" of what loading throws.
std::string refusal(const TestModel& model) {
  try {
    model.load();
  } catch (const BuildError& error) {
    return std::string(to_string(error.code())) + ": " + error.what();
  }
  return "loaded";
}

TestModel model_of(const TestNode& node, int64_t opset = 17) {
  TestModel model(opset);
  model.input("x", f32, {2, 3}).node(node).output("y");
  return model;
}

TestNode relu(const std::string& input, const std::string& output, const std::string& name = "") {
  return {.op_type = "Relu", .inputs = {input}, .outputs = {output}, .name = name};
}

TEST(onnx_models, lenet_reads_as_its_definition) {
  const Model model = load(mnist / "lenet.onnx");
  ir::verify(model.network.graph);
  EXPECT_EQ(ir::print(model.network.graph),
            R"(graph (input: f32[n, 1, 28, 28]) {
  %1 = conv(%input, "conv1.weight": f32[20, 1, 5, 5], "conv1.bias": f32[20]) : f32[n, 20, 24, 24] # "/conv1/Conv"
  %2 = max_pool(%1) {kernel = [2, 2], strides = [2, 2]} : f32[n, 20, 12, 12] # "/MaxPool"
  %3 = conv(%2, "conv2.weight": f32[50, 20, 5, 5], "conv2.bias": f32[50]) : f32[n, 50, 8, 8] # "/conv2/Conv"
  %4 = max_pool(%3) {kernel = [2, 2], strides = [2, 2]} : f32[n, 50, 4, 4] # "/MaxPool_1"
  %5 = reshape(%4) {dims = [n, 800]} : f32[n, 800] # "/Flatten"
  %6 = matmul(%5, "fc1.weight": f32[500, 800], "fc1.bias": f32[500]) {transpose_b = true} : f32[n, 500] # "/fc1/Gemm"
  %7 = pointwise(%6) {relu(a)} : f32[n, 500] # "/Relu"
  %8 = matmul(%7, "fc2.weight": f32[10, 500], "fc2.bias": f32[10]) {transpose_b = true} : f32[n, 10] # "/fc2/Gemm"
} -> (output = %8)
)");
}

TEST(onnx_models, lenet_has_eight_weights_with_their_consumers) {
  const Model model = load(mnist / "lenet.onnx");
  ASSERT_EQ(model.network.leaves.size(), 8u);
  for (const ir::Leaf& each : model.network.leaves) {
    EXPECT_TRUE(each.refittable) << each.name;
    EXPECT_EQ(model.sources.at(each.name).shape, each.type.shape());
  }
  EXPECT_EQ(leaf(model, "fc1.weight").consumers, (std::vector<base::Consumer>{{"Gemm", 1}}));
  EXPECT_EQ(leaf(model, "conv1.bias").consumers, (std::vector<base::Consumer>{{"Conv", 2}}));
}

TEST(onnx_models, mnist_8_reads_as_its_definition) {
  const Model model = load(mnist / "mnist-8-simplified.onnx");
  ir::verify(model.network.graph);
  EXPECT_EQ(ir::print(model.network.graph),
            R"(graph (Input3: f32[1, 1, 28, 28]) {
  %1 = conv(%Input3, "Parameter5": f32[8, 1, 5, 5], "23": f32[8]) {auto_pad = same_upper} : f32[1, 8, 28, 28] # "Convolution28"
  %2 = pointwise(%1) {relu(a)} : f32[1, 8, 28, 28] # "ReLU32"
  %3 = max_pool(%2) {kernel = [2, 2], strides = [2, 2]} : f32[1, 8, 14, 14] # "Pooling66"
  %4 = conv(%3, "Parameter87": f32[16, 8, 5, 5], "24": f32[16]) {auto_pad = same_upper} : f32[1, 16, 14, 14] # "Convolution110"
  %5 = pointwise(%4) {relu(a)} : f32[1, 16, 14, 14] # "ReLU114"
  %6 = max_pool(%5) {kernel = [3, 3], strides = [3, 3]} : f32[1, 16, 4, 4] # "Pooling160"
  %7 = reshape(%6) {dims = [1, 256]} : f32[1, 256] # "Times212_reshape0"
  %8 = matmul(%7, "Parameter193_reshape1": f32[256, 10]) : f32[1, 10]
  %9 = pointwise(%8, "Parameter194": f32[1, 10]) {add(a, b)} : f32[1, 10]
} -> (Plus214_Output_0 = %9)
)");
  const ir::Leaf& shape = leaf(model, "Pooling160_Output_0_reshape0_shape");
  EXPECT_FALSE(shape.refittable);
  EXPECT_EQ(shape.reason,
            "its elements are read while building (Reshape \"Times212_reshape0\", operand 1)");
}

TEST(onnx_leaves, initializers_that_are_inputs_are_leaves) {
  TestModel model(17);
  model.input("x", f32, {2}).input("w", f32, {2}).initializer("w", floats({2}, {1, 2}));
  model.node({.op_type = "Add", .inputs = {"x", "w"}, .outputs = {"y"}}).output("y");
  const Model loaded = model.load();
  EXPECT_EQ(loaded.network.graph.inputs().size(), 1u);
  EXPECT_TRUE(leaf(loaded, "w").refittable);
}

TEST(onnx_leaves, integers_and_constant_nodes_are_frozen_and_unused_ones_are_listed) {
  TestModel model(17);
  model.input("x", f32, {2}).initializer("unused", floats({}, {1})).initializer("i", longs({3}));
  model.node({.op_type = "Constant", .outputs = {"c"}, .attributes = {{"value_float", 1.5f}}});
  model.node({.op_type = "Add", .inputs = {"x", "c"}, .outputs = {"y"}}).output("y");
  const Model loaded = model.load();
  ASSERT_EQ(loaded.network.leaves.size(), 3u);
  EXPECT_TRUE(leaf(loaded, "unused").refittable);
  EXPECT_EQ(leaf(loaded, "i").reason,
            "its dtype is i64, and only floating initializers are weights");
  EXPECT_EQ(leaf(loaded, "c").reason, "it is the output of a Constant node");
  EXPECT_EQ(ir::print(loaded.network.graph),
            "graph (x: f32[2]) {\n"
            "  %1 = pointwise(%x, const \"c\": f32[] = [1.5]) {add(a, b)} : f32[2]\n"
            "} -> (y = %1)\n");
}

TEST(onnx_leaves, identity_of_an_initializer_is_a_weight_of_its_own) {
  TestModel model(17);
  model.input("x", f32, {2}).initializer("a", floats({2}, {1, 2}));
  model.node({.op_type = "Identity", .inputs = {"a"}, .outputs = {"b"}});
  model.node({.op_type = "Identity", .inputs = {"b"}, .outputs = {"c"}});
  model.node({.op_type = "Add", .inputs = {"x", "c"}, .outputs = {"t"}});
  model.node({.op_type = "Mul", .inputs = {"t", "a"}, .outputs = {"u"}});
  model.node({.op_type = "Identity", .inputs = {"u"}, .outputs = {"y"}}).output("y");
  const Model loaded = model.load();
  EXPECT_EQ(ir::print(loaded.network.graph),
            "graph (x: f32[2]) {\n"
            "  %1 = pointwise(%x, \"c\": f32[2]) {add(a, b)} : f32[2]\n"
            "  %2 = pointwise(%1, \"a\": f32[2]) {mul(a, b)} : f32[2]\n"
            "} -> (y = %2)\n");
  EXPECT_EQ(loaded.sources.at("c").offset, loaded.sources.at("a").offset);
  EXPECT_TRUE(leaf(loaded, "b").refittable);
}

TEST(onnx_leaves, floats_that_reach_a_shape_are_frozen) {
  TestModel model(17);
  model.input("x", f32, {2, 3}).initializer("s", floats({1}, {6}));
  model.node({.op_type = "Cast",
              .inputs = {"s"},
              .outputs = {"shape"},
              .attributes = {{"to", int64_t{i64}}}});
  model.node({.op_type = "Reshape", .inputs = {"x", "shape"}, .outputs = {"y"}, .name = "r"})
      .output("y");
  const Model loaded = model.load();
  EXPECT_EQ(leaf(loaded, "s").reason,
            "its elements are read while building (Reshape \"r\", operand 1)");
}

TEST(onnx_leaves, a_weight_whose_shape_is_asked_for_stays_refittable) {
  TestModel model(17);
  model.input("x", f32, {6}).initializer("w", floats({2, 3}, {1, 2, 3, 4, 5, 6}));
  model.node({.op_type = "Shape", .inputs = {"w"}, .outputs = {"s"}});
  model.node({.op_type = "Reshape", .inputs = {"x", "s"}, .outputs = {"t"}});
  model.node({.op_type = "Add", .inputs = {"t", "w"}, .outputs = {"y"}}).output("y");
  const Model loaded = model.load();
  EXPECT_TRUE(leaf(loaded, "w").refittable);
  EXPECT_EQ(loaded.network.graph.type(loaded.network.graph.outputs()[0].value).text(), "f32[2, 3]");
}

TEST(onnx_inputs, open_dims_are_symbols_with_unique_names) {
  TestModel model(17);
  model.input("x", f32, {"batch", "", 3}).input("y", f32, {"batch", "seq len", "x_1"});
  model.node({.op_type = "Relu", .inputs = {"x"}, .outputs = {"z"}}).output("z");
  const Model loaded = model.load();
  const ir::Graph& graph = loaded.network.graph;
  EXPECT_EQ(graph.type(graph.inputs()[0]).text(), "f32[batch, x_1_2, 3]");
  EXPECT_EQ(graph.type(graph.inputs()[1]).text(), "f32[batch, seq_len, x_1]");
}

TEST(onnx_outputs, an_input_or_a_weight_may_be_an_output) {
  TestModel model(17);
  model.input("x", f32, {2}).initializer("w", floats({1}, {1})).output("x").output("w");
  const Model loaded = model.load();
  EXPECT_EQ(loaded.network.graph.outputs().size(), 2u);
}

TEST(onnx_refusals, all_unsupported_things_come_in_one_error) {
  TestModel model(17);
  model.input("x", f32, {2}).input("s", 14, {2});
  model.node({.op_type = "ImageDecoder", .inputs = {"x"}, .outputs = {"n"}, .name = "u1"});
  model.node({.op_type = "Gradient", .inputs = {"n"}, .outputs = {"l"}, .name = "a"});
  model.node({.op_type = "Gradient", .inputs = {"l"}, .outputs = {"m"}, .name = "b"});
  model.node({.op_type = "Gelu", .inputs = {"x"}, .outputs = {"g"}, .domain = "com.microsoft"});
  model.node({.op_type = "Relu",
              .inputs = {"x"},
              .outputs = {"y"},
              .attributes = {{"odd", 1.0f}},
              .name = "r"});
  model.output("y").output("m").output("g");
  EXPECT_EQ(
      refusal(model),
      "unsupported: 3 unsupported ops: ImageDecoder (node \"u1\"), Gradient (nodes \"a\", \"b\"), "
      "com.microsoft.Gelu (node \"g\"); 2 unsupported features: input \"s\" of type COMPLEX64, "
      "Relu \"r\": attribute \"odd\" is unknown (version 17 takes none)");
}

TEST(onnx_refusals, one_unsupported_op) {
  EXPECT_EQ(refusal(model_of(
                {.op_type = "ImageDecoder", .inputs = {"x"}, .outputs = {"y"}, .name = "u1"})),
            "unsupported: 1 unsupported op: ImageDecoder (node \"u1\")");
}

TEST(onnx_refusals, unsupported_ops_come_before_shapes_that_do_not_fit) {
  TestModel model(17);
  model.input("x", f32, {2}).input("z", f32, {3});
  model.node({.op_type = "Add", .inputs = {"x", "z"}, .outputs = {"t"}});
  model.node({.op_type = "ImageDecoder", .inputs = {"x"}, .outputs = {"y"}})
      .output("y")
      .output("t");
  EXPECT_EQ(refusal(model), "unsupported: 1 unsupported op: ImageDecoder (node \"y\")");
}

TEST(onnx_refusals, unknown_rank_and_sparse_initializers) {
  TestModel model(17);
  model.input_of_unknown_rank("x", f32).sparse_initializer("w");
  model.node({.op_type = "Add", .inputs = {"x", "w"}, .outputs = {"y"}}).output("y");
  EXPECT_EQ(refusal(model),
            "unsupported: 2 unsupported features: sparse initializer \"w\", input \"x\" of unknown "
            "rank");
}

TEST(onnx_refusals, opsets_outside_the_known_ones) {
  for (int64_t opset : {0, 29}) {
    const std::string message = refusal(model_of(relu("x", "y"), opset));
    EXPECT_NE(message.find("unsupported: "), std::string::npos) << message;
    EXPECT_NE(message.find("is outside 1 to 28"), std::string::npos) << message;
  }
}

TEST(onnx_refusals, names_that_do_not_fit_together) {
  TestModel missing = model_of(relu("z", "y", "r"));
  EXPECT_EQ(refusal(missing),
            "bad_file: memory: Relu \"r\" reads \"z\", which is no graph input, initializer or "
            "output of a node");
  TestModel unsorted(17);
  unsorted.input("x", f32, {2}).node(relu("t", "y", "late")).node(relu("x", "t")).output("y");
  EXPECT_EQ(refusal(unsorted),
            "bad_file: memory: Relu \"late\" reads \"t\" before it is computed; sort the nodes so "
            "that each follows what it reads");
  TestModel itself(17);
  itself.input("x", f32, {2}).node(relu("y", "y", "loop")).output("y");
  EXPECT_NE(refusal(itself).find("before it is computed"), std::string::npos);
  TestModel twice(17);
  twice.input("x", f32, {2}).node(relu("x", "y")).node(relu("x", "y")).output("y");
  EXPECT_EQ(refusal(twice), "bad_file: memory: \"y\" is defined twice");
  TestModel never(17);
  never.input("x", f32, {2}).output("y");
  EXPECT_EQ(refusal(never), "bad_file: memory: graph output \"y\" is never computed");
}

TEST(onnx_refusals, damaged_bytes) {
  const auto bytes = base::memory_source(std::vector<std::byte>(100, std::byte{0xff}));
  try {
    load(bytes, {});
    FAIL() << "loaded";
  } catch (const BuildError& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_file);
  }
}

TEST(onnx_refusals, an_output_of_another_dtype) {
  TestModel model(17);
  model.input("x", f32, {2}).node(relu("x", "y")).output("y", f64);
  EXPECT_EQ(refusal(model),
            "bad_file: memory: graph output \"y\" is declared DOUBLE and computed as f32");
}

TEST(onnx_refusals, an_input_that_is_not_what_its_initializer_is) {
  const auto declared = [](int type, const std::vector<TestDim>& dims) {
    TestModel model(17);
    model.input("w", type, dims).initializer("w", floats({2, 1}, {1, 2}));
    return model.node(relu("w", "y")).output("y");
  };
  EXPECT_NO_THROW(declared(f32, {2, 1}).load());
  EXPECT_NO_THROW(declared(f32, {"n", -1}).load());
  for (const TestModel& model :
       {declared(f64, {2, 1}), declared(f32, {2}), declared(f32, {"n", 2})}) {
    EXPECT_EQ(refusal(model),
              "bad_file: memory: input \"w\" is not declared as its initializer is, f32[2, 1]");
  }
}

TEST(onnx_refusals, wrong_numbers_of_operands_and_attributes_of_wrong_type) {
  EXPECT_EQ(
      refusal(model_of({.op_type = "Relu", .inputs = {"x", "x"}, .outputs = {"y"}, .name = "r"})),
      "bad_file: Relu \"r\": has 2 operands, takes 1");
  EXPECT_EQ(
      refusal(model_of({.op_type = "Add", .inputs = {"x", ""}, .outputs = {"y"}, .name = "a"})),
      "bad_file: Add \"a\": operand 1 is missing");
  EXPECT_EQ(refusal(model_of({.op_type = "Flatten",
                              .inputs = {"x"},
                              .outputs = {"y"},
                              .attributes = {{"axis", 1.0f}},
                              .name = "f"})),
            "bad_file: Flatten \"f\": attribute \"axis\" is a number, not an integer");
}

TEST(onnx_refusals, infer_names_the_node) {
  TestModel model(17);
  model.input("x", f32, {2}).input("z", f32, {3});
  model.node({.op_type = "Add", .inputs = {"x", "z"}, .outputs = {"y"}, .name = "sum"}).output("y");
  const std::string message = refusal(model);
  EXPECT_EQ(message.rfind("build: pointwise \"sum\": ", 0), 0u) << message;
}

}  // namespace
}  // namespace tenon::onnx
