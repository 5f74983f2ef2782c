// What the tests of the door share: a logger that keeps its lines, a recorder, a LeNet-shaped
// network.
#pragma once

#include <cmath>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "NvInfer.h"

namespace door {

using namespace nvinfer1;
template <class T>
using Owned = std::unique_ptr<T>;

struct Log final : ILogger {
  std::mutex lock;
  std::vector<std::string> errors, warnings;
  void log(Severity severity, const char* line) noexcept override {
    const std::lock_guard hold(lock);
    if (severity <= Severity::kERROR) errors.emplace_back(line);
    if (severity == Severity::kWARNING) warnings.emplace_back(line);
  }
};

struct Recorder final : IErrorRecorder {
  std::vector<std::pair<ErrorCode, std::string>> errors;
  int references = 0;
  int32_t getNbErrors() const noexcept override { return static_cast<int32_t>(errors.size()); }
  ErrorCode getErrorCode(int32_t i) const noexcept override {
    return errors[static_cast<size_t>(i)].first;
  }
  ErrorDesc getErrorDesc(int32_t i) const noexcept override {
    return errors[static_cast<size_t>(i)].second.c_str();
  }
  bool hasOverflowed() const noexcept override { return false; }
  void clear() noexcept override { errors.clear(); }
  bool reportError(ErrorCode code, ErrorDesc text) noexcept override {
    errors.emplace_back(code, text);
    return true;
  }
  RefCount incRefCount() noexcept override { return ++references; }
  RefCount decRefCount() noexcept override { return --references; }
};

/// Values between -1 and 1 that look random.
inline std::vector<float> numbers(size_t count, unsigned seed) {
  std::vector<float> values(count);
  for (float& value : values) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(seed >> 8) / static_cast<float>(1U << 23) - 1;
  }
  return values;
}

inline Weights weights(const std::vector<float>& values) {
  return {DataType::kFLOAT, values.data(), static_cast<int64_t>(values.size())};
}

/// Two convolutions with pools, two dense layers, softmax: [1, 1, 12, 12] to [1, 10].
struct LeNet {
  std::vector<float> conv_1 = numbers(4 * 1 * 3 * 3, 1), bias_1 = numbers(4, 2),
                     conv_2 = numbers(6 * 4 * 2 * 2, 3), bias_2 = numbers(6, 4),
                     dense_1 = numbers(16 * 24, 5), dense_bias = numbers(16, 6),
                     dense_2 = numbers(10 * 16, 7);

  void define(INetworkDefinition& net) const {
    ITensor* x = net.addInput("input", DataType::kFLOAT, Dims4{1, 1, 12, 12});
    x = convolution(net, *x, "conv_1", 4, DimsHW{3, 3}, conv_1, bias_1);  // 10 x 10
    x = pool(net, *x);                                                    // 5 x 5
    x = convolution(net, *x, "conv_2", 6, DimsHW{2, 2}, conv_2, bias_2);  // 4 x 4
    x = pool(net, *x);                                                    // 2 x 2
    IShuffleLayer* flat = net.addShuffle(*x);
    flat->setReshapeDimensions(Dims2{1, 24});
    x = dense(net, *flat->getOutput(0), "fc_1", dense_1, 16);
    IConstantLayer* bias = net.addConstant(Dims2{1, 16}, weights(dense_bias));
    bias->setName("fc_1_bias");
    x = net.addElementWise(*x, *bias->getOutput(0), ElementWiseOperation::kSUM)->getOutput(0);
    x = net.addActivation(*x, ActivationType::kRELU)->getOutput(0);
    x = dense(net, *x, "fc_2", dense_2, 10);
    ISoftMaxLayer* softmax = net.addSoftMax(*x);
    softmax->setAxes(1U << 1);
    softmax->getOutput(0)->setName("prob");
    net.markOutput(*softmax->getOutput(0));
  }

 private:
  static ITensor* convolution(INetworkDefinition& net, ITensor& x, const char* name, int64_t maps,
                              const Dims& kernel, const std::vector<float>& values,
                              const std::vector<float>& bias) {
    IConvolutionLayer* layer =
        net.addConvolutionNd(x, maps, kernel, weights(values), weights(bias));
    layer->setName(name);
    return layer->getOutput(0);
  }
  static ITensor* pool(INetworkDefinition& net, ITensor& x) {
    IPoolingLayer* layer = net.addPoolingNd(x, PoolingType::kMAX, DimsHW{2, 2});
    layer->setStrideNd(DimsHW{2, 2});
    return layer->getOutput(0);
  }
  static ITensor* dense(INetworkDefinition& net, ITensor& x, const char* name,
                        const std::vector<float>& values, int64_t outputs) {
    const auto inputs = static_cast<int64_t>(values.size()) / outputs;
    IConstantLayer* weight = net.addConstant(Dims2{outputs, inputs}, weights(values));
    weight->setName(name);
    return net
        .addMatrixMultiply(x, MatrixOperation::kNONE, *weight->getOutput(0),
                           MatrixOperation::kTRANSPOSE)
        ->getOutput(0);
  }
};

/// A builder with its network and configuration; kernels are chosen without timing.
struct Bench {
  Log log;
  Owned<IBuilder> builder{createInferBuilder(log)};
  Owned<INetworkDefinition> network{builder->createNetworkV2(0)};
  Owned<IBuilderConfig> config{builder->createBuilderConfig()};

  Bench() { config->setBuilderOptimizationLevel(0); }
  Owned<ICudaEngine> engine() {
    return Owned<ICudaEngine>(builder->buildEngineWithConfig(*network, *config));
  }
  Owned<ICudaEngine> engine(const LeNet& net, std::initializer_list<BuilderFlag> flags) {
    net.define(*network);
    for (const BuilderFlag flag : flags) config->setFlag(flag);
    return engine();
  }
};

/// The outputs of one run on static shapes.
inline std::vector<float> run(ICudaEngine& engine, std::vector<float> input, size_t outputs) {
  std::vector<float> made(outputs, NAN);
  Owned<IExecutionContext> context(engine.createExecutionContext());
  if (!context->setTensorAddress(engine.getIOTensorName(0), input.data())) return {};
  if (!context->setTensorAddress(engine.getIOTensorName(1), made.data())) return {};
  return context->enqueueV3(nullptr) ? made : std::vector<float>{};
}

}  // namespace door
