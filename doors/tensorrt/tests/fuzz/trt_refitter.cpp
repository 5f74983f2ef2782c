// Fuzzes orders of calls on a refitter, against a model of what it says: y = x * scale + shift, and
// a constant that is added.
#include <array>
#include <cstring>

#include "fuzz_calls.h"

using namespace fuzz;

namespace {

constexpr size_t kCount = 3, kElements = 4;
constexpr std::array<const char*, kCount> kNames{"scale", "layer SHIFT", "constant"};
constexpr std::array<std::pair<const char*, WeightsRole>, kCount> kPlaces{
    {{"layer", WeightsRole::kSCALE},
     {"layer", WeightsRole::kSHIFT},
     {"c", WeightsRole::kCONSTANT}}};
using Values = std::array<float, kElements>;

/// The program's side: what it set, and what it expects of the engine.
struct Model {
  std::array<Values, kCount> memory{}, engine{};
  std::array<bool, kCount> is_set{};
  bool ready = true;

  std::vector<size_t> missing() const {
    std::vector<size_t> lacking;
    for (size_t i = 0; i < kCount; ++i)
      if (!ready && !is_set[i]) lacking.push_back(i);
    return lacking;
  }
  bool refit() {
    if (!missing().empty()) return false;
    bool any = false;
    for (size_t i = 0; i < kCount; ++i)
      if (is_set[i]) engine[i] = memory[i], any = true;
    ready = ready || any;
    return true;
  }
  Values answer(const Values& x) const {
    Values y{};
    for (size_t i = 0; i < kElements; ++i) y[i] = x[i] * engine[0][i] + engine[1][i] + engine[2][i];
    return y;
  }
};

Weights weights(const Values& values) {
  return {DataType::kFLOAT, values.data(), static_cast<int64_t>(kElements)};
}

Owned<ICudaEngine> build(const Model& model, bool strip) {
  const Owned<IBuilder> builder(createInferBuilder(quiet));
  const Owned<INetworkDefinition> network(builder->createNetworkV2(1));
  ITensor& x = *network->addInput("x", DataType::kFLOAT, Dims4{1, 4, 1, 1});
  IScaleLayer& layer = *network->addScale(x, ScaleMode::kCHANNEL, weights(model.memory[1]),
                                          weights(model.memory[0]), {});
  layer.setName("layer");
  network->setWeightsName(weights(model.memory[0]), kNames[0]);
  IConstantLayer& constant = *network->addConstant(Dims4{1, 4, 1, 1}, weights(model.memory[2]));
  constant.setName("c");
  network->setWeightsName(weights(model.memory[2]), kNames[2]);
  ITensor& y =
      *network
           ->addElementWise(*layer.getOutput(0), *constant.getOutput(0), ElementWiseOperation::kSUM)
           ->getOutput(0);
  y.setName("y");
  network->markOutput(y);
  const Owned<IBuilderConfig> config(builder->createBuilderConfig());
  config->setBuilderOptimizationLevel(0);
  config->setFlag(BuilderFlag::kREFIT);
  if (strip) config->setFlag(BuilderFlag::kSTRIP_PLAN);
  const Owned<IHostMemory> plan(builder->buildSerializedNetwork(*network, *config));
  const Owned<IRuntime> runtime(createInferRuntime(quiet));
  return Owned<ICudaEngine>(runtime->deserializeCudaEngine(plan->data(), plan->size()));
}

void compare_missing(IRefitter& refitter, const Model& model) {
  std::array<const char*, kCount> names{};
  const auto lacking = model.missing();
  require(refitter.getMissingWeights(kCount, names.data()) == static_cast<int32_t>(lacking.size()),
          "as many are missing as the model says");
  for (const size_t i : lacking) {
    bool found = false;
    for (const char* name : names) found = found || (name && std::strcmp(name, kNames[i]) == 0);
    require(found, "the missing ones are the model's");
  }
}

void compare_run(IExecutionContext& context, const Model& model) {
  Values x{1, -2, 3, 0.5F}, y{};
  context.setTensorAddress("x", x.data());
  context.setTensorAddress("y", y.data());
  require(context.enqueueV3(nullptr) == model.ready, "an engine runs where it has all weights");
  const Values expected = model.answer(x);
  for (size_t i = 0; model.ready && i < kElements; ++i)
    require(std::abs(y[i] - expected[i]) <= 1e-3F * (1 + std::abs(expected[i])),
            "the answer is that of the weights");
}

void call(IRefitter& refitter, IExecutionContext& context, Model& model, Choices& choices) {
  const size_t i = choices.below(kCount);
  switch (choices.below(9)) {
    case 0:
      for (float& value : model.memory[i]) value = static_cast<float>(choices.next()) / 16;
      return;
    case 1:
      require(refitter.setNamedWeights(kNames[i], weights(model.memory[i])), "set by name");
      model.is_set[i] = true;
      return;
    case 2:
      require(refitter.setWeights(kPlaces[i].first, kPlaces[i].second, weights(model.memory[i])),
              "set by layer and role");
      model.is_set[i] = true;
      return;
    case 3: {
      Weights wrong = weights(model.memory[i]);
      wrong.count = choices.below(4);
      require(!refitter.setNamedWeights(kNames[i], wrong), "a wrong count is refused");
      wrong = {DataType::kHALF, model.memory[i].data(), static_cast<int64_t>(kElements)};
      require(!refitter.setNamedWeights(kNames[i], wrong), "a wrong type is refused");
      return;
    }
    case 4:
      require(!refitter.setNamedWeights("nobody", weights(model.memory[i])), "an unknown name");
      require(!refitter.setWeights("layer", WeightsRole::kKERNEL, weights(model.memory[i])),
              "an unknown role");
      return;
    case 5:
      require(refitter.unsetNamedWeights(kNames[i]) == model.is_set[i], "unset what was set");
      model.is_set[i] = false;
      return;
    case 6: return compare_missing(refitter, model);
    case 7:
      require(refitter.refitCudaEngine() == model.refit(), "a refit is done where none is missing");
      return;
    default: return compare_run(context, model);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Choices choices(data, size);
  Model model;
  for (auto& values : model.memory)
    for (float& value : values) value = static_cast<float>(choices.next()) / 8;
  model.engine = model.memory;
  model.ready = choices.below(2) == 0;
  const Owned<ICudaEngine> engine = build(model, !model.ready);
  require(engine != nullptr, "the engine is built");
  const Owned<IExecutionContext> context(engine->createExecutionContext());
  const Owned<IRefitter> refitter(createInferRefitter(*engine, quiet));
  for (int calls = 0; calls < 64 && !choices.empty(); ++calls)
    call(*refitter, *context, model, choices);
  compare_missing(*refitter, model);
  compare_run(*context, model);
  return 0;
}
