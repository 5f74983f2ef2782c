// Fuzzes plans and timing caches through the door: what loads answers every question and saves to
// what loads again.
#include "fuzz_calls.h"

using namespace fuzz;

namespace {

void ask(ICudaEngine& engine) {
  for (int32_t i = -1; i <= engine.getNbIOTensors(); ++i) {
    const char* name = engine.getIOTensorName(i);
    engine.getTensorShape(name);
    engine.getTensorDataType(name);
    engine.getAliasedInputTensor(name);
    for (int32_t profile = -1; profile <= engine.getNbOptimizationProfiles(); ++profile)
      engine.getProfileShape(name, profile, OptProfileSelector::kOPT);
  }
  const Owned<IEngineInspector> inspector(engine.createEngineInspector());
  inspector->getEngineInformation(LayerInformationFormat::kJSON);
  if (!engine.isRefittable()) return;
  const Owned<IRefitter> refitter(createInferRefitter(engine, quiet));
  const int32_t all = refitter->getAllWeights(0, nullptr);
  std::vector<const char*> names(static_cast<size_t>(all));
  require(refitter->getAllWeights(all, names.data()) == all, "one count of weights");
  for (const char* name : names)
    require(refitter->getWeightsPrototype(name).count >= 0, "each has a prototype");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Owned<IBuilder> builder(createInferBuilder(quiet));
  const Owned<IBuilderConfig> config(builder->createBuilderConfig());
  if (const Owned<ITimingCache> cache(config->createTimingCache(data, size)); cache)
    delete cache->serialize();
  const Owned<IRuntime> runtime(createInferRuntime(quiet));
  runtime->setEngineHostCodeAllowed(true);
  const Owned<ICudaEngine> engine(runtime->deserializeCudaEngine(data, size));
  if (!engine) return 0;
  ask(*engine);
  const Owned<IHostMemory> saved(engine->serialize());
  if (!saved) return 0;
  const Owned<ICudaEngine> again(runtime->deserializeCudaEngine(saved->data(), saved->size()));
  require(again != nullptr, "what was saved loads");
  require(again->isRefittable() == engine->isRefittable(), "it is as refittable as before");
  return 0;
}
