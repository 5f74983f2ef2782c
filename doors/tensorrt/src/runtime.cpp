// Runtimes, and the entry points that the lean library has too.
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iterator>

#include "engine.h"
#include "entry.h"
#include "max_threads.h"

namespace tenon::trt {

nvinfer1::IRefitter* new_refitter(const EngineImpl& engine, nvinfer1::ILogger* logger);

namespace {

std::atomic<nvinfer1::ILogger*> last_logger = nullptr;

class RuntimeImpl final : public nvinfer1::IRuntime {
 public:
  explicit RuntimeImpl(nvinfer1::ILogger* logger) : reporter_(logger) {}

  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override {
    reporter_.set_recorder(recorder);
  }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override {
    return reporter_.recorder();
  }
  nvinfer1::ICudaEngine* deserializeCudaEngine(const void* blob,
                                               std::size_t size) noexcept override {
    const auto none = static_cast<nvinfer1::ICudaEngine*>(nullptr);
    return guarded(reporter_, "IRuntime::deserializeCudaEngine", none, [&] {
      if (blob == nullptr || size == 0) refuse("the plan is empty");
      if (size >= 4 && std::memcmp(blob, "ftrt", 4) == 0)
        refuse("this is a TensorRT plan; rebuild it from the model");
      const auto* bytes = static_cast<const std::byte*>(blob);
      return opened({bytes, bytes + size});
    });
  }
  nvinfer1::ICudaEngine* deserializeCudaEngine(nvinfer1::IStreamReader& reader) noexcept override {
    return from_stream([&](std::byte* to, int64_t count) { return reader.read(to, count); });
  }
  nvinfer1::ICudaEngine* deserializeCudaEngine(
      nvinfer1::IStreamReaderV2& reader) noexcept override {
    return from_stream(
        [&](std::byte* to, int64_t count) { return reader.read(to, count, nullptr); });
  }
  void setDLACore(int32_t) noexcept override {
    guarded(reporter_, "IRuntime::setDLACore", [] { refuse("there is no DLA here"); });
  }
  int32_t getDLACore() const noexcept override { return -1; }
  int32_t getNbDLACores() const noexcept override { return 0; }
  void setTemporaryDirectory(const char* path) noexcept override {
    guarded(reporter_, "IRuntime::setTemporaryDirectory",
            [&] { folder_ = path != nullptr ? name_of(path) : ""; });
  }
  const char* getTemporaryDirectory() const noexcept override { return folder_.c_str(); }
  void setTempfileControlFlags(uint32_t flags) noexcept override {
    guarded(reporter_, "IRuntime::setTempfileControlFlags", [&] {
      if (flags >> 2 != 0) refuse("unknown bits in " + std::to_string(flags));
      tempfiles_ = flags;
    });
  }
  uint32_t getTempfileControlFlags() const noexcept override { return tempfiles_; }
  void setEngineHostCodeAllowed(bool allowed) noexcept override { host_code_ = allowed; }
  bool getEngineHostCodeAllowed() const noexcept override { return host_code_; }
  nvinfer1::IRuntime* loadRuntime(const char* path) noexcept override;
  nvinfer1::ILogger* getLogger() const noexcept override { return reporter_.logger(); }
  bool setMaxThreads(int32_t threads) noexcept override {
    return threads_.set(reporter_, "IRuntime::setMaxThreads", threads);
  }
  int32_t getMaxThreads() const noexcept override { return threads_.get(); }
  void setGpuAllocator(nvinfer1::IGpuAllocator*) noexcept override {}
  nvinfer1::IPluginRegistry& getPluginRegistry() noexcept override {
    return *::getPluginRegistry();
  }

