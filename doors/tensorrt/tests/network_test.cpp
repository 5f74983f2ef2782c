// Layers against closed formulas; networks that change after they were made; ranges of shapes.
#include <gtest/gtest.h>

#include <functional>

#include "door.h"

namespace door {
namespace {

std::vector<int64_t> extents(const ITensor& tensor) {
  const Dims dims = tensor.getDimensions();
  return {dims.d, dims.d + std::max(dims.nbDims, 0)};
}

using Define = std::function<ITensor*(INetworkDefinition&, ITensor&)>;

// What the layers of `define` make of an input; NAN where the run wrote nothing.
std::vector<float> made(const Dims& dims, const std::vector<float>& input, size_t outputs,
                        const Define& define) {
  Bench bench;
  ITensor* x = bench.network->addInput("x", DataType::kFLOAT, dims);
  ITensor* y = define(*bench.network, *x);
  if (y == nullptr) return {};
  bench.network->markOutput(*y);
  const auto engine = bench.engine();
  for (const std::string& line : bench.log.errors) ADD_FAILURE() << line;
  return engine ? run(*engine, input, outputs) : std::vector<float>{};
}

void expect_near(const std::vector<float>& got, const std::vector<float>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], 1e-5) << i;
}

TEST(Layers, activations_are_their_formulas) {
  const float a = 0.3F, b = 0.7F;
  const std::vector<std::pair<ActivationType, std::function<float(float)>>> all{
      {ActivationType::kRELU, [](float x) { return std::max(x, 0.0F); }},
      {ActivationType::kSIGMOID, [](float x) { return 1 / (1 + std::exp(-x)); }},
      {ActivationType::kTANH, [](float x) { return std::tanh(x); }},
      {ActivationType::kLEAKY_RELU, [=](float x) { return x >= 0 ? x : a * x; }},
      {ActivationType::kELU, [=](float x) { return x >= 0 ? x : a * (std::exp(x) - 1); }},
      {ActivationType::kSELU, [=](float x) { return x > 0 ? b * x : b * (a * std::exp(x) - a); }},
      {ActivationType::kSOFTSIGN, [](float x) { return x / (1 + std::abs(x)); }},
      {ActivationType::kSOFTPLUS, [=](float x) { return a * std::log(std::exp(b * x) + 1); }},
      {ActivationType::kCLIP, [=](float x) { return std::max(a, std::min(b, x)); }},
      {ActivationType::kHARD_SIGMOID,
       [=](float x) { return std::max(0.0F, std::min(1.0F, a * x + b)); }},
      {ActivationType::kSCALED_TANH, [=](float x) { return a * std::tanh(b * x); }},
      {ActivationType::kTHRESHOLDED_RELU, [=](float x) { return x > a ? x : 0; }},
      {ActivationType::kGELU_ERF,
       [](float x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0F))); }},
      {ActivationType::kGELU_TANH, [](float x) {
         return x / 2 * (1 + std::tanh(std::sqrt(2 / 3.14159265F) * (x + 0.044715F * x * x * x)));
       }}};
  ASSERT_EQ(all.size(), static_cast<size_t>(EnumMax<ActivationType>()));
  const std::vector<float> x{-2, -0.5, 0, 0.2F, 0.5, 3};
  for (const auto& [type, formula] : all) {
    SCOPED_TRACE(static_cast<int>(type));
    std::vector<float> wanted;
    for (const float each : x) wanted.push_back(formula(each));
    expect_near(made(Dims2{2, 3}, x, 6,
                     [&, kind = type](INetworkDefinition& net, ITensor& input) {
                       IActivationLayer* layer = net.addActivation(input, kind);
                       layer->setAlpha(a);
                       layer->setBeta(b);
                       return layer->getOutput(0);
                     }),
                wanted);
  }
}

