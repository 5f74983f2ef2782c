// Where a plan without weights arrives: the lean library alone fills it from a checkpoint and saves
// it full and still refittable. tensorrt_strip STRIPPED.plan CHECKPOINT.safetensors FILLED.plan
#include <NvInferRuntime.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace nvinfer1;
template <class T>
using Owned = std::unique_ptr<T>;

struct Logger : ILogger {
  void log(Severity severity, const char* line) noexcept override {
    if (severity <= Severity::kWARNING) std::fprintf(stderr, "%s\n", line);
  }
};

std::string read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(std::string("cannot open ") + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The floats that a safetensors file has under a name: its header tells which bytes they are.
std::vector<float> tensor(const std::string& file, const std::string& name) {
  size_t header = 0, begin = 0, end = 0;
  for (int i = 7; i >= 0; --i)
    header = header << 8 | static_cast<unsigned char>(file.at(static_cast<size_t>(i)));
  const size_t entry = file.find("\"" + name + "\""), at = file.find("data_offsets", entry);
  if (entry == file.npos ||
      std::sscanf(file.c_str() + file.find('[', at), "[%zu,%zu]", &begin, &end) != 2)
    throw std::runtime_error("the checkpoint has no " + name);
  const auto* first = reinterpret_cast<const float*>(file.data() + 8 + header + begin);
  return {first, first + (end - begin) / sizeof(float)};
}

void fill(Logger& logger, ICudaEngine& engine, const std::string& checkpoint) {
  const Owned<IRefitter> refitter(createInferRefitter(engine, logger));
  const int32_t count = refitter->getMissingWeights(0, nullptr);
  std::vector<const char*> names(static_cast<size_t>(count));
  refitter->getMissingWeights(count, names.data());
  std::vector<std::vector<float>> kept;
  for (const char* name : names) {
    const std::vector<float>& values = kept.emplace_back(tensor(checkpoint, name));
    const auto size = static_cast<int64_t>(values.size());
    if (!refitter->setNamedWeights(name, {DataType::kFLOAT, values.data(), size}))
      throw std::runtime_error(std::string(name) + " does not fit");
  }
  if (!refitter->refitCudaEngine()) throw std::runtime_error("the plan could not be filled");
  std::printf("%d weights filled\n", count);
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 4) throw std::runtime_error("give a plan, a checkpoint and a file to write");
  Logger logger;
  const std::string plan = read(arguments[1]);
  const Owned<IRuntime> runtime(createInferRuntime(logger));
  const Owned<ICudaEngine> engine(runtime->deserializeCudaEngine(plan.data(), plan.size()));
  if (!engine) throw std::runtime_error("the plan could not be loaded");
  fill(logger, *engine, read(arguments[2]));
  const Owned<ISerializationConfig> config(engine->createSerializationConfig());
  config->clearFlag(SerializationFlag::kEXCLUDE_WEIGHTS);
  config->setFlag(SerializationFlag::kINCLUDE_REFIT);
  const Owned<IHostMemory> full(engine->serializeWithConfig(*config));
  std::ofstream(arguments[3], std::ios::binary)
      .write(static_cast<const char*>(full->data()), static_cast<std::streamsize>(full->size()));
  std::printf("%zu bytes became %zu\n", plan.size(), full->size());
} catch (const std::exception& error) {
  std::fprintf(stderr, "tensorrt_strip: %s\n", error.what());
  return 1;
}
