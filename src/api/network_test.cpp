// Networks built by hand: what they compute, and how wrong ones are refused.
#include "tenon/network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

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
TEST(TensorViews, of_floats_have_as_many_as_their_shape) {
  const std::vector<float> values(8);
  EXPECT_EQ(TensorView(values, {2, 4}).bytes(), 32u);
  EXPECT_THROW(TensorView(values, {200, 4}), InputError);
  EXPECT_THROW(TensorView(values, {2, 3}), InputError);
}

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

TEST(Network, keys_of_maps_outlive_the_engine) {
  const std::vector<std::string> names{"a name that is long enough to lie on the heap", "ü"};
  Outputs outputs;
  {
    Network network;
    const auto x = network.input("x", DType::f32, {1, 2});
    const auto maps =
        network.add("ZipMap", {x}, {{"classlabels_strings", names}}, {.domain = "ai.onnx.ml"});
    network.output("y", maps[0]);
    const Engine engine = build(network, {.tactics = Tactics::first});
    outputs = Context(engine).run({{"x", full({1, 2}, 3)}});
  }
  const std::vector<Tensor>& maps = outputs.sequences.at("y");
  ASSERT_EQ(maps.size(), 2u);
  EXPECT_EQ(maps[0].strings(), (std::vector<std::string_view>{names[0], names[1]}));
  EXPECT_EQ(maps[1].as<float>()[1], 3);
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
  EXPECT_EQ(refusal([&] {
              network.reshape(x, {-1, -1});
            }),
            "network: Reshape of \"x\": the new shape has two extents of -1");
  EXPECT_NE(refusal([&] { network.reshape(x, {4, 2}); }).find("reshape"), std::string::npos);
  EXPECT_EQ(refusal([&] {
              network.reshape(x, {2, 3, 0});
            }),
            "network: Reshape of \"x\": extent 2 is copied from an input of rank 2");
  EXPECT_NE(refusal([&] { network.input("z", DType::f32, {-4}); }).find("-4"), std::string::npos);
  EXPECT_NE(refusal([&] { build(network); }).find("no output"), std::string::npos);
}

TEST(Network, a_bias_enlarges_nothing) {
  Network network;
  const auto x = network.input("x", DType::f32, {2, 3});
  const auto w = network.weight("w", DType::f32, {3, 1});
  const auto row = network.weight("row", DType::f32, {4}),
             table = network.weight("t", full({2, 1}, 0));
  EXPECT_EQ(refusal([&] { network.matmul(x, w, row); }),
            "network: matmul: extent of the bias, and columns: 4 and 1 do not go together");
  EXPECT_EQ(refusal([&] { network.matmul(x, w, table); }),
            "network: matmul: a bias of f32[2, 1] for a product of f32[2, 1]; give a vector");
}

TEST(Network, a_matmul_with_a_transposed_weight_and_a_bias_is_one_step) {
  const auto layers = [](const std::function<Network::Value(Network&, Network::Value)>& node) {
    Network network;
    network.output("y", node(network, network.input("x", DType::f32, {"n", 3})));
    std::vector<std::string> steps;
    for (const LayerInfo& layer : build(network, {.tactics = Tactics::first}).layers())
      steps.push_back(layer.op + " by " + layer.kernel);
    return steps;
  };
  const auto weight = [](Network& network) { return network.weight("w", DType::f32, {4, 3}); };
  const auto bias = [](Network& network) { return network.weight("b", DType::f32, {4}); };
  const auto by_matmul = layers([&](Network& network, Network::Value x) {
    return network.matmul(x, weight(network), bias(network), true);
  });
  EXPECT_EQ(by_matmul.size(), 1u);
  EXPECT_EQ(by_matmul, layers([&](Network& network, Network::Value x) {
              return network.add("Gemm", {x, weight(network), bias(network)}, {{"transB", 1}})[0];
            }));
}

