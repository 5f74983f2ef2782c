// Builds, runs and refits through the door, beside the same through Tenon's own API.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "door.h"
#include "tenon/build.h"
#include "tenon/context.h"

namespace door {
namespace {

const std::vector<float> image = numbers(144, 99);

// The network of LeNet by tenon::Network; ONNX's definitions of the same layers.
std::vector<float> by_tenon(const LeNet& l) {
  tenon::Network net;
  const auto w = [&](const char* name, const std::vector<float>& v, tenon::Shape shape) {
    return net.weight(name, {v, std::move(shape)});
  };
  auto x = net.input("input", tenon::DType::f32, {1, 1, 12, 12});
  x = net.conv(x, w("c1", l.conv_1, {4, 1, 3, 3}), w("b1", l.bias_1, {4}));
  x = net.max_pool(x, {2, 2}, {.strides = {2, 2}});
  x = net.conv(x, w("c2", l.conv_2, {6, 4, 2, 2}), w("b2", l.bias_2, {6}));
  x = net.max_pool(x, {2, 2}, {.strides = {2, 2}});
  x = net.reshape(x, {1, 24});
  x = net.relu(net.matmul(x, w("d1", l.dense_1, {16, 24}), w("db", l.dense_bias, {16}), true));
  x = net.matmul(x, w("d2", l.dense_2, {10, 16}), {}, true);
  net.output("prob", net.add("Softmax", {x}, {{"axis", 1}})[0]);
  const tenon::Engine engine = tenon::build(net, {.tactics = tenon::Tactics::first});
  const tenon::Outputs made = tenon::Context(engine).run({{"input", {image, {1, 1, 12, 12}}}});
  const auto values = made["prob"].as<float>();
  return {values.begin(), values.end()};
}

void expect_near(const std::vector<float>& got, const std::vector<float>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], 1e-5) << i;
}

std::vector<std::string> names(int32_t (IRefitter::*list)(int32_t, const char**), IRefitter& r) {
  std::vector<const char*> raw(static_cast<size_t>((r.*list)(0, nullptr)));
  (r.*list)(static_cast<int32_t>(raw.size()), raw.data());
  return {raw.begin(), raw.end()};
}

TEST(Door, answers_as_the_same_network_of_tenons_own) {
  const LeNet net;
  Bench bench;
  const auto engine = bench.engine(net, {});
  ASSERT_TRUE(engine);
  EXPECT_FALSE(engine->isRefittable());
  expect_near(run(*engine, image, 10), by_tenon(net));
  EXPECT_TRUE(bench.log.errors.empty());
}

TEST(Door, lists_weights_by_default_names_and_by_layer_and_role) {
  const LeNet net;
  Bench bench;
  const auto engine = bench.engine(net, {BuilderFlag::kREFIT});
  ASSERT_TRUE(engine);
  const Owned<IRefitter> refitter(createInferRefitter(*engine, bench.log));
  EXPECT_EQ(
      names(&IRefitter::getAllWeights, *refitter),
      (std::vector<std::string>{"conv_1 BIAS", "conv_1 KERNEL", "conv_2 BIAS", "conv_2 KERNEL",
                                "fc_1 CONSTANT", "fc_1_bias CONSTANT", "fc_2 CONSTANT"}));
  const char* layers[7];
  WeightsRole roles[7];
  ASSERT_EQ(refitter->getAll(7, layers, roles), 7);
  EXPECT_STREQ(layers[0], "conv_1");
  EXPECT_EQ(roles[0], WeightsRole::kKERNEL);
  EXPECT_EQ(roles[1], WeightsRole::kBIAS);
  EXPECT_EQ(refitter->getMissing(0, nullptr, nullptr), 0);
  EXPECT_EQ(refitter->getWeightsPrototype("conv_1 KERNEL").count, 36);
}

TEST(Door, refitted_bits_are_those_of_a_fresh_build) {
  LeNet first, second;
  second.conv_1 = numbers(36, 41);
  second.bias_1 = numbers(4, 42);
  Bench old_bench, new_bench;
  const auto engine = old_bench.engine(first, {BuilderFlag::kREFIT});
  const auto fresh = new_bench.engine(second, {BuilderFlag::kREFIT});
  const Owned<IRefitter> refitter(createInferRefitter(*engine, old_bench.log));
  EXPECT_NE(run(*engine, image, 10), run(*fresh, image, 10));
  EXPECT_TRUE(refitter->setNamedWeights("conv_1 KERNEL", weights(second.conv_1)));
  EXPECT_TRUE(refitter->setWeights("conv_1", WeightsRole::kBIAS, weights(second.bias_1)));
  EXPECT_EQ(refitter->getMissingWeights(0, nullptr), 0);
  EXPECT_TRUE(refitter->refitCudaEngine());
  EXPECT_EQ(run(*engine, image, 10), run(*fresh, image, 10));
}