TEST(Layers, scale_is_times_plus_power_by_channel) {
  const std::vector<float> shift{1, 2}, scale{3, 4}, power{2, 1}, x{0, 1, 2, 3};
  expect_near(made(Dims4{1, 2, 1, 2}, x, 4,
                   [&](INetworkDefinition& net, ITensor& input) {
                     return net
                         .addScale(input, ScaleMode::kCHANNEL, weights(shift), weights(scale),
                                   weights(power))
                         ->getOutput(0);
                   }),
              {1, 16, 10, 14});
}

TEST(Layers, products_take_matrices_transposes_and_vectors) {
  const std::vector<float> b{1, 2, 3, 4, 5, 6}, v{1, 0, -1}, x{1, 2, 3, 4, 5, 6};
  const auto times = [&](const std::vector<float>& other, const Dims& dims, MatrixOperation left,
                         MatrixOperation right) {
    return [&, dims, left, right](INetworkDefinition& net, ITensor& input) {
      ITensor& w = *net.addConstant(dims, weights(other))->getOutput(0);
      return net.addMatrixMultiply(input, left, w, right)->getOutput(0);
    };
  };
  using Op = MatrixOperation;
  expect_near(made(Dims2{2, 3}, x, 4, times(b, Dims2{3, 2}, Op::kNONE, Op::kNONE)),
              {22, 28, 49, 64});
  expect_near(made(Dims2{2, 3}, x, 4, times(b, Dims2{2, 3}, Op::kNONE, Op::kTRANSPOSE)),
              {14, 32, 32, 77});
  expect_near(made(Dims2{2, 3}, x, 2, times(v, Dims{1, {3}}, Op::kNONE, Op::kVECTOR)), {-2, -2});
}

TEST(Layers, mean_pools_leave_padding_out_unless_told) {
  for (const bool excludes : {true, false}) {
    expect_near(
        made(Dims4{1, 1, 2, 2}, {4, 8, 12, 16}, 4,
             [&](INetworkDefinition& net, ITensor& input) {
               IPoolingLayer* pool = net.addPoolingNd(input, PoolingType::kAVERAGE, DimsHW{2, 2});
               pool->setStrideNd(DimsHW{2, 2});
               pool->setPaddingNd(DimsHW{1, 1});
               pool->setAverageCountExcludesPadding(excludes);
               return pool->getOutput(0);
             }),
        excludes ? std::vector<float>{4, 8, 12, 16} : std::vector<float>{1, 2, 3, 4});
  }
}

TEST(Layers, shuffles_transpose_reshape_transpose) {
  expect_near(made(Dims2{2, 3}, {1, 2, 3, 4, 5, 6}, 6,
                   [](INetworkDefinition& net, ITensor& input) {
                     IShuffleLayer* layer = net.addShuffle(input);
                     layer->setFirstTranspose(Permutation{{1, 0}});  // 1 4 2 5 3 6
                     layer->setReshapeDimensions(Dims2{2, -1});
                     layer->setSecondTranspose(Permutation{{1, 0}});
                     return layer->getOutput(0);
                   }),
              {1, 5, 4, 3, 2, 6});
}

TEST(Layers, reduce_join_and_compute_by_element) {
  const std::vector<float> x{1, -2, 3, -4};
  expect_near(made(Dims2{2, 2}, x, 6,
                   [](INetworkDefinition& net, ITensor& input) {
                     ITensor* sum =
                         net.addReduce(input, ReduceOperation::kSUM, 1U << 1, true)->getOutput(0);
                     ITensor* magnitude = net.addUnary(input, UnaryOperation::kABS)->getOutput(0);
                     ITensor* halves =
                         net.addElementWise(*magnitude, *sum, ElementWiseOperation::kFLOOR_DIV)
                             ->getOutput(0);
                     ITensor* both[] = {halves, sum};
                     IConcatenationLayer* join = net.addConcatenation(both, 2);
                     join->setAxis(1);
                     return join->getOutput(0);
                   }),
              {-1, -2, -1, -3, -4, -1});
}

