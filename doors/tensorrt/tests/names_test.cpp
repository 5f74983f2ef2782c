// Names that other tests have no use for: parameters keep what they are given, getters are true.
#include <gtest/gtest.h>

#include <string>

#include "door.h"

namespace door {
namespace {

struct Resource final : IPluginResource {
  int* released;
  explicit Resource(int* released) : released(released) {}
  int32_t release() noexcept override {
    ++*released;
    delete this;
    return 0;
  }
  IPluginResource* clone() noexcept override { return new Resource(released); }
};

struct Creator final : IPluginCreatorV3One {
  IPluginV3* createPlugin(const char*, const PluginFieldCollection*,
                          TensorRTPhase) noexcept override {
    return nullptr;
  }
  const PluginFieldCollection* getFieldNames() noexcept override { return nullptr; }
  const char* getPluginName() const noexcept override { return "Mine"; }
  const char* getPluginVersion() const noexcept override { return "1"; }
  const char* getPluginNamespace() const noexcept override { return ""; }
};

struct OldCreator final : IPluginCreator {
  const char* getPluginName() const noexcept override { return "Old"; }
  const char* getPluginVersion() const noexcept override { return "2"; }
  const PluginFieldCollection* getFieldNames() noexcept override { return nullptr; }
  IPluginV2* createPlugin(const char*, const PluginFieldCollection*) noexcept override {
    return nullptr;
  }
  IPluginV2* deserializePlugin(const char*, const void*, size_t) noexcept override {
    return nullptr;
  }
  void setPluginNamespace(const char*) noexcept override {}
  const char* getPluginNamespace() const noexcept override { return ""; }
};

TEST(Names, creators_register_and_are_found) {
  IPluginRegistry& registry = *getPluginRegistry();
  EXPECT_EQ(getBuilderPluginRegistry(EngineCapability::kSTANDARD), &registry);
  EXPECT_EQ(getBuilderPluginRegistry(EngineCapability::kSAFETY), nullptr);
  EXPECT_EQ(getBuilderSafePluginRegistry(EngineCapability::kSAFETY), nullptr);
  Creator creator;
  OldCreator old;
  Recorder recorder;
  registry.setErrorRecorder(&recorder);
  EXPECT_EQ(recorder.references, 1);  // incRefCount
  EXPECT_TRUE(registry.registerCreator(creator, "mine"));
  EXPECT_TRUE(registry.registerCreator(old, ""));
  EXPECT_FALSE(registry.registerCreator(creator, "mine"));
  ASSERT_EQ(registry.getErrorRecorder()->getNbErrors(), 1);
  EXPECT_NE(recorder.errors[0].second.find("\"Mine\" of version \"1\" already"), std::string::npos);
  EXPECT_EQ(registry.getCreator(creator.getPluginName(), "1", "mine"), &creator);
  EXPECT_EQ(registry.getCreator("Mine", "1"), nullptr);
  EXPECT_EQ(registry.getPluginCreator("Old", "2"), &old);
  EXPECT_EQ(registry.getPluginCreator("Mine", "1", "mine"), nullptr);
  int32_t all = 0, recursive = 0, first = 0;
  EXPECT_EQ(registry.getAllCreators(&all)[0], &creator);
  registry.getAllCreatorsRecursive(&recursive);
  EXPECT_EQ(registry.getPluginCreatorList(&first)[0], &old);
  EXPECT_EQ((std::vector{all, recursive, first}), (std::vector{2, 2, 1}));
  EXPECT_TRUE(registry.deregisterCreator(creator));
  EXPECT_TRUE(registry.deregisterCreator(old));
  EXPECT_FALSE(registry.deregisterCreator(old));
  EXPECT_EQ(registry.loadLibrary("/nowhere/plugin.so"), nullptr);
  registry.deregisterLibrary(&registry);
  EXPECT_EQ(recorder.errors.size(), 3U);
  registry.setParentSearchEnabled(false);
  EXPECT_FALSE(registry.isParentSearchEnabled());
  registry.setParentSearchEnabled(true);
  registry.setErrorRecorder(nullptr);
  EXPECT_EQ(recorder.references, 0);  // decRefCount
}

TEST(Names, a_resource_lives_until_all_have_released_it) {
  IPluginRegistry& registry = *getPluginRegistry();
  int released = 0;
  Resource mine(&released);
  IPluginResource* shared = registry.acquirePluginResource("key", &mine);
  EXPECT_NE(shared, &mine);
  EXPECT_EQ(registry.acquirePluginResource("key", &mine), shared);
  EXPECT_EQ(registry.releasePluginResource("key"), 0);
  EXPECT_EQ(released, 0);
  EXPECT_EQ(registry.releasePluginResource("key"), 0);
  EXPECT_EQ(released, 1);
}

TEST(Names, layers_keep_what_they_are_given) {
  Bench bench;
  const Owned<INetworkDefinition> net(bench.builder->createNetworkV2(0));
  ITensor& x = *net->addInput("x", DataType::kFLOAT, Dims4{1, 2, 8, 8});
  const std::vector<float> values(16), more(18);
  IConvolutionLayer& conv = *net->addConvolutionNd(x, 1, DimsHW{3, 3}, {}, {});
  conv.setKernelWeights(weights(more));
  conv.setBiasWeights(weights(values));
  EXPECT_EQ(conv.getKernelWeights().values, more.data());
  EXPECT_EQ(conv.getBiasWeights().count, 16);
  IDeconvolutionLayer& back = *net->addDeconvolutionNd(x, 1, DimsHW{3, 3}, {}, {});
  back.setBiasWeights(weights(values));
  back.setKernelWeights(weights(more));
  EXPECT_EQ(back.getBiasWeights().values, values.data());
  IActivationLayer& active = *net->addActivation(x, ActivationType::kRELU);
  active.setActivationType(ActivationType::kTANH);
  EXPECT_EQ(active.getActivationType(), ActivationType::kTANH);
  IPoolingLayer& pool = *net->addPoolingNd(x, PoolingType::kMAX, DimsHW{2, 2});
  pool.setPoolingType(PoolingType::kAVERAGE);
  EXPECT_EQ(pool.getPoolingType(), PoolingType::kAVERAGE);
  IReduceLayer& sum = *net->addReduce(x, ReduceOperation::kSUM, 1, false);
  sum.setReduceAxes(4);
  sum.setKeepDimensions(true);
  EXPECT_TRUE(sum.getReduceAxes() == 4 && sum.getKeepDimensions());
  EXPECT_EQ(sum.getOutput(0)->getDimensions().d[2], 1);
  ITopKLayer& top = *net->addTopK(x, TopKOperation::kMAX, 1, 1);
  top.setReduceAxes(8);
  EXPECT_EQ(top.getReduceAxes(), 8U);
  IGatherLayer& gather = *net->addGather(x, x, 0);
  gather.setGatherAxis(2);
  gather.setNbElementWiseDims(1);
  EXPECT_TRUE(gather.getGatherAxis() == 2 && gather.getNbElementWiseDims() == 1);
  IResizeLayer& resize = *net->addResize(x);
  resize.setOutputDimensions(Dims4{1, 2, 4, 4});
  EXPECT_EQ(resize.getOutputDimensions().d[3], 4);
  IShuffleLayer& shuffle = *net->addShuffle(x);
  EXPECT_EQ(shuffle.getReshapeDimensions().nbDims, -1);
  IFillLayer& fill = *net->addFill(Dims{1, {3}}, FillOperation::kLINSPACE, DataType::kINT64);
  fill.setAlphaInt64(5);
  fill.setBetaInt64(2);
  EXPECT_TRUE(fill.isAlphaBetaInt64() && fill.getAlphaInt64() == 5 && fill.getBetaInt64() == 2);
  INMSLayer& nms = *net->addNMS(x, x, x);
  nms.setTopKBoxLimit(3);
  EXPECT_EQ(nms.getTopKBoxLimit(), 3);
  ILoop& loop = *net->addLoop();
  EXPECT_EQ(loop.addTripLimit(x, TripLimit::kCOUNT)->getTripLimit(), TripLimit::kCOUNT);
  EXPECT_EQ(loop.addLoopOutput(x, LoopOutput::kREVERSE)->getLoopOutput(), LoopOutput::kREVERSE);
  IAttention& attention =
      *net->addAttention(x, x, x, AttentionNormalizationOp::kSOFTMAX, /*causal=*/false);
  EXPECT_TRUE(attention.setNormalizationOperation(AttentionNormalizationOp::kNONE));
  EXPECT_EQ(attention.getNormalizationOperation(), AttentionNormalizationOp::kNONE);
  EXPECT_NE(net->addSoftMax(x), nullptr);
  EXPECT_NE(net->addParametricReLU(x, x), nullptr);
  EXPECT_NE(net->addRaggedSoftMax(x, x), nullptr);
  EXPECT_TRUE(bench.log.errors.empty());
}

TEST(Names, engines_and_contexts_tell) {
  Bench bench;
  LeNet net;
  const auto engine = bench.engine(net, {BuilderFlag::kREFIT});
  ASSERT_STREQ(engine->getIOTensorName(0), "input");
  EXPECT_EQ(engine->getIOTensorName(2), nullptr);
  EXPECT_EQ(engine->getTensorDataType("input"), DataType::kFLOAT);
  EXPECT_EQ(engine->getTensorIOMode("input"), TensorIOMode::kINPUT);
  EXPECT_EQ(engine->getTensorIOMode("nobody"), TensorIOMode::kNONE);
  EXPECT_EQ(engine->getTensorBytesPerComponent("input", 0), -1);
  EXPECT_EQ(engine->getTensorComponentsPerElement("input", 0), -1);
  EXPECT_EQ(engine->getTensorVectorizedDim("input", 0), -1);
  const Owned<IExecutionContext> context(engine->createExecutionContext());
  std::vector<float> image = numbers(144, 9), output(10), expected(10);
  const char* name = engine->getIOTensorName(1);
  EXPECT_TRUE(context->setInputTensorAddress("input", image.data()));
  EXPECT_TRUE(context->setOutputTensorAddress(name, output.data()));
  EXPECT_FALSE(context->setInputTensorAddress(name, image.data()));
  EXPECT_FALSE(context->setOutputTensorAddress("input", output.data()));
  EXPECT_EQ(context->getOutputTensorAddress(name), output.data());
  EXPECT_TRUE(context->allInputShapesSpecified());
  EXPECT_EQ(context->getOptimizationProfile(), 0);
  EXPECT_TRUE(context->enqueueV3(nullptr));
  EXPECT_EQ(output, run(*engine, image, 10));
  EXPECT_TRUE(bench.builder->createOptimizationProfile()->isValid());
}

}  // namespace
}  // namespace door