TEST(Door, reads_set_weights_at_every_refit_until_they_are_unset) {
  LeNet net;
  Bench bench;
  const auto engine = bench.engine(net, {BuilderFlag::kREFIT});
  const Owned<IRefitter> refitter(createInferRefitter(*engine, bench.log));
  std::vector<float> kernel = net.conv_1;
  ASSERT_TRUE(refitter->setNamedWeights("conv_1 KERNEL", weights(kernel), TensorLocation::kDEVICE));
  EXPECT_EQ(refitter->getWeightsLocation("conv_1 KERNEL"), TensorLocation::kDEVICE);
  for (const unsigned seed : {51U, 52U}) {
    kernel = numbers(36, seed);
    net.conv_1 = kernel;
    ASSERT_TRUE(refitter->setNamedWeights("conv_1 KERNEL", weights(kernel)));
    std::ranges::reverse(kernel);  // after it was set: the pointer counts
    std::ranges::reverse(net.conv_1);
    ASSERT_TRUE(refitter->refitCudaEngine());
    expect_near(run(*engine, image, 10), by_tenon(net));
  }
  EXPECT_TRUE(refitter->unsetNamedWeights("conv_1 KERNEL"));
  std::ranges::fill(kernel, 0.0F);
  EXPECT_TRUE(refitter->refitCudaEngine());
  expect_near(run(*engine, image, 10), by_tenon(net));
  EXPECT_FALSE(refitter->unsetNamedWeights("conv_1 KERNEL"));
}

TEST(Door, names_that_were_given_reach_the_same_slot) {
  const LeNet net;
  Bench bench;
  net.define(*bench.network);
  EXPECT_TRUE(bench.network->setWeightsName(weights(net.conv_1), "kernel.of.one"));
  EXPECT_FALSE(bench.network->setWeightsName(weights(net.conv_2), "kernel.of.one"));
  bench.config->setFlag(BuilderFlag::kREFIT);
  const auto engine = bench.engine();
  const Owned<IRefitter> refitter(createInferRefitter(*engine, bench.log));
  const std::vector<float> kernel = numbers(36, 61);
  EXPECT_TRUE(refitter->setWeights("conv_1", WeightsRole::kKERNEL, weights(kernel)));
  EXPECT_EQ(refitter->getNamedWeights("kernel.of.one").values, kernel.data());
  EXPECT_EQ(refitter->getNamedWeights("conv_1 KERNEL").values, kernel.data());
}

TEST(Door, strips_ships_and_fills) {
  const LeNet net;
  Bench bench;
  net.define(*bench.network);
  for (const auto flag : {BuilderFlag::kREFIT, BuilderFlag::kSTRIP_PLAN})
    bench.config->setFlag(flag);
  const Owned<IHostMemory> plan(
      bench.builder->buildSerializedNetwork(*bench.network, *bench.config));
  ASSERT_TRUE(plan);
  const auto* bytes = static_cast<const char*>(plan->data());
  const auto* kernel = reinterpret_cast<const char*>(net.conv_2.data());
  EXPECT_EQ(std::search(bytes, bytes + plan->size(), kernel, kernel + 16), bytes + plan->size());

  const Owned<IRuntime> runtime(createInferRuntime(bench.log));
  const Owned<ICudaEngine> engine(runtime->deserializeCudaEngine(plan->data(), plan->size()));
  ASSERT_TRUE(engine);
  const Owned<IRefitter> refitter(createInferRefitter(*engine, bench.log));
  EXPECT_EQ(refitter->getMissingWeights(0, nullptr), 7);
  EXPECT_TRUE(run(*engine, image, 10).empty());
  EXPECT_FALSE(refitter->refitCudaEngine());
  ASSERT_EQ(bench.log.errors.size(), 2U);
  EXPECT_EQ(bench.log.errors[1],
            "IRefitter::refitCudaEngine: Error Code 9: API Usage Error (7 weights have never been "
            "supplied: \"conv_1 BIAS\", \"conv_1 KERNEL\", \"conv_2 BIAS\", …; getMissingWeights "
            "lists them)");
  EXPECT_TRUE(refitter->setWeights("conv_1", WeightsRole::kKERNEL, weights(net.conv_1)));
  EXPECT_TRUE(refitter->setWeights("conv_1", WeightsRole::kBIAS, weights(net.bias_1)));
  EXPECT_TRUE(refitter->setWeights("conv_2", WeightsRole::kKERNEL, weights(net.conv_2)));
  EXPECT_TRUE(refitter->setWeights("conv_2", WeightsRole::kBIAS, weights(net.bias_2)));
  EXPECT_TRUE(refitter->setWeights("fc_1", WeightsRole::kCONSTANT, weights(net.dense_1)));
  EXPECT_TRUE(refitter->setWeights("fc_1_bias", WeightsRole::kCONSTANT, weights(net.dense_bias)));
  EXPECT_TRUE(refitter->setWeights("fc_2", WeightsRole::kCONSTANT, weights(net.dense_2)));
  EXPECT_EQ(refitter->getMissingWeights(0, nullptr), 0);
  ASSERT_TRUE(refitter->refitCudaEngine());
  expect_near(run(*engine, image, 10), by_tenon(net));
}

