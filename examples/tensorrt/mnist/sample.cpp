// sample.py in C++: LeNet with dummy weights in conv_1, refitted by name and by (layer, role); the
// digits that are read right before and after. tensorrt_mnist DATA_DIR
#include <NvInfer.h>
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace nvinfer1;
template <class T>
using Owned = std::unique_ptr<T>;
using Floats = std::vector<float>;

struct Logger : ILogger {
  void log(Severity severity, const char* line) noexcept override {
    if (severity <= Severity::kWARNING) std::fprintf(stderr, "%s\n", line);
  }
};

// What follows the header of a gzipped IDX file: 4 bytes, and 4 for each axis.
std::vector<unsigned char> read_idx(const std::string& path, int header) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) throw std::runtime_error("cannot open " + path);
  std::vector<unsigned char> bytes;
  unsigned char block[1 << 16];
  for (int got = 0; (got = gzread(file, block, sizeof block)) > 0;)
    bytes.insert(bytes.end(), block, block + got);
  gzclose(file);
  bytes.erase(bytes.begin(), bytes.begin() + std::min<std::ptrdiff_t>(header, bytes.size()));
  return bytes;
}

// The tensors of a safetensors file: its header names the bytes of each.
struct Checkpoint {
  std::string bytes;

  explicit Checkpoint(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
    if (bytes.size() < 8) throw std::runtime_error("cannot read " + path);
  }
  Floats tensor(const std::string& name) const {
    size_t header = 0;
    for (int i = 7; i >= 0; --i)
      header = header << 8 | static_cast<unsigned char>(bytes[static_cast<size_t>(i)]);
    const size_t entry = bytes.find("\"" + name + "\""), at = bytes.find("data_offsets", entry);
    size_t begin = 0, end = 0;
    if (entry == bytes.npos ||
        std::sscanf(bytes.c_str() + bytes.find('[', at), "[%zu,%zu]", &begin, &end) != 2)
      throw std::runtime_error("there is no " + name);
    const auto* first = reinterpret_cast<const float*>(bytes.data() + 8 + header + begin);
    return Floats(first, first + (end - begin) / sizeof(float));
  }
};

Weights weights(const Floats& values) {
  return {DataType::kFLOAT, values.data(), static_cast<int64_t>(values.size())};
}

ITensor* fully_connected(INetworkDefinition& network, ITensor& x, int64_t size,
                         const Floats& kernel, const Floats& bias) {
  const auto inputs = static_cast<int64_t>(kernel.size()) / size;
  ITensor& matrix = *network.addConstant(Dims2{size, inputs}, weights(kernel))->getOutput(0);
  ITensor& shift = *network.addConstant(Dims2{1, size}, weights(bias))->getOutput(0);
  ITensor& product =
      *network.addMatrixMultiply(x, MatrixOperation::kNONE, matrix, MatrixOperation::kTRANSPOSE)
           ->getOutput(0);
  return network.addElementWise(product, shift, ElementWiseOperation::kSUM)->getOutput(0);
}

ITensor* convolution(INetworkDefinition& network, ITensor& x, const char* name, int64_t maps,
                     const Floats& kernel, const Floats& bias) {
  IConvolutionLayer& layer =
      *network.addConvolutionNd(x, maps, DimsHW{5, 5}, weights(kernel), weights(bias));
  layer.setName(name);
  IPoolingLayer& pool = *network.addPoolingNd(*layer.getOutput(0), PoolingType::kMAX, DimsHW{2, 2});
  pool.setStrideNd(DimsHW{2, 2});
  return pool.getOutput(0);
}

using Trained = std::map<std::string, Floats>;