TEST(Network, adds_nodes_of_any_operator) {
  Network network;
  const auto x = network.input("x", DType::f32, {"n", 1, 4, 4});
  const auto pooled = network.add("MaxPool", {x}, {{"kernel_shape", {2, 2}}, {"strides", {2, 2}}},
                                  {.name = "pool", .outputs = {"y", "where"}});
  ASSERT_EQ(pooled.size(), 2u);
  network.output("y", network.add("LeakyRelu", {pooled[0]}, {{"alpha", 0.5}})[0]);
  network.output("where", pooled[1]);
  Tensor image(DType::f32, {1, 1, 4, 4});
  for (int i = 0; i < 16; ++i) image.as<float>()[static_cast<size_t>(i)] = static_cast<float>(-i);
  const Outputs outputs = Context(build(network, {.tactics = Tactics::first})).run({{"x", image}});
  // The least of each window in absolute terms is its first; halved, for all are negative.
  const float want[] = {0, -1, -4, -5};
  const int64_t where[] = {0, 2, 8, 10};
  EXPECT_TRUE(std::ranges::equal(outputs["y"].as<float>(), want));
  EXPECT_TRUE(std::ranges::equal(outputs["where"].as<int64_t>(), where));
}

TEST(Network, attributes_are_of_every_type) {
  Network network;
  const auto clip = [&](const NodeOptions& options) {
    return network.add(
        "Clip", {network.input("x", DType::f32, {3}), {}, network.constant("six", full({}, 6))}, {},
        options)[0];
  };
  network.output("clipped", clip({.name = "c"}));
  const int64_t two[] = {7, 8};
  const Tensor three = full({3}, 3);
  network.output("t", network.add("Constant", {}, {{"value", three}}, {.outputs = {"three"}})[0]);
  network.output("i", network.add("Constant", {}, {{"value_ints", {7, 8}}})[0]);
  network.output("f", network.add("Constant", {}, {{"value_floats", std::vector<float>{0.5}}})[0]);
  network.output("s", network.add("Gelu", {network.input("z", DType::f32, {1})},
                                  {{"approximate", "tanh"}})[0]);
  const Tensor x = full({3}, 9), z = full({1}, 0);
  const Outputs outputs =
      Context(build(network, {.tactics = Tactics::first})).run({{"x", x}, {"z", z}});
  EXPECT_EQ(outputs["clipped"].as<float>()[2], 6);
  EXPECT_EQ(outputs["t"].as<float>()[2], 3);
  EXPECT_TRUE(std::ranges::equal(outputs["i"].as<int64_t>(), two));
  EXPECT_EQ(outputs["f"].as<float>()[0], 0.5F);
  EXPECT_EQ(outputs["s"].as<float>()[0], 0);
}

TEST(Network, tells_what_it_holds) {
  Network network;
  const auto x = network.input("x", DType::f16, {"n", 3});
  const auto y = network.add("Concat", {x, x}, {{"axis", 0}})[0];
  const ValueInfo info = network.info(y);
  EXPECT_EQ(info.dtype, DType::f16);
  ASSERT_EQ(info.extents->size(), 2u);
  EXPECT_EQ((*info.extents)[0].name, "2*n");
  EXPECT_EQ((*info.extents)[1].value, 3);
  network.weight("w", DType::f32, {2});
  network.constant("c", full({1}, 0));
  ASSERT_EQ(network.leaves().size(), 2u);
  EXPECT_EQ(network.leaves()[0].name, "c");
  EXPECT_FALSE(network.leaves()[0].refittable);
  EXPECT_EQ(network.leaves()[1].shape, Shape{2});
  network.output("y", y);
  ASSERT_EQ(network.outputs().size(), 1u);
  EXPECT_EQ(network.outputs()[0].first, "y");
  EXPECT_EQ(network.outputs()[0].second.id, y.id);
}

TEST(Network, what_is_borrowed_is_read_by_build) {
  Network network;
  Tensor w = full({1, 1}, 2);
  const auto x = network.input("x", DType::f32, {1, 1});
  network.output("y", network.matmul(x, network.borrow("w", w)));
  w.as<float>()[0] = 5;
  const Engine engine = build(network, {.tactics = Tactics::first});
  w.as<float>()[0] = 99;
  EXPECT_EQ(Context(engine).run({{"x", full({1, 1}, 3)}})["y"].as<float>()[0], 15);
  EXPECT_EQ(engine.read_weight("w").as<float>()[0], 5);
}

