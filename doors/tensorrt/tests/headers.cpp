// The headers alone, in each standard that programs use; compiled, never run.
#include "NvInfer.h"
#include "NvInferPlugin.h"
#include "NvInferRuntimeCommon.h"
#include "NvOnnxConfig.h"
#include "NvOnnxParser.h"

static_assert(NV_TENSORRT_VERSION == NV_TENSORRT_MAJOR * 10000 + 1600 + NV_TENSORRT_PATCH, "");
static_assert(nvinfer1::EnumMax<nvinfer1::BuilderFlag>() == 29, "");
static_assert(nvinfer1::EnumMax<nvinfer1::LayerType>() == 57, "");

namespace nvinfer1 {
class ILogger;  // as programs declare it ahead
}

class Quiet : public nvinfer1::ILogger {
  void log(Severity, nvinfer1::AsciiChar const*) noexcept override {}
};

int64_t program() {
  static Quiet logger;
  initLibNvInferPlugins(&logger, "");
  delete nvinfer1::createInferRuntime(logger);
  nvinfer1::IBuilder* builder = nvinfer1::createInferBuilder(logger);
  const uint32_t flags =
      1U << static_cast<uint32_t>(nvinfer1::NetworkDefinitionCreationFlag::kEXPLICIT_BATCH);
  nvinfer1::INetworkDefinition* network = builder->createNetworkV2(flags);
  nvinfer1::Dims const pair{2, {3, 4}};
  nvinfer1::ITensor* x = network->addInput("x", nvinfer1::DataType::kFLOAT, pair);
  nvinfer1::Weights const none{nvinfer1::DataType::kFLOAT, nullptr, 0};
  nvinfer1::ILayer* layer = network->addConvolutionNd(*x, 1, nvinfer1::DimsHW{3, 3}, none, none);
  bool (nvinfer1::IRefitter::*set)(char const*, nvinfer1::Weights) =
      static_cast<bool (nvinfer1::IRefitter::*)(char const*, nvinfer1::Weights)>(
          &nvinfer1::IRefitter::setNamedWeights);
  const int64_t rank = layer->getOutput(0)->getDimensions().nbDims + (set == nullptr ? 1 : 0);
  delete nvonnxparser::createParser(*network, logger);
  delete network;
  delete builder;
  return rank;
}