 private:
  // Tenon's plans execute nothing; the gate is kept for what programs see of it.
  nvinfer1::ICudaEngine* opened(std::vector<std::byte> plan) const {
    const auto bound = threads_.bound();
    auto state = std::make_shared<EngineState>(tenon::Engine::load(std::move(plan)));
    if (state->facts.version_compatible && !state->facts.excludes_runtime && !host_code_)
      refuse(nvinfer1::ErrorCode::kINVALID_STATE,
             "the plan is version-compatible; setEngineHostCodeAllowed(true) first, or build it "
             "with kEXCLUDE_LEAN_RUNTIME");
    return new EngineImpl(std::move(state), reporter_);
  }
  // By pieces, until one is short.
  template <class Read>
  nvinfer1::ICudaEngine* from_stream(Read&& read) noexcept {
    const auto none = static_cast<nvinfer1::ICudaEngine*>(nullptr);
    return guarded(reporter_, "IRuntime::deserializeCudaEngine", none, [&] {
      constexpr int64_t piece = int64_t{1} << 20;
      std::vector<std::byte> plan;
      for (int64_t got = 1; got > 0;) {
        const size_t at = plan.size();
        plan.resize(at + static_cast<size_t>(piece));
        got = read(plan.data() + at, piece);
        if (got > piece)
          refuse("the reader says that it read " + std::to_string(got) + " of " +
                 std::to_string(piece) + " bytes");
        plan.resize(at + static_cast<size_t>(std::max<int64_t>(got, 0)));
      }
      if (plan.empty()) refuse("the reader gave no bytes");
      return opened(std::move(plan));
    });
  }

  Reporter reporter_;
  MaxThreads threads_;
  std::string folder_;
  uint32_t tempfiles_ = 3;
  bool host_code_ = false;
};

// What a library of another kind would do when it is opened, nobody knows: so it is not opened.
// Ours tell themselves by the name of a symbol.
bool is_ours(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  return bytes.starts_with(
             "\x7f"
             "ELF") &&
         bytes.find("tenon_nvinfer_runtime") != bytes.npos;
}

nvinfer1::IRuntime* RuntimeImpl::loadRuntime(const char* path) noexcept {
  const auto none = static_cast<nvinfer1::IRuntime*>(nullptr);
  return guarded(reporter_, "IRuntime::loadRuntime", none, [&] {
    const std::string given = name_of(path, "the library's path");
    if (!is_ours(given)) refuse("\"" + given + "\" is no library of Tenon's with a runtime");
    void* library = dlopen(given.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) refuse(dlerror());
    using Create = void* (*)(void*, int32_t);
    const auto create = reinterpret_cast<Create>(dlsym(library, "createInferRuntime_INTERNAL"));
    if (create == nullptr) refuse("\"" + given + "\" has no entry point of a runtime");
    return static_cast<nvinfer1::IRuntime*>(create(reporter_.logger(), NV_TENSORRT_VERSION));
  });
}

}  // namespace

void remember(nvinfer1::ILogger* logger) noexcept { last_logger = logger; }

const void* this_library() noexcept { return &last_logger; }

}  // namespace tenon::trt

/// By its name is a library known.
extern "C" TENSORRTAPI const char tenon_nvinfer_runtime[];
const char tenon_nvinfer_runtime[] = "Tenon";

void* createInferRuntime_INTERNAL(void* logger, int32_t version) noexcept {
  return tenon::trt::create<nvinfer1::IRuntime>(
      logger, version, NV_TENSORRT_VERSION, "createInferRuntime",
      [](nvinfer1::ILogger* given) -> nvinfer1::IRuntime* {
        return new tenon::trt::RuntimeImpl(given);
      });
}

void* createInferRefitter_INTERNAL(void* engine, void* logger, int32_t version) noexcept {
  return tenon::trt::create<nvinfer1::IRefitter>(
      logger, version, NV_TENSORRT_VERSION, "createInferRefitter", [&](nvinfer1::ILogger* given) {
        const auto& ours = static_cast<tenon::trt::EngineImpl&>(
            tenon::trt::made_here<nvinfer1::ICudaEngine>(engine, "the engine"));
        if (!ours.state->facts.refittable)
          tenon::trt::refuse("the engine is not refittable; build it with kREFIT");
        return tenon::trt::new_refitter(ours, given);
      });
}

nvinfer1::ILogger* getLogger() noexcept { return tenon::trt::last_logger; }

int32_t getInferLibVersion() noexcept { return NV_TENSORRT_VERSION; }
int32_t getInferLibMajorVersion() noexcept { return NV_TENSORRT_MAJOR; }
int32_t getInferLibMinorVersion() noexcept { return NV_TENSORRT_MINOR; }
int32_t getInferLibPatchVersion() noexcept { return NV_TENSORRT_PATCH; }
int32_t getInferLibBuildVersion() noexcept { return NV_TENSORRT_BUILD; }