TEST(Network, refused_nodes_change_nothing) {
  Network network, other;
  const auto x = network.input("x", DType::f32, {2, 3});
  const auto w = network.input("w", DType::f32, {4});
  const auto z = other.input("z", DType::f32, {2});
  const auto refused = [&](const std::string& op, const std::vector<Network::Value>& inputs,
                           const Attributes& attributes = {}, NodeOptions options = {}) {
    options.name = "node";
    return refusal([&] { network.add(op, inputs, attributes, options); });
  };
  EXPECT_EQ(refused("Softmaks", {x}),
            "network: Softmaks \"node\": there is no such op; the nearest is \"Softmax\"");
  EXPECT_EQ(refused("Relu", {x}, {}, {.domain = "com.example"}),
            "network: com.example.Relu \"node\": there is no such op; the nearest is \"Relu\"");
  EXPECT_EQ(refused("Relu", {x}, {}, {.version = 99}).substr(0, 43),
            "network: Relu \"node\": version 99 is outside");
  EXPECT_EQ(refused("Relu", {x, x}), "network: Relu \"node\": has 2 operands, takes 1");
  EXPECT_EQ(refused("Relu", {{}}), "network: Relu \"node\": operand 0 is missing");
  EXPECT_EQ(refused("Add", {x, z}),
            "network: Add \"node\": operand 1 is a value of another network; make it in this one");
  EXPECT_EQ(refused("Softmax", {x}, {{"axis", "last"}}),
            "network: Softmax \"node\": attribute \"axis\" is a string, not an integer");
  EXPECT_EQ(refused("Softmax", {x}, {{"axes", 1}}, {.version = 13}),
            "network: Softmax \"node\": attribute \"axes\" is unknown (version 13 takes \"axis\")");
  EXPECT_EQ(refused("Relu", {x}, {}, {.outputs = {"a", "b"}}),
            "network: Relu \"node\": 2 outputs are wanted, it gives 1");
  // One expression takes eight operands: the first node fits, the second does not.
  EXPECT_NE(refused("Max", {x, x, x, x, x, x, x, x, w}), "");
  EXPECT_NE(refusal([&] { network.reshape(x, {7}); }), "");
  EXPECT_EQ(refused("Constant", {}, {{"value_int", 1}, {"value_float", 1.0}}),
            "network: Constant \"node\": a constant has exactly one value and one output");
  EXPECT_NE(refused("Constant", {}, {{"value_int", 1}}, {.outputs = {"c", "d"}}), "");
  EXPECT_TRUE(network.leaves().empty());
  EXPECT_EQ(network.relu(x).id, w.id + 1);
}

TEST(Network, an_imported_model_grows) {
  Network network = load_onnx("tests/data/mnist/lenet.onnx");
  ASSERT_EQ(network.outputs().size(), 1u);
  const auto digits = network.outputs()[0].second;
  network.output("likely", network.add("Softmax", {digits})[0]);
  const Engine engine = build(network, {.tactics = Tactics::first});
  const Tensor image = full({1, 1, 28, 28}, 0.5F);
  const Outputs outputs = Context(engine).run({{"input", image}});
  const auto scores = outputs["output"].as<float>(), likely = outputs["likely"].as<float>();
  double sum = 0;
  for (const float score : scores) sum += std::exp(static_cast<double>(score));
  for (size_t i = 0; i < 10; ++i) EXPECT_NEAR(likely[i], std::exp(scores[i]) / sum, 1e-6);
}

TEST(Network, constants_that_shapes_are_made_of_are_never_refitted) {
  Network network;
  const auto x = network.input("x", DType::f32, {2, 3});
  const int64_t shape[] = {3, 2};
  const auto to = network.constant("to", {shape, DType::i64, {2}});
  network.output("y", network.add("Reshape", {x, to}, {}, {.name = "r"})[0]);
  EXPECT_EQ(
      refusal([&] { build(network, {.refit = {"to"}}); }),
      "refit: these cannot be refitted, leave them out of the names: \"to\", its elements are "
      "read while building (Reshape \"r\", operand 1)");
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
