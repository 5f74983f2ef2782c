// guide.py in C++: what the developer guide says of refitting and of plans without weights, each
// step with what it promises. tensorrt_guide MODEL.onnx LEAN_RUNTIME.so
#include <NvInfer.h>
#include <NvOnnxParser.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace nvinfer1;
template <class T>
using Owned = std::unique_ptr<T>;
using Floats = std::vector<float>;

struct Logger : ILogger {
  void log(Severity, const char*) noexcept override {}
} gLogger;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "this does not hold: %s\n", what);
  std::exit(1);
}
#define CHECK(condition) check(condition, #condition)

Floats numbers(size_t count, unsigned seed) {
  Floats values(count);
  for (float& value : values) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(seed >> 8) / static_cast<float>(1U << 23) - 1;
  }
  return values;
}

Weights of(const Floats& values) {
  return Weights{DataType::kFLOAT, values.data(), static_cast<int64_t>(values.size())};
}

// A convolution with named weights, and a product of weights that have none.
struct Net {
  Floats kernel, bias, matrix;
  explicit Net(unsigned seed)
      : kernel(numbers(72, seed)), bias(numbers(4, seed + 1)), matrix(numbers(512, seed + 2)) {}

  Owned<IHostMemory> build(std::vector<BuilderFlag> flags, const char* marked = nullptr) const {
    const Owned<IBuilder> builder(createInferBuilder(gLogger));
    const Owned<INetworkDefinition> network(builder->createNetworkV2(0));
    const Owned<IBuilderConfig> config(builder->createBuilderConfig());
    config->setBuilderOptimizationLevel(0);  // the same kernels each time
    ITensor* x = network->addInput("x", DataType::kFLOAT, Dims4{1, 2, 6, 6});
    x = network->addConvolutionNd(*x, 4, DimsHW{3, 3}, of(kernel), of(bias))->getOutput(0);
    network->setWeightsName(of(kernel), "Conv Layer Kernel Weight");
    network->setWeightsName(of(bias), "Conv Layer Bias Weight");
    IShuffleLayer* flat = network->addShuffle(*x);
    flat->setReshapeDimensions(Dims2{1, 64});
    IConstantLayer* dense = network->addConstant(Dims2{64, 8}, of(matrix));
    dense->setName("fc");
    x = network
            ->addMatrixMultiply(*flat->getOutput(0), MatrixOperation::kNONE, *dense->getOutput(0),
                                MatrixOperation::kNONE)
            ->getOutput(0);
    x->setName("y");
    network->markOutput(*x);
    if (marked != nullptr) {
      CHECK(network->markWeightsRefittable(marked));
      CHECK(network->areWeightsMarkedRefittable(marked));
    }
    for (const BuilderFlag flag : flags) config->setFlag(flag);
    return Owned<IHostMemory>(builder->buildSerializedNetwork(*network, *config));
  }
};

Owned<ICudaEngine> deserialize(const IHostMemory& plan) {
  const Owned<IRuntime> runtime(createInferRuntime(gLogger));
  return Owned<ICudaEngine>(runtime->deserializeCudaEngine(plan.data(), plan.size()));
}

Floats run(IExecutionContext& context) {
  static Floats x = numbers(72, 99);
  Floats y(8);
  context.setTensorAddress("x", x.data());
  context.setTensorAddress("y", y.data());
  CHECK(context.enqueueV3(nullptr));
  return y;
}

Floats answer(ICudaEngine& engine) {
  return run(*Owned<IExecutionContext>(engine.createExecutionContext()));
}

void refitting() {
  const Net first(1);
  Net second(7);
  const auto engine = deserialize(*first.build({BuilderFlag::kREFIT}));
  const Owned<IExecutionContext> context(engine->createExecutionContext());
  IRefitter* refitter = createInferRefitter(*engine, gLogger);
  Weights newWeights = of(second.kernel);
  CHECK(refitter->setNamedWeights("Conv Layer Kernel Weight", newWeights));
  CHECK(!refitter->setNamedWeights("Conv Layer Kernel Wait", newWeights));
  newWeights.count = 3;
  CHECK(!refitter->setNamedWeights("Conv Layer Kernel Weight", newWeights));
  const Weights newBiasWeights = of(second.bias);
  CHECK(
      refitter->setNamedWeights("Conv Layer Bias Weight", newBiasWeights, TensorLocation::kDEVICE));
  const int32_t n = refitter->getMissingWeights(0, nullptr);
  std::vector<const char*> weightsNames(static_cast<size_t>(n));
  refitter->getMissingWeights(n, weightsNames.data());
  for (const char* name : weightsNames) refitter->setNamedWeights(name, of(second.matrix));
  CHECK(refitter->getMissingWeights(0, nullptr) == 0);
  CHECK(refitter->refitCudaEngine());
  Net mixed = first;
  mixed.kernel = second.kernel, mixed.bias = second.bias;
  const Floats expected = answer(*deserialize(*mixed.build({})));
  CHECK(run(*context) == expected);  // the context that was made before
  second.kernel = first.kernel;      // the memory directly, and another iteration
  CHECK(refitter->refitCudaEngineAsync(nullptr));
  CHECK(run(*context) != expected);
  CHECK(refitter->unsetNamedWeights("Conv Layer Kernel Weight"));
  CHECK(refitter->getAllWeights(0, nullptr) == 3);
  delete refitter;
  std::puts("refitted");
}

