// What the door refuses: one report a problem, to the recorder or else the logger, and no crash.
#include <gtest/gtest.h>

#include "door.h"

namespace door {
namespace {

void expect_one(Log& log, const std::string& line) {
  EXPECT_EQ(log.errors, std::vector<std::string>{line});
  log.errors.clear();
}

TEST(Refusals, name_the_weight_the_fact_and_the_way_out) {
  const LeNet net;
  Bench bench;
  const auto engine = bench.engine(net, {BuilderFlag::kREFIT});
  const Owned<IRefitter> r(createInferRefitter(*engine, bench.log));
  const std::vector<float> kernel = numbers(36, 1), few = numbers(35, 1);
  const std::string set = "IRefitter::setNamedWeights: Error Code 3: API Usage Error (";

  EXPECT_FALSE(r->setNamedWeights("conv_1 KERNAL", weights(kernel)));
  expect_one(bench.log, set +
                            "\"conv_1 KERNAL\" is not refittable in this engine; the nearest is "
                            "\"conv_1 KERNEL\")");
  EXPECT_FALSE(r->setNamedWeights("conv_1 KERNEL", weights(few)));
  expect_one(bench.log,
             set + "\"conv_1 KERNEL\" has 36 values [4, 1, 3, 3], the given weights 35)");
  EXPECT_FALSE(r->setNamedWeights("conv_1 KERNEL", {DataType::kHALF, kernel.data(), 36}));
  expect_one(bench.log, set +
                            "\"conv_1 KERNEL\" is kFLOAT, the given weights are kHALF; convert "
                            "them)");
  EXPECT_FALSE(r->setNamedWeights("conv_1 KERNEL", {DataType::kFLOAT, nullptr, 36}));
  expect_one(bench.log, set + "\"conv_1 KERNEL\": values is null; give the address of 36 values)");
  EXPECT_FALSE(r->setNamedWeights(nullptr, weights(kernel)));
  expect_one(bench.log, set + "the weights' name is null; give a string)");
  EXPECT_FALSE(r->setNamedWeights(std::string(4096, 'x').c_str(), weights(kernel)));
  expect_one(bench.log, set + "the weights' name is longer than 4095 bytes; give a shorter one)");
  EXPECT_FALSE(r->setWeights("conv_1", WeightsRole::kSCALE, weights(kernel)));
  expect_one(bench.log,
             "IRefitter::setWeights: Error Code 3: API Usage Error (layer \"conv_1\" has no "
             "refittable SCALE; getAll lists what there is)");
  EXPECT_EQ(r->getWeightsPrototype("nothing").count, -1);
  EXPECT_EQ(bench.log.errors.size(), 1U);
}

TEST(Refusals, go_to_the_recorder_where_there_is_one) {
  const LeNet net;
  Recorder recorder;
  {
    Bench bench;
    bench.builder->setErrorRecorder(&recorder);
    const auto engine = bench.engine(net, {});
    EXPECT_EQ(engine->getErrorRecorder(), &recorder);
    engine->setErrorRecorder(nullptr);
    engine->setErrorRecorder(&recorder);
    const Owned<IExecutionContext> context(engine->createExecutionContext());
    EXPECT_FALSE(context->enqueueV3(nullptr));
    ASSERT_EQ(recorder.errors.size(), 1U);
    EXPECT_EQ(recorder.errors[0].first, ErrorCode::kINVALID_ARGUMENT);
    EXPECT_EQ(recorder.errors[0].second,
              "IExecutionContext::enqueueV3: input \"input\" has no address; setTensorAddress "
              "first");
    EXPECT_TRUE(bench.log.errors.empty());
  }
  EXPECT_EQ(recorder.references, 0);
}

TEST(Refusals, of_builds_tell_flags_and_outputs) {
  const LeNet net;
  Bench bench;
  EXPECT_EQ(bench.engine(), nullptr);
  expect_one(bench.log,
             "IBuilder::buildEngineWithConfig: Error Code 9: API Usage Error (the network has no "
             "output; mark one by markOutput)");
  EXPECT_EQ(bench.engine(net, {BuilderFlag::kREFIT, BuilderFlag::kREFIT_INDIVIDUAL}), nullptr);
  expect_one(bench.log,
             "IBuilder::buildEngineWithConfig: Error Code 4: API Usage Error (kREFIT_INDIVIDUAL "
             "and kREFIT exclude one another; clear one)");
  bench.config->setFlags(1U << 30);
  expect_one(bench.log,
             "IBuilderConfig::setFlags: Error Code 3: API Usage Error (unknown bits in "
             "1073741824)");
  EXPECT_TRUE(bench.config->getFlag(BuilderFlag::kREFIT));
}

TEST(Refusals, of_precisions_in_a_strongly_typed_network) {
  const LeNet net;
  Bench bench;
  bench.network.reset(bench.builder->createNetworkV2(
      1U << static_cast<uint32_t>(NetworkDefinitionCreationFlag::kSTRONGLY_TYPED)));
  EXPECT_EQ(bench.engine(net, {BuilderFlag::kBF16}), nullptr);
  expect_one(bench.log,
             "IBuilder::buildEngineWithConfig: Error Code 4: API Usage Error (kBF16: the network "
             "is strongly typed; clear the flag)");
}

TEST(Refusals, are_warnings_where_a_build_can_go_on) {
  const LeNet net;
  Bench both, none;
  const auto engine = both.engine(net, {BuilderFlag::kREFIT, BuilderFlag::kREFIT_IDENTICAL});
  ASSERT_TRUE(engine);
  EXPECT_EQ(both.log.warnings,
            std::vector<std::string>{
                "build: kREFIT and kREFIT_IDENTICAL: kREFIT holds, any values are taken"});
  const Owned<IRefitter> refitter(createInferRefitter(*engine, both.log));
  const std::vector<float> other = numbers(36, 71);
  EXPECT_TRUE(refitter->setWeights("conv_1", WeightsRole::kKERNEL, weights(other)));
  EXPECT_TRUE(refitter->refitCudaEngine());
  const auto unmarked = none.engine(net, {BuilderFlag::kREFIT_INDIVIDUAL});
  ASSERT_TRUE(unmarked);
  EXPECT_TRUE(unmarked->isRefittable());
  EXPECT_EQ(none.log.warnings,
            std::vector<std::string>{"build: kREFIT_INDIVIDUAL, and no weights are marked: nothing "
                                     "will be refittable"});
}

TEST(Refusals, of_a_refitter_for_a_frozen_engine) {
  const LeNet net;
  Bench bench;
  const auto engine = bench.engine(net, {});
  EXPECT_EQ(createInferRefitter(*engine, bench.log), nullptr);
  expect_one(bench.log,
             "createInferRefitter: Error Code 3: API Usage Error (the engine is not refittable; "
             "build it with kREFIT)");
}

TEST(Refusals, of_plans_truncated_foreign_or_damaged) {
  const LeNet net;
  Bench bench;
  net.define(*bench.network);
  const Owned<IHostMemory> plan(
      bench.builder->buildSerializedNetwork(*bench.network, *bench.config));
  const Owned<IRuntime> runtime(createInferRuntime(bench.log));
  EXPECT_EQ(runtime->deserializeCudaEngine("ftrt rest", 9), nullptr);
  expect_one(bench.log,
             "IRuntime::deserializeCudaEngine: Error Code 3: API Usage Error (this is a TensorRT "
             "plan; rebuild it from the model)");
  for (size_t size = 1; size < plan->size(); size += plan->size() / 50) {
    EXPECT_EQ(runtime->deserializeCudaEngine(plan->data(), size), nullptr) << size;
    EXPECT_EQ(bench.log.errors.size(), 1U);
    bench.log.errors.clear();
  }
  EXPECT_EQ(runtime->deserializeCudaEngine(nullptr, 9), nullptr);
  expect_one(bench.log,
             "IRuntime::deserializeCudaEngine: Error Code 3: API Usage Error (the plan is empty)");
}

TEST(Refusals, of_other_headers_and_no_logger_are_null) {
  Log log;
  EXPECT_EQ(createInferBuilder_INTERNAL(&log, 101600), nullptr);
  EXPECT_EQ(createInferRuntime_INTERNAL(nullptr, NV_TENSORRT_VERSION), nullptr);
}

TEST(Refusals, of_adds_give_null_and_leave_the_network) {
  Bench bench;
  INetworkDefinition& net = *bench.network;
  ITensor* x = net.addInput("x", DataType::kFLOAT, Dims4{1, 2, 4, 4});
  const std::string input = "INetworkDefinition::addInput: Error Code 3: API Usage Error (";
  EXPECT_EQ(net.addInput("x", DataType::kFLOAT, Dims2{1, 2}), nullptr);
  expect_one(bench.log, input + "there is an input \"x\" already)");
  EXPECT_EQ(net.addInput("y", DataType::kFLOAT, Dims{9, {}}), nullptr);
  expect_one(bench.log, input + "input \"y\": nbDims is 9; it goes from 0 to 8)");
  EXPECT_EQ(net.addInput("y", DataType::kFP8, Dims2{1, 2}), nullptr);
  expect_one(bench.log,
             "INetworkDefinition::addInput: Error Code 10: Unsupported (input \"y\": Tenon has no "
             "kFP8; use kHALF, kBF16 or kINT8)");
  EXPECT_EQ(net.addActivation(*x, static_cast<ActivationType>(99)), nullptr);
  expect_one(bench.log,
             "INetworkDefinition::addActivation: Error Code 3: API Usage Error ((Unnamed Layer* 0) "
             "[Activation]: 99 is none of its values)");
  EXPECT_EQ(net.addConvolutionNd(*x, 0, DimsHW{3, 3}, Weights{}, Weights{}), nullptr);
  expect_one(bench.log,
             "INetworkDefinition::addConvolutionNd: Error Code 3: API Usage Error (layer "
             "\"(Unnamed Layer* 0) [Convolution]\": nbOutputMaps is 0)");
  EXPECT_EQ(net.addReduce(*x, ReduceOperation::kSUM, 0, true), nullptr);
  EXPECT_EQ(net.addConcatenation(nullptr, 1), nullptr);
  Bench other;
  EXPECT_EQ(other.network->addIdentity(*x), nullptr);
  expect_one(other.log,
             "INetworkDefinition::addIdentity: Error Code 3: API Usage Error (tensor \"x\" is "
             "another network's)");
  EXPECT_EQ(net.getNbLayers(), 0);
}

TEST(Refusals, of_a_network_that_reads_itself) {
  Bench bench;
  INetworkDefinition& net = *bench.network;
  ITensor* x = net.addInput("x", DataType::kFLOAT, Dims2{2, 2});
  ILayer* first = net.addIdentity(*x);
  ILayer* second = net.addIdentity(*first->getOutput(0));
  first->setName("first");
  first->setInput(0, *second->getOutput(0));
  net.markOutput(*second->getOutput(0));
  EXPECT_EQ(second->getOutput(0)->getDimensions().nbDims, -1);
  EXPECT_EQ(bench.engine(), nullptr);
  expect_one(bench.log,
             "IBuilder::buildEngineWithConfig: Error Code 3: API Usage Error (layer \"first\" "
             "reads what is made from its own output)");
}

}  // namespace
}  // namespace door