Owned<ICudaEngine> build(Logger& logger, const Trained& trained) {
  const Floats kernel(20 * 25, 0), bias(20, 0);  // to be refitted
  const Owned<IBuilder> builder(createInferBuilder(logger));
  const Owned<INetworkDefinition> network(builder->createNetworkV2(0));
  const Owned<IBuilderConfig> config(builder->createBuilderConfig());
  config->setFlag(BuilderFlag::kREFIT);
  ITensor* x = network->addInput("data", DataType::kFLOAT, Dims4{1, 1, 28, 28});
  x = convolution(*network, *x, "conv_1", 20, kernel, bias);
  network->setWeightsName(weights(kernel), "conv1.weight");
  x = convolution(*network, *x, "conv_2", 50, trained.at("conv2.weight"), trained.at("conv2.bias"));
  IShuffleLayer& flat = *network->addShuffle(*x);
  flat.setReshapeDimensions(Dims2{1, 800});
  x = fully_connected(*network, *flat.getOutput(0), 500, trained.at("fc1.weight"),
                      trained.at("fc1.bias"));
  x = network->addActivation(*x, ActivationType::kRELU)->getOutput(0);
  x = fully_connected(*network, *x, 10, trained.at("fc2.weight"), trained.at("fc2.bias"));
  x->setName("prob");
  network->markOutput(*x);
  const Owned<IHostMemory> plan(builder->buildSerializedNetwork(*network, *config));
  const Owned<IRuntime> runtime(createInferRuntime(logger));
  return Owned<ICudaEngine>(runtime->deserializeCudaEngine(plan->data(), plan->size()));
}

bool refit(Logger& logger, ICudaEngine& engine, const Trained& trained) {
  const Owned<IRefitter> refitter(createInferRefitter(engine, logger));
  return refitter->setNamedWeights("conv1.weight", weights(trained.at("conv1.weight"))) &&
         refitter->setWeights("conv_1", WeightsRole::kBIAS, weights(trained.at("conv1.bias"))) &&
         refitter->getMissingWeights(0, nullptr) == 0 && refitter->refitCudaEngine();
}

void report(ICudaEngine& engine, const std::vector<unsigned char>& pixels,
            const std::vector<unsigned char>& labels) {
  const Owned<IExecutionContext> context(engine.createExecutionContext());
  Floats image(784), digits(10);
  context->setTensorAddress("data", image.data());
  context->setTensorAddress("prob", digits.data());
  size_t right = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    for (size_t j = 0; j < 784; ++j) image[j] = static_cast<float>(pixels[i * 784 + j]) / 255;
    if (!context->enqueueV3(nullptr)) throw std::runtime_error("the engine could not be run");
    right += std::max_element(digits.begin(), digits.end()) - digits.begin() == labels[i];
  }
  std::printf("Got %zu correct predictions out of %zu (%.1f%%)\n", right, labels.size(),
              100.0 * static_cast<double>(right) / static_cast<double>(labels.size()));
}

}  // namespace

int main(int count, char** arguments) try {
  const std::string folder = count > 1 ? arguments[1] : "tests/data/mnist";
  const auto pixels = read_idx(folder + "/t10k-images-idx3-ubyte.gz", 16),
             labels = read_idx(folder + "/t10k-labels-idx1-ubyte.gz", 8);
  const Checkpoint checkpoint(folder + "/lenet_a.safetensors");
  Trained trained;
  for (const char* layer : {"conv1", "conv2", "fc1", "fc2"})
    for (const char* kind : {".weight", ".bias"})
      trained[std::string(layer) + kind] = checkpoint.tensor(std::string(layer) + kind);
  Logger logger;
  const Owned<ICudaEngine> engine = build(logger, trained);
  std::puts("Accuracy Before Engine Refit");
  report(*engine, pixels, labels);
  if (!refit(logger, *engine, trained)) throw std::runtime_error("Failed to refit!");
  std::puts("Accuracy After Engine Refit (expecting 98.0% correct predictions)");
  report(*engine, pixels, labels);
} catch (const std::exception& error) {
  std::fprintf(stderr, "tensorrt_mnist: %s\n", error.what());
  return 1;
}