void stripping() {
  const Net net(1);
  const Floats plain = answer(*deserialize(*net.build({})));
  const auto plan = net.build({BuilderFlag::kSTRIP_PLAN, BuilderFlag::kREFIT_IDENTICAL});
  const auto cudaEngine = deserialize(*plan);
  const Owned<IRefitter> refitter(createInferRefitter(*cudaEngine, gLogger));
  const int32_t n = refitter->getAllWeights(0, nullptr);
  std::vector<const char*> weightsNames(static_cast<size_t>(n));
  refitter->getAllWeights(n, weightsNames.data());
  for (const char* name : weightsNames)
    CHECK(refitter->setNamedWeights(name, of(std::strstr(name, "Kernel") != nullptr ? net.kernel
                                             : std::strstr(name, "Bias") != nullptr ? net.bias
                                                                                    : net.matrix)));
  CHECK(refitter->refitCudaEngine());
  CHECK(answer(*cudaEngine) == plain);
  const Owned<ISerializationConfig> serializationConfig(cudaEngine->createSerializationConfig());
  auto serializationFlag = serializationConfig->getFlags();
  serializationFlag &= ~(1U << static_cast<uint32_t>(SerializationFlag::kEXCLUDE_WEIGHTS));
  serializationConfig->setFlags(serializationFlag);
  Owned<IHostMemory> hostMemory(cudaEngine->serializeWithConfig(*serializationConfig));
  const auto full = deserialize(*hostMemory);
  CHECK(!full->isRefittable() && answer(*full) == plain);
  serializationConfig->setFlag(SerializationFlag::kINCLUDE_REFIT);
  hostMemory.reset(cudaEngine->serializeWithConfig(*serializationConfig));
  CHECK(deserialize(*hostMemory)->isRefittable());
  std::puts("stripped, filled, saved full");
}

Owned<IHostMemory> from_onnx(const char* path, std::vector<BuilderFlag> flags) {
  const Owned<IBuilder> builder(createInferBuilder(gLogger));
  const Owned<INetworkDefinition> network(builder->createNetworkV2(0));
  const Owned<nvonnxparser::IParser> parser(nvonnxparser::createParser(*network, gLogger));
  CHECK(parser->parseFromFile(path, static_cast<int>(ILogger::Severity::kWARNING)));
  const Owned<IBuilderConfig> config(builder->createBuilderConfig());
  for (const BuilderFlag flag : flags) config->setFlag(flag);
  IOptimizationProfile* profile = builder->createOptimizationProfile();
  Dims shape = network->getInput(0)->getDimensions();
  for (int32_t i = 0; i < shape.nbDims; ++i)
    if (shape.d[i] < 0) shape.d[i] = 1;
  for (const auto select :
       {OptProfileSelector::kMIN, OptProfileSelector::kOPT, OptProfileSelector::kMAX})
    profile->setDimensions(network->getInput(0)->getName(), select, shape);
  config->addOptimizationProfile(profile);
  return Owned<IHostMemory>(builder->buildSerializedNetwork(*network, *config));
}

void filling_from_onnx(const char* path) {
  const auto engine = deserialize(*from_onnx(path, {BuilderFlag::kSTRIP_PLAN}));
  const Owned<IRefitter> refitter(createInferRefitter(*engine, gLogger));
  const Owned<nvonnxparser::IParserRefitter> parserRefitter(
      nvonnxparser::createParserRefitter(*refitter, gLogger));
  CHECK(parserRefitter->refitFromFile(path));
  CHECK(refitter->refitCudaEngine());
  CHECK(engine->getEngineStat(EngineStat::kSTRIPPED_WEIGHTS_SIZE) == 0);
  std::puts("filled from ONNX");
}

void lean_runtime(const char* path, const char* library) {
  const auto plan = from_onnx(path, {BuilderFlag::kVERSION_COMPATIBLE,
                                     BuilderFlag::kEXCLUDE_LEAN_RUNTIME, BuilderFlag::kSTRIP_PLAN});
  const Owned<IRuntime> runtime(createInferRuntime(gLogger));
  const Owned<IRuntime> lean(runtime->loadRuntime(library));
  CHECK(lean != nullptr);
  const Owned<ICudaEngine> engine(lean->deserializeCudaEngine(plan->data(), plan->size()));
  CHECK(engine != nullptr && engine->isRefittable());
  std::puts("loaded by the lean runtime");
}

void fine_grained() {
  const Net first(1), second(7);
  const char* name = "Conv Layer Kernel Weight";
  const auto engine = deserialize(*first.build({BuilderFlag::kREFIT_INDIVIDUAL}, name));
  const auto stripped =
      deserialize(*first.build({BuilderFlag::kSTRIP_PLAN, BuilderFlag::kREFIT_INDIVIDUAL}, name));
  for (ICudaEngine* each : {engine.get(), stripped.get()}) {
    const Owned<IRefitter> refitter(createInferRefitter(*each, gLogger));
    CHECK(refitter->getAllWeights(0, nullptr) == 1);
    CHECK(!refitter->setNamedWeights("Conv Layer Bias Weight", of(second.bias)));
    CHECK(refitter->setNamedWeights(name, of(second.kernel)) && refitter->refitCudaEngine());
  }
  CHECK(answer(*engine) == answer(*stripped));
  std::puts("marked weights alone");
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return std::fputs("tensorrt_guide MODEL.onnx LEAN_RUNTIME.so\n", stderr), 2;
  refitting();
  stripping();
  filling_from_onnx(arguments[1]);
  lean_runtime(arguments[1], arguments[2]);
  fine_grained();
}
