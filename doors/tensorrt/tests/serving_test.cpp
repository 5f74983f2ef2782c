// Runs beside refits, and objects that go in any order.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "door.h"

namespace door {
namespace {

TEST(Serving, every_answer_belongs_to_one_set_of_weights) {
  LeNet net, other;
  const std::vector<float> image = numbers(144, 9);
  for (std::vector<float>* each : {&other.conv_1, &other.conv_2, &other.dense_1, &other.dense_2})
    *each = numbers(each->size(), 77);
  Bench bench, second;
  const auto engine = bench.engine(net, {BuilderFlag::kREFIT});
  const auto fresh = second.engine(other, {BuilderFlag::kREFIT});
  const std::vector<float> a = run(*engine, image, 10), b = run(*fresh, image, 10);
  ASSERT_NE(a, b);

  std::atomic<bool> done = false;
  std::atomic<int> runs = 0, mixed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      std::vector<float> input = image, output(10);
      const Owned<IExecutionContext> context(engine->createExecutionContext());
      void* bindings[] = {input.data(), output.data()};
      while (!done || runs < 100) {
        if (!context->executeV2(bindings) || (output != a && output != b)) ++mixed;
        ++runs;
      }
    });
  }
  const Owned<IRefitter> refitter(createInferRefitter(*engine, bench.log));
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    const LeNet& from = i % 2 == 0 ? other : net;
    refitter->setWeights("conv_1", WeightsRole::kKERNEL, weights(from.conv_1));
    refitter->setWeights("conv_2", WeightsRole::kKERNEL, weights(from.conv_2));
    refitter->setWeights("fc_1", WeightsRole::kCONSTANT, weights(from.dense_1));
    refitter->setWeights("fc_2", WeightsRole::kCONSTANT, weights(from.dense_2));
    if (!refitter->refitCudaEngine()) ++refused;
  }
  done = true;
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(mixed, 0);
  EXPECT_EQ(run(*engine, image, 10), a);
}

TEST(Serving, a_refused_refit_leaves_every_weight) {
  LeNet net;
  const std::vector<float> image = numbers(144, 9), other = numbers(36, 3), wrong = numbers(24, 4);
  Bench bench;
  const auto engine = bench.engine(net, {BuilderFlag::kREFIT, BuilderFlag::kSTRIP_PLAN});
  ASSERT_TRUE(engine);
  const Owned<IRefitter> refitter(createInferRefitter(*engine, bench.log));
  ASSERT_TRUE(refitter->setWeights("conv_1", WeightsRole::kKERNEL, weights(other)));
  EXPECT_FALSE(refitter->refitCudaEngine());  // six are lacking
  EXPECT_EQ(refitter->getMissingWeights(0, nullptr), 6);
  EXPECT_TRUE(run(*engine, image, 10).empty());
}

TEST(Serving, objects_go_in_any_order) {
  const LeNet net;
  const std::vector<float> kernel = numbers(36, 3);
  std::vector<float> input = numbers(144, 9), output(10, NAN);
  Log log;
  Owned<IExecutionContext> context;
  Owned<IRefitter> refitter;
  {
    Owned<IRuntime> runtime(createInferRuntime(log));
    Owned<ICudaEngine> engine;
    {
      Bench bench;
      net.define(*bench.network);
      bench.config->setFlag(BuilderFlag::kREFIT);
      const Owned<IHostMemory> plan(
          bench.builder->buildSerializedNetwork(*bench.network, *bench.config));
      engine.reset(runtime->deserializeCudaEngine(plan->data(), plan->size()));
      bench.builder.reset();  // before its network and configuration
    }
    ASSERT_TRUE(engine);
    runtime.reset();
    context.reset(engine->createExecutionContext());
    refitter.reset(createInferRefitter(*engine, log));
  }
  EXPECT_TRUE(refitter->setNamedWeights("conv_1 KERNEL", weights(kernel)));
  EXPECT_TRUE(refitter->refitCudaEngine());
  refitter.reset();
  void* bindings[] = {input.data(), output.data()};
  EXPECT_TRUE(context->executeV2(bindings));
  EXPECT_FALSE(std::isnan(output[9]));
  EXPECT_TRUE(log.errors.empty());
}

}  // namespace
}  // namespace door
