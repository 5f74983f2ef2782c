// What plans, configurations and contexts keep and tell, in C++.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "door.h"

namespace door {
namespace {

std::vector<float> whole_input() { return numbers(144, 9); }

Owned<ICudaEngine> reloaded(IRuntime& runtime, const IHostMemory& plan) {
  return Owned<ICudaEngine>(runtime.deserializeCudaEngine(plan.data(), plan.size()));
}

TEST(Plans, keep_where_weights_with_names_stand) {
  Bench bench;
  const LeNet net;
  net.define(*bench.network);
  ASSERT_TRUE(bench.network->setWeightsName(weights(net.conv_1), "first kernel"));
  bench.config->setFlag(BuilderFlag::kREFIT);
  const Owned<IHostMemory> plan(
      bench.builder->buildSerializedNetwork(*bench.network, *bench.config));
  ASSERT_TRUE(plan);
  const Owned<IRuntime> runtime(createInferRuntime(bench.log));
  const auto engine = reloaded(*runtime, *plan);
  ASSERT_TRUE(engine && engine->isRefittable());
  const Owned<IRefitter> refitter(createInferRefitter(*engine, bench.log));
  LeNet other;
  other.conv_1 = numbers(other.conv_1.size(), 77);
  EXPECT_TRUE(refitter->setWeights("conv_1", WeightsRole::kKERNEL, weights(other.conv_1)));
  EXPECT_TRUE(refitter->refitCudaEngine());
  Bench fresh;
  const auto wanted = fresh.engine(other, {BuilderFlag::kREFIT});
  EXPECT_EQ(run(*engine, whole_input(), 10), run(*wanted, whole_input(), 10));
  EXPECT_EQ(refitter->getNamedWeights("first kernel").values, other.conv_1.data());
  EXPECT_TRUE(bench.log.errors.empty());
}

TEST(Plans, go_to_a_stream_and_come_from_one) {
  struct Memory final : IStreamWriter {
    std::string bytes;
    int64_t most = INT64_MAX;
    int64_t write(const void* data, int64_t count) override {
      bytes.append(static_cast<const char*>(data), static_cast<size_t>(count));
      return std::min(count, most);
    }
  };
  struct Pieces final : IStreamReaderV2 {
    std::string bytes;
    size_t at = 0;
    int64_t read(void* to, int64_t most, cudaStream_t) noexcept override {
      const size_t count = std::min({bytes.size() - at, static_cast<size_t>(most), size_t{999}});
      std::memcpy(to, bytes.data() + at, count);
      at += count;
      return static_cast<int64_t>(count);
    }
    bool seek(int64_t, SeekPosition) noexcept override { return false; }
  };
  Bench bench;
  const LeNet net;
  net.define(*bench.network);
  Memory memory;
  ASSERT_TRUE(bench.builder->buildSerializedNetworkToStream(*bench.network, *bench.config, memory));
  Pieces pieces;
  pieces.bytes = memory.bytes;
  const Owned<IRuntime> runtime(createInferRuntime(bench.log));
  const Owned<ICudaEngine> engine(runtime->deserializeCudaEngine(pieces));
  ASSERT_TRUE(engine);
  const auto direct = bench.engine();
  EXPECT_EQ(run(*engine, whole_input(), 10), run(*direct, whole_input(), 10));
  memory.most = 5;
  EXPECT_FALSE(
      bench.builder->buildSerializedNetworkToStream(*bench.network, *bench.config, memory));
  EXPECT_EQ(bench.log.errors.size(), 1U);
}

TEST(Runtimes, load_the_lean_library_beside_their_own) {
  Bench bench;
  const LeNet net;
  net.define(*bench.network);
  const Owned<IHostMemory> plan(
      bench.builder->buildSerializedNetwork(*bench.network, *bench.config));
  const Owned<IRuntime> runtime(createInferRuntime(bench.log));
  EXPECT_EQ(runtime->loadRuntime("/lib/no such library"), nullptr);
  EXPECT_EQ(runtime->loadRuntime("/proc/self/exe"), nullptr);
  EXPECT_EQ(bench.log.errors.size(), 2U);
  const Owned<IRuntime> lean(runtime->loadRuntime(TENON_LEAN_LIBRARY));
  ASSERT_TRUE(lean);
  const auto engine = reloaded(*lean, *plan), own = reloaded(*runtime, *plan);
  ASSERT_TRUE(engine && own);
  EXPECT_EQ(run(*engine, whole_input(), 10), run(*own, whole_input(), 10));
  EXPECT_EQ(createInferRefitter(*engine, bench.log), nullptr);
  EXPECT_NE(bench.log.errors.back().find("the engine is of another library in this process"),
            std::string::npos);
}

TEST(Contexts, allocate_outputs_by_their_allocator) {
  struct Allocator final : IOutputAllocator {
    std::vector<std::byte> memory;
    std::vector<Dims> told;
    void* reallocateOutput(const char*, void*, uint64_t size, uint64_t) noexcept override {
      memory.resize(size);
      return memory.data();
    }
    void notifyShape(const char*, const Dims& dims) noexcept override { told.push_back(dims); }
  };
  Bench bench;
  const LeNet net;
  const auto engine = bench.engine(net, {});
  ASSERT_TRUE(engine);
  const Owned<IExecutionContext> context(engine->createExecutionContext());
  std::vector<float> input = whole_input();
  Allocator allocator;
  EXPECT_FALSE(context->setOutputAllocator("input", &allocator));
  EXPECT_TRUE(context->setOutputAllocator("prob", &allocator));
  EXPECT_EQ(context->getMaxOutputSize("prob"), 40);
  EXPECT_TRUE(context->setTensorAddress("input", input.data()));
  EXPECT_TRUE(context->enqueueV3(nullptr));
  ASSERT_EQ(allocator.told.size(), 1U);
  EXPECT_EQ(allocator.told[0].d[1], 10);
  std::vector<float> made(10);
  std::memcpy(made.data(), allocator.memory.data(), 40);
  EXPECT_EQ(made, run(*engine, input, 10));
}

TEST(Configurations, keep_what_they_are_told) {
  Bench bench;
  IBuilderConfig& config = *bench.config;
  config.setProfilingVerbosity(ProfilingVerbosity::kDETAILED);
  EXPECT_EQ(config.getProfilingVerbosity(), ProfilingVerbosity::kDETAILED);
  config.setProfilingVerbosity(static_cast<ProfilingVerbosity>(9));
  EXPECT_EQ(config.getProfilingVerbosity(), ProfilingVerbosity::kDETAILED);
  EXPECT_FALSE(config.setMaxAuxStreams(-2));
  EXPECT_EQ(bench.log.errors.size(), 2U);
  const Owned<ITimingCache> cache(config.createTimingCache(nullptr, 0));
  ASSERT_TRUE(cache && config.setTimingCache(*cache, false));
  EXPECT_EQ(config.getTimingCache(), cache.get());
  EXPECT_EQ(config.createTimingCache("x", 1), nullptr);
}

TEST(Loops, run_their_turns) {
  Bench bench;
  INetworkDefinition& net = *bench.network;
  const int32_t turns = 3;
  const std::vector<float> step{1, 2};
  ITensor* x = net.addInput("x", DataType::kFLOAT, Dims{1, {2}});
  ILoop* loop = net.addLoop();
  loop->addTripLimit(
      *net.addConstant(Dims{0, {}}, Weights{DataType::kINT32, &turns, 1})->getOutput(0),
      TripLimit::kCOUNT);
  IRecurrenceLayer* sum = loop->addRecurrence(*x);
  ITensor* constant = net.addConstant(Dims{1, {2}}, weights(step))->getOutput(0);
  sum->setInput(
      1,
      *net.addElementWise(*sum->getOutput(0), *constant, ElementWiseOperation::kSUM)->getOutput(0));
  EXPECT_EQ(sum->getLoop(), loop);
  ITensor* y = loop->addLoopOutput(*sum->getOutput(0), LoopOutput::kLAST_VALUE)->getOutput(0);
  net.markOutput(*y);
  const auto engine = bench.engine();
  ASSERT_TRUE(engine);
  EXPECT_EQ(run(*engine, {10, 20}, 2), (std::vector<float>{13, 26}));
}

}  // namespace
}  // namespace door