TEST(Networks, are_live) {
  Bench bench;
  INetworkDefinition& net = *bench.network;
  const std::vector<float> kernel = numbers(3 * 2 * 9, 1);
  ITensor* x = net.addInput("x", DataType::kFLOAT, Dims4{-1, 2, 8, 8});
  IConvolutionLayer* conv = net.addConvolutionNd(*x, 3, DimsHW{3, 3}, weights(kernel), Weights{});
  ITensor* y = net.addActivation(*conv->getOutput(0), ActivationType::kRELU)->getOutput(0);
  EXPECT_EQ(extents(*y), (std::vector<int64_t>{-1, 3, 6, 6}));
  conv->setPaddingNd(DimsHW{1, 1});
  EXPECT_EQ(extents(*y), (std::vector<int64_t>{-1, 3, 8, 8}));
  conv->setStrideNd(DimsHW{2, 2});
  EXPECT_EQ(extents(*y), (std::vector<int64_t>{-1, 3, 4, 4}));
  x->setDimensions(Dims4{5, 2, 10, 10});
  EXPECT_EQ(extents(*y), (std::vector<int64_t>{5, 3, 5, 5}));
  ITensor* wide = net.addInput("wide", DataType::kFLOAT, Dims4{5, 2, 10, 20});
  conv->setInput(0, *wide);
  EXPECT_EQ(extents(*y), (std::vector<int64_t>{5, 3, 5, 10}));
  EXPECT_TRUE(bench.log.errors.empty());
}

TEST(Networks, take_shapes_inside_their_profile) {
  Bench bench;
  ITensor* x = bench.network->addInput("x", DataType::kFLOAT, Dims2{-1, 2});
  ITensor* y = bench.network->addUnary(*x, UnaryOperation::kNEG)->getOutput(0);
  y->setName("y");
  bench.network->markOutput(*y);
  EXPECT_EQ(bench.engine(), nullptr);
  EXPECT_EQ(bench.log.errors,
            std::vector<std::string>{
                "IBuilder::buildEngineWithConfig: Error Code 4: API Usage Error (Network has "
                "dynamic or shape inputs, but no optimization profile has been defined.)"});
  IOptimizationProfile* profile = bench.builder->createOptimizationProfile();
  EXPECT_TRUE(profile->setDimensions("x", OptProfileSelector::kMIN, Dims2{1, 2}));
  EXPECT_FALSE(profile->setDimensions("x", OptProfileSelector::kMAX, Dims2{0, 2}));
  EXPECT_TRUE(profile->setDimensions("x", OptProfileSelector::kMAX, Dims2{4, 2}));
  EXPECT_EQ(bench.config->addOptimizationProfile(profile), -1);
  EXPECT_TRUE(profile->setDimensions("x", OptProfileSelector::kOPT, Dims2{2, 2}));
  EXPECT_EQ(bench.config->addOptimizationProfile(profile), 0);
  const auto engine = bench.engine();
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->getTensorShape("x").d[0], -1);
  const Owned<IExecutionContext> context(engine->createExecutionContext());
  EXPECT_FALSE(context->allInputDimensionsSpecified());
  EXPECT_FALSE(context->setInputShape("x", Dims2{5, 2}));
  EXPECT_FALSE(context->setInputShape("x", Dims2{3, 3}));
  ASSERT_TRUE(context->setInputShape("x", Dims2{3, 2}));
  std::vector<float> in{1, 2, 3, 4, 5, 6}, out(6, NAN);
  void* bindings[] = {in.data(), out.data()};
  ASSERT_TRUE(context->executeV2(bindings));
  EXPECT_EQ(out, (std::vector<float>{-1, -2, -3, -4, -5, -6}));
  EXPECT_EQ(context->getTensorShape("y").d[0], 3);
}

}  // namespace
}  // namespace door