TEST(Door, an_identical_engine_takes_equal_bits_alone) {
  const LeNet net;
  Bench bench;
  const auto engine = bench.engine(net, {BuilderFlag::kREFIT_IDENTICAL});
  ASSERT_TRUE(engine);
  const Owned<IRefitter> refitter(createInferRefitter(*engine, bench.log));
  const std::vector<float> same = net.conv_1, other = numbers(36, 71),
                           before = run(*engine, image, 10);
  EXPECT_TRUE(refitter->setNamedWeights("conv_1 KERNEL", weights(same)));
  EXPECT_TRUE(refitter->refitCudaEngine());
  EXPECT_TRUE(refitter->setNamedWeights("conv_1 KERNEL", weights(other)));
  EXPECT_FALSE(refitter->refitCudaEngine());
  ASSERT_EQ(bench.log.errors.size(), 1U);
  EXPECT_NE(bench.log.errors[0].find("\"conv_1 KERNEL\""), std::string::npos)
      << bench.log.errors[0];
  EXPECT_EQ(run(*engine, image, 10), before);
}

TEST(Door, an_identical_plan_stays_so_two_generations_on) {
  const LeNet net;
  Bench bench;
  net.define(*bench.network);
  bench.config->setFlag(BuilderFlag::kREFIT_IDENTICAL);
  Owned<IHostMemory> plan(bench.builder->buildSerializedNetwork(*bench.network, *bench.config));
  const Owned<IRuntime> runtime(createInferRuntime(bench.log));
  const std::vector<float> other = numbers(36, 71);
  for (int generation = 0; generation < 2; ++generation) {
    ASSERT_TRUE(plan);
    const Owned<ICudaEngine> engine(runtime->deserializeCudaEngine(plan->data(), plan->size()));
    ASSERT_TRUE(engine);
    const Owned<IRefitter> refitter(createInferRefitter(*engine, bench.log));
    EXPECT_TRUE(refitter->setNamedWeights("conv_1 KERNEL", weights(other)));
    EXPECT_FALSE(refitter->refitCudaEngine()) << generation;
    plan.reset(engine->serialize());
  }
}

TEST(Door, refit_is_free_where_a_rewrite_would_want_the_value) {
  Bench bench;
  const std::vector<float> two{2}, three{3};
  ITensor* x = bench.network->addInput("x", DataType::kFLOAT, Dims{1, {3}});
  IConstantLayer* exponent = bench.network->addConstant(Dims{1, {1}}, weights(two));
  exponent->setName("exponent");
  bench.network->markOutput(
      *bench.network->addElementWise(*x, *exponent->getOutput(0), ElementWiseOperation::kPOW)
           ->getOutput(0));
  bench.config->setFlag(BuilderFlag::kREFIT);
  const auto engine = bench.engine();
  ASSERT_TRUE(engine);
  expect_near(run(*engine, {1, 2, 3}, 3), {1, 4, 9});
  const Owned<IRefitter> refitter(createInferRefitter(*engine, bench.log));
  EXPECT_TRUE(refitter->setWeights("exponent", WeightsRole::kCONSTANT, weights(three)));
  EXPECT_TRUE(refitter->refitCudaEngine());
  expect_near(run(*engine, {1, 2, 3}, 3), {1, 8, 27});
  EXPECT_TRUE(bench.log.errors.empty());
}

TEST(Door, marked_weights_alone_are_refittable) {
  const LeNet net;
  Bench bench;
  net.define(*bench.network);
  EXPECT_TRUE(bench.network->markWeightsRefittable("conv_1 KERNEL"));
  EXPECT_FALSE(bench.network->markWeightsRefittable("conv_9 KERNEL"));
  EXPECT_TRUE(bench.network->areWeightsMarkedRefittable("conv_1 KERNEL"));
  bench.config->setFlag(BuilderFlag::kREFIT_INDIVIDUAL);
  const auto engine = bench.engine();
  ASSERT_TRUE(engine);
  const Owned<IRefitter> refitter(createInferRefitter(*engine, bench.log));
  EXPECT_EQ(names(&IRefitter::getAllWeights, *refitter), std::vector<std::string>{"conv_1 KERNEL"});
}

}  // namespace
}  // namespace door
