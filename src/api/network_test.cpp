// Networks built by hand: what they compute, and how wrong ones are refused.
#include "tenon/network.h"

#include <gtest/gtest.h>

#include "tenon/build.h"
#include "tenon/context.h"
#include "tenon/onnx.h"

namespace tenon {
namespace {

template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const BuildError& error) {
    return error.what();
  }
  ADD_FAILURE() << "was accepted";
  return {};
}

Tensor full(const Shape& shape, float value) {
  Tensor tensor(DType::f32, shape);
  for (float& element : tensor.as<float>()) element = value;
  return tensor;
}

// Every output is a closed formula of the constants: sums over windows of equal elements.
TEST(Network, computes_what_it_says) {
  Network network;
  const auto x = network.input("x", DType::f32, {"n", 2, 6, 6});
  const auto w = network.weight("w", full({3, 2, 3, 3}, 0.5f));
  const auto b = network.weight("b", full({3}, -10));
  auto y = network.relu(network.conv(x, w, b, {.strides = {1, 1}}));
  y = network.max_pool(y, {2, 2}, {.strides = {2, 2}});
  y = network.reshape(y, {0, -1});
  y = network.matmul(y, network.weight("m", full({5, 12}, 2)), network.constant("c", full({5}, 1)),
                     true);
  network.output("y", y);
  const Engine engine = build(network, {.tactics = Tactics::first});
  const Tensor input = full({3, 2, 6, 6}, 2);
  const Outputs outputs = Context(engine).run({{"x", input}});
  EXPECT_EQ(outputs["y"].shape(), (Shape{3, 5}));
  // conv: 18 products of 0.5 and 2, less 10: 8. matmul: 12 products of 8 and 2, and 1.
  for (const float value : outputs["y"].as<float>()) EXPECT_EQ(value, 193);
  EXPECT_EQ(engine.weights().size(), 3u);
  EXPECT_EQ(engine.constants().at(0).name, "c");
}

TEST(Network, weight_without_a_value_waits_for_a_refit) {
  Network network;
  const auto x = network.input("x", DType::f32, {2});
  network.output(
      "y", network.matmul(network.reshape(x, {1, 2}), network.weight("w", DType::f32, {2, 1})));
  Engine engine = build(network, {.tactics = Tactics::first});
  EXPECT_FALSE(engine.ready());
  const float w[] = {3, 4}, in[] = {1, 10};
  engine.refit({{"w", {w, DType::f32, {2, 1}}}});
  const TensorView view(in, DType::f32, {2});
  EXPECT_EQ(Context(engine).run({{"x", view}})["y"].as<float>()[0], 43);
}

TEST(Network, values_are_copied_at_once) {
  Network network;
  Tensor w = full({1, 1}, 2);
  const auto x = network.input("x", DType::f32, {1, 1});
  network.output("y", network.matmul(x, network.weight("w", w)));
  w.as<float>()[0] = 99;
  const Engine engine = build(network, {.tactics = Tactics::first});
  EXPECT_EQ(Context(engine).run({{"x", full({1, 1}, 3)}})["y"].as<float>()[0], 6);
}

TEST(Network, wrong_nodes_are_refused) {
  Network network;
  const auto x = network.input("x", DType::f32, {2, 3});
  const auto w = network.weight("w", DType::f32, {4, 5});
  EXPECT_EQ(refusal([&] { network.weight("w", DType::f32, {1}); }),
            "network: the weight's name \"w\" is taken");
  EXPECT_EQ(refusal([&] { network.weight("", DType::f32, {1}); }),
            "network: the weight's name \"\" is empty");
  EXPECT_NE(refusal([&] { network.matmul(x, w); }).find("matmul"), std::string::npos);
  EXPECT_NE(refusal([&] { network.reshape(x, {-1, -1}); }).find("only one"), std::string::npos);
  EXPECT_NE(refusal([&] { network.reshape(x, {4, 2}); }).find("reshape"), std::string::npos);
  EXPECT_NE(refusal([&] { network.reshape(x, {2, 3, 0}); }).find("axis 2 is 0"), std::string::npos);
  EXPECT_NE(refusal([&] { network.input("z", DType::f32, {-4}); }).find("-4"), std::string::npos);
  EXPECT_NE(refusal([&] { build(network); }).find("no output"), std::string::npos);
}

TEST(Network, bytes_that_are_no_model_are_refused) {
  const std::string text = "this is no model";
  EXPECT_FALSE(refusal([&] { load_onnx(std::as_bytes(std::span(text))); }).empty());
}

TEST(Network, passes_have_names) {
  EXPECT_FALSE(pass_names().empty());
  for (const std::string& name : pass_names()) {
    Network network;
    network.output("y", network.relu(network.input("x", DType::f32, {1})));
    EXPECT_NO_THROW(build(network, {.tactics = Tactics::first, .without = {name}}));
  }
}

}  // namespace
}  // namespace tenon
