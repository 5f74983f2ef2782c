// Fuzzes sequences of network calls: what is built answers with the extents that were inferred.
#include "fuzz_calls.h"

using namespace fuzz;

namespace {

constexpr size_t kMostLayers = 12;
constexpr int64_t kMostElements = 1 << 14;

bool is_small(const Dims& dims) {
  int64_t count = 1;
  for (int32_t i = 0; i < dims.nbDims; ++i) {
    if (dims.d[i] < 0 || dims.d[i] > kMostElements) return false;
    count *= dims.d[i];
    if (count > kMostElements) return false;
  }
  return dims.nbDims >= 0;
}

class Sequence {
 public:
  Sequence(INetworkDefinition& net, Choices& choices) : net_(net), choices_(choices) {}

  void define() {
    add_input();
    for (size_t i = 0; i < kMostLayers && !choices_.empty(); ++i) {
      ILayer* layer = add();
      if (layer == nullptr) continue;
      for (int32_t j = 0; j < layer->getNbOutputs(); ++j)
        if (is_small(layer->getOutput(j)->getDimensions())) tensors_.push_back(layer->getOutput(j));
    }
    if (tensors_.back()->isNetworkInput())
      tensors_.push_back(net_.addIdentity(*tensors_.back())->getOutput(0));
    net_.markOutput(*tensors_.back());
  }

 private:
  ITensor& any() { return *tensors_[choices_.below(static_cast<uint32_t>(tensors_.size()))]; }
  Dims dims() {
    Dims made{static_cast<int32_t>(choices_.below(5)), {}};
    for (int32_t i = 0; i < made.nbDims; ++i) made.d[i] = choices_.extent();
    return made;
  }
  void add_input() {
    ITensor* made = net_.addInput("x", DataType::kFLOAT, dims());
    if (made == nullptr || !is_small(made->getDimensions()))
      made = net_.addInput("plain", DataType::kFLOAT, Dims4{1, 2, 3, 4});
    tensors_.push_back(made);
  }
  ILayer* add() {
    ITensor &x = any(), &y = any();
    switch (choices_.below(16)) {
      case 0: return net_.addActivation(x, choices_.any_of<ActivationType>());
      case 1: return net_.addElementWise(x, y, choices_.any_of<ElementWiseOperation>());
      case 2: return net_.addUnary(x, choices_.any_of<UnaryOperation>());
      case 3:
        return net_.addReduce(x, choices_.any_of<ReduceOperation>(), choices_.next() % 32,
                              choices_.below(2) == 1);
      case 4: return net_.addSoftMax(x);
      case 5: {
        ITensor* both[] = {&x, &y};
        IConcatenationLayer* layer = net_.addConcatenation(both, 2);
        if (layer != nullptr) layer->setAxis(static_cast<int32_t>(choices_.below(5)));
        return layer;
      }
      case 6: {
        IShuffleLayer* layer = net_.addShuffle(x);
        if (layer != nullptr) layer->setReshapeDimensions(dims());
        return layer;
      }
      case 7: return net_.addSlice(x, dims(), dims(), dims());
      case 8:
        return net_.addMatrixMultiply(x, choices_.any_of<MatrixOperation>(), y,
                                      choices_.any_of<MatrixOperation>());
      case 9:
        return net_.addTopK(x, choices_.any_of<TopKOperation>(),
                            static_cast<int32_t>(choices_.extent()), choices_.next() % 32);
      case 10: return net_.addPoolingNd(x, choices_.any_of<PoolingType>(), dims());
      case 11: return net_.addPaddingNd(x, Dims2{choices_.extent(), 0}, Dims2{0, 1});
      case 12: return net_.addShape(x);
      case 13: return net_.addGather(x, y, static_cast<int32_t>(choices_.below(5)));
      case 14: return net_.addFill(dims(), choices_.any_of<FillOperation>(), DataType::kFLOAT);
      default: return net_.addCast(x, choices_.any_of<DataType>());
    }
  }

  INetworkDefinition& net_;
  Choices& choices_;
  std::vector<ITensor*> tensors_;
};

void run_and_compare(ICudaEngine& engine, const Dims& inferred) {
  const Owned<IExecutionContext> context(engine.createExecutionContext());
  std::vector<float> input(kMostElements, 0.5F);
  std::vector<double> output(kMostElements);
  const char* result = engine.getIOTensorName(engine.getNbIOTensors() - 1);
  for (int32_t i = 0; i < engine.getNbIOTensors(); ++i)
    context->setTensorAddress(engine.getIOTensorName(i), input.data());
  context->setTensorAddress(result, output.data());
  if (!context->enqueueV3(nullptr)) return;  // an index outside, for example
  const Dims real = context->getTensorShape(result);
  if (inferred.nbDims < 0) return;
  require(real.nbDims == inferred.nbDims, "the rank is the inferred one");
  for (int32_t i = 0; i < real.nbDims; ++i)
    require(inferred.d[i] < 0 || inferred.d[i] == real.d[i], "extents are the inferred ones");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Choices choices(data, size);
  const Owned<IBuilder> builder(createInferBuilder(quiet));
  const Owned<INetworkDefinition> network(builder->createNetworkV2(choices.below(2)));
  Sequence(*network, choices).define();
  const Dims inferred = network->getOutput(0)->getDimensions();
  const Owned<IBuilderConfig> config(builder->createBuilderConfig());
  config->setBuilderOptimizationLevel(0);
  const Owned<ICudaEngine> engine(builder->buildEngineWithConfig(*network, *config));
  if (engine) run_and_compare(*engine, inferred);
  return 0;
}
