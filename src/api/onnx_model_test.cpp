// What open_onnx() tells of a model.
#include "tenon/onnx_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "onnx/model_for_test.h"

namespace tenon {
namespace {

const std::filesystem::path mnist = "tests/data/mnist";

TEST(open_onnx, a_model_is_told_as_its_file_has_it) {
  const OnnxModel model = open_onnx(mnist / "lenet.onnx");
  const OnnxGraph& graph = model.graph();
  ASSERT_EQ(graph.nodes.size(), 8u);
  const OnnxNode& conv = graph.nodes[0];
  EXPECT_EQ(conv.op, "Conv");
  EXPECT_EQ(conv.name, "/conv1/Conv");
  EXPECT_EQ(conv.inputs, (std::vector<std::string>{"input", "conv1.weight", "conv1.bias"}));
  EXPECT_EQ(std::get<std::vector<int64_t>>(conv.attributes.at("kernel_shape")),
            (std::vector<int64_t>{5, 5}));
  ASSERT_EQ(graph.inputs.size(), 1u);
  EXPECT_EQ(graph.inputs[0].dtype, DType::f32);
  EXPECT_EQ((*graph.inputs[0].extents)[0].name, "n");
  EXPECT_EQ((*graph.inputs[0].extents)[2].value, 28);
  EXPECT_EQ(graph.outputs[0].name, "output");
  EXPECT_TRUE(model.problems().empty());
  EXPECT_GT(model.opset(), 0);
  EXPECT_EQ(model.opset("nobody's"), 0);
}

TEST(open_onnx, bytes_are_read_when_they_are_asked_for) {
  const OnnxModel model = open_onnx(mnist / "lenet.onnx");
  const OnnxTensor& bias = model.graph().initializers.at(7);
  ASSERT_EQ(bias.shape, Shape{10});
  const Network network = load_onnx(model);
  EXPECT_EQ(network.leaves().size(), model.graph().initializers.size());
  EXPECT_EQ(bias.read().shape(), Shape{10});
  float none[10] = {};
  EXPECT_NE(std::memcmp(bias.read().data(), none, sizeof none), 0);
}

TEST(open_onnx, given_weights_take_the_place_of_the_files) {
  const std::vector<float> mine(10, 3.f);
  OnnxOptions options;
  options.weights->emplace("fc2.bias", TensorView(mine, {10}));
  const OnnxModel model = open_onnx(mnist / "lenet.onnx", options);
  for (const OnnxTensor& each : model.graph().initializers) {
    if (each.name != "fc2.bias") continue;
    EXPECT_EQ(each.read().as<float>()[9], 3.f);
  }
}

TEST(open_onnx, all_that_is_lacking_is_a_list) {
  onnx::TestModel made(17);
  made.input("x", onnx::f32, {2})
      .node({.op_type = "Nope", .inputs = {"x"}, .outputs = {"a"}, .name = "first"})
      .node({.op_type = "Neither", .inputs = {"a"}, .outputs = {"y"}, .name = "second"})
      .output("y");
  const auto bytes = made.bytes();
  const OnnxModel model = open_onnx(std::span(bytes->memory(), bytes->size()));
  const std::vector<Problem> problems = model.problems();
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].op, "Nope");
  EXPECT_EQ(problems[1].index, 1);
  EXPECT_EQ(model.graph().nodes[1].name, "second");
}

TEST(open_onnx, known_operators_are_a_list) {
  const std::vector<std::string> names = onnx_operators();
  EXPECT_TRUE(std::ranges::is_sorted(names));
  for (const char* each : {"Conv", "If", "LSTM"})
    EXPECT_TRUE(std::ranges::binary_search(names, each)) << each;
  EXPECT_FALSE(std::ranges::binary_search(names, std::string("Convolve")));
}

TEST(open_onnx, damage_is_a_build_error) {
  const std::string bytes = "no model at all";
  EXPECT_THROW(open_onnx(std::as_bytes(std::span(bytes))), BuildError);
  EXPECT_THROW(open_onnx("nowhere.onnx"), Error);
}

}  // namespace
}  // namespace tenon
