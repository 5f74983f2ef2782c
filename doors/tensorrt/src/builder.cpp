// Builders, their configurations and profiles; what the flags mean to Tenon.
#include "config.h"
#include "max_threads.h"
#include "monitor.h"
#include "tenon/build.h"

namespace tenon::trt {
namespace {

/// What one build is told, out of network and configuration.
struct Order {
  const NetworkImpl& network;
  const ConfigImpl& config;
  bool refit = false, individual = false, identical = false, strip = false;

  Order(const NetworkImpl& network, const ConfigImpl& config) : network(network), config(config) {
    refit = config.has(BuilderFlag::kREFIT),
    individual = config.has(BuilderFlag::kREFIT_INDIVIDUAL);
    strip = config.has(BuilderFlag::kSTRIP_PLAN);
    identical = config.has(BuilderFlag::kREFIT_IDENTICAL) || (strip && !refit && !individual);
    for (const auto other : {BuilderFlag::kREFIT, BuilderFlag::kREFIT_IDENTICAL})
      if (individual && config.has(other))
        refuse(ErrorCode::kINVALID_CONFIG,
               std::string("kREFIT_INDIVIDUAL and ") +
                   (other == BuilderFlag::kREFIT ? "kREFIT" : "kREFIT_IDENTICAL") +
                   " exclude one another; clear one");
    if (config.getEngineCapability() != nvinfer1::EngineCapability::kSTANDARD)
      refuse(ErrorCode::kUNSUPPORTED_STATE, "engines are of capability kSTANDARD here");
    if (config.getNbPluginsToSerialize() > 0)
      refuse(ErrorCode::kUNSUPPORTED_STATE, "setPluginsToSerialize: a plan carries no plugins");
    if (config.getInt8Calibrator() != nullptr)
      warn("setInt8Calibrator: there is no calibration; quantise by quantize layers");
    if (config.getAlgorithmSelector() != nullptr)
      warn("setAlgorithmSelector: Tenon chooses by time and asks nobody");
    check_precisions();
    check_batch();
    if (identical && refit) warn("kREFIT and kREFIT_IDENTICAL: kREFIT holds, any values are taken");
    identical = identical && !refit;
  }

  void warn(const std::string& line) const {
    network.reporter.say(Reporter::Severity::kWARNING, "build: " + line);
  }

  // A network of flags 0 whose images have no axis of samples.
  void check_batch() const {
    if (!network.hasImplicitBatchDimension()) return;
    if (!config.profiles.empty())
      refuse(ErrorCode::kINVALID_CONFIG,
             "the network has its batch in no shape (images of rank 3, flags 0), and the "
             "configuration has a profile; give the inputs their batch axis");
    network.reporter.say(Reporter::Severity::kINFO,
                         "build: images of rank 3, flags 0: the batch is in no shape");
  }

  // A strongly typed network says itself what each tensor is.
  void check_precisions() const {
    static constexpr std::pair<BuilderFlag, const char*> kPrecisions[] = {
        {BuilderFlag::kFP16, "kFP16"}, {BuilderFlag::kBF16, "kBF16"}, {BuilderFlag::kINT8, "kINT8"},
        {BuilderFlag::kFP8, "kFP8"},   {BuilderFlag::kINT4, "kINT4"}, {BuilderFlag::kFP4, "kFP4"}};
    if (!network.getFlag(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED)) return;
    for (const auto& [flag, name] : kPrecisions) {
      if (config.has(flag))
        refuse(ErrorCode::kINVALID_CONFIG,
               std::string(name) + ": the network is strongly typed; clear the flag");
    }
  }

  std::map<WeightsKey, std::string> names() const {
    auto names = network.names();
    if (!refit && !individual && !identical) names.clear();
    if (individual)
      std::erase_if(names, [&](const auto& each) { return !network.is_marked(each.first); });
    if (individual && names.empty())
      warn("kREFIT_INDIVIDUAL, and no weights are marked: nothing will be refittable");
    return names;
  }

  std::map<std::string, std::vector<Axis>> shapes() const {
    std::map<std::string, std::vector<Axis>> shapes;
    for (int32_t i = 0; i < network.getNbInputs(); ++i) {
      const nvinfer1::ITensor& input = *network.getInput(i);
      const Dims dims = input.getDimensions();
      if (is_static(dims)) continue;
      if (config.profiles.empty())
        refuse(
            ErrorCode::kINVALID_CONFIG,
            "Network has dynamic or shape inputs, but no optimization profile has been defined.");
      shapes[input.getName()] = axes(input.getName(), dims);
    }
    return shapes;
  }

  // Every profile's range lies in one: kernels are timed at the first profile's typical extents.
  std::vector<Axis> axes(const std::string& name, const Dims& dims) const {
    std::vector<Axis> axes;
    for (const Profile& profile : config.profiles) {
      const auto& three = ranges_of(profile, name, dims);
      for (size_t i = 0; i < index(dims.nbDims); ++i) {
        const Axis range = dims.d[i] >= 0
                               ? Axis(dims.d[i])
                               : Axis::range(three[0].d[i], three[1].d[i], three[2].d[i]);
        if (axes.size() <= i) {
          axes.push_back(range);
        } else {
          axes[i].least = std::min(axes[i].least, range.least);
          axes[i].greatest = std::max(axes[i].greatest, range.greatest);
        }
      }
    }
    return axes;
  }

  static const std::array<Dims, 3>& ranges_of(const Profile& profile, const std::string& name,
                                              const Dims& dims) {
    const auto found = profile.ranges.find(name);
    if (found == profile.ranges.end())
      refuse(ErrorCode::kINVALID_CONFIG,
             "the profile has no dimensions for input \"" + name + "\"");
    const auto& [least, typical, greatest] = found->second;
    for (int i = 0; i < dims.nbDims; ++i) {
      const bool fits = least.nbDims == dims.nbDims &&
                        (dims.d[i] < 0 || (dims.d[i] == least.d[i] && dims.d[i] == greatest.d[i]));
      if (!fits)
        refuse(ErrorCode::kINVALID_CONFIG, "input \"" + name + "\": the profile's " +
                                               to_string(least) + " does not fit the network's " +
                                               to_string(dims));
    }
    return found->second;
  }

  EngineFacts facts() const {
    EngineFacts made{.name = network.getName(),
                     .refittable = refit || individual || identical,
                     .stripped = strip,
                     .identical = identical};
    made.version_compatible = config.has(BuilderFlag::kVERSION_COMPATIBLE);
    made.excludes_runtime =
        made.version_compatible && config.has(BuilderFlag::kEXCLUDE_LEAN_RUNTIME);
    made.verbosity = config.getProfilingVerbosity();
    made.profiles = config.profiles;
    made.aliases = network.aliases();
    if (network.hasImplicitBatchDimension())
      made.max_batch = network.getBuilder().getMaxBatchSize();
    return made;
  }
};

std::shared_ptr<EngineState> build(Order order, nvinfer1::IBuilderConfig& config) {
  const auto names = order.names();
  const tenon::Network network = order.network.lower(names);
  BuildOptions options{.shapes = order.shapes()};
  options.refit.clear();
  for (const auto& [key, name] : names) options.refit.push_back(name);
  if (options.refit.empty()) options.refit = {"none"};
  if (config.getBuilderOptimizationLevel() == 0) options.tactics = Tactics::first;
  Monitor monitor(config.getProgressMonitor());
  monitor.watch(options);
  tenon::Engine engine = tenon::build(network, options);
  if (!order.identical && std::ranges::any_of(engine.weights(), &WeightInfo::guarded)) {
    options.without = {"gelu", "power"};  // free means free: the passes that need a weight's value
    engine = tenon::build(network, options);
  }
  if (order.strip || order.identical)
    engine =
        tenon::Engine::load(engine.to_bytes({.strip = order.strip, .identical = order.identical}));
  return std::make_shared<EngineState>(std::move(engine), order.network.roles(names),
                                       order.facts());
}

/// The plan that a build is asked for.
std::vector<std::byte> plan_of(const EngineState& state) {
  const EngineFacts& facts = state.facts;
  return state.engine.to_bytes({.strip = facts.stripped,
                                .identical = facts.identical,
                                .notes = state.notes(facts.refittable, facts.excludes_runtime)});
}

class BuilderImpl final : public nvinfer1::IBuilder {
 public:
  explicit BuilderImpl(nvinfer1::ILogger* logger) : reporter_(logger) {}

  nvinfer1::IBuilderConfig* createBuilderConfig() noexcept override {
    return new (std::nothrow) ConfigImpl(reporter_);
  }
  nvinfer1::INetworkDefinition* createNetworkV2(uint32_t flags) noexcept override {
    const auto none = static_cast<nvinfer1::INetworkDefinition*>(nullptr);
    return guarded(reporter_, "IBuilder::createNetworkV2", none, [&] {
      if (flags >> 4 != 0) refuse("unknown bits in " + std::to_string(flags));
      if ((flags & 12U) == 12U)
        refuse("kPREFER_JIT_PYTHON_PLUGINS and kPREFER_AOT_PYTHON_PLUGINS exclude one another");
      return new NetworkImpl(*this, reporter_, flags);
    });
  }
  nvinfer1::IOptimizationProfile* createOptimizationProfile() noexcept override {
    const auto none = static_cast<nvinfer1::IOptimizationProfile*>(nullptr);
    return guarded(reporter_, "IBuilder::createOptimizationProfile", none, [&] {
      return profiles_.emplace_back(std::make_unique<ProfileImpl>(reporter_)).get();
    });
  }
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override {
    reporter_.set_recorder(recorder);
  }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override {
    return reporter_.recorder();
  }
  nvinfer1::IHostMemory* buildSerializedNetwork(
      nvinfer1::INetworkDefinition& network, nvinfer1::IBuilderConfig& config) noexcept override {
    const auto none = static_cast<nvinfer1::IHostMemory*>(nullptr);
    return guarded(reporter_, "IBuilder::buildSerializedNetwork", none, [&] {
      return static_cast<nvinfer1::IHostMemory*>(new HostMemory(plan_of(*make(network, config))));
    });
  }
  nvinfer1::IHostMemory* buildSerializedNetwork(nvinfer1::INetworkDefinition& network,
                                                nvinfer1::IBuilderConfig& config,
                                                nvinfer1::IHostMemory*& text) noexcept override {
    text = nullptr;
    return buildSerializedNetwork(network, config);
  }
  bool buildSerializedNetworkToStream(nvinfer1::INetworkDefinition& network,
                                      nvinfer1::IBuilderConfig& config,
                                      nvinfer1::IStreamWriter& writer) noexcept override {
    return guarded(reporter_, "IBuilder::buildSerializedNetworkToStream", [&] {
      constexpr size_t most = size_t{64} << 20;
      const std::vector<std::byte> plan = plan_of(*make(network, config));
      for (size_t at = 0; at < plan.size();) {
        const auto count = static_cast<int64_t>(std::min(most, plan.size() - at));
        const int64_t written = writer.write(plan.data() + at, count);
        if (written != count)
          refuse(ErrorCode::kUNSPECIFIED_ERROR, "the writer took " + std::to_string(written) +
                                                    " of " + std::to_string(count) + " bytes");
        at += static_cast<size_t>(count);
      }
    });
  }
  bool isNetworkSupported(const nvinfer1::INetworkDefinition& network,
                          const nvinfer1::IBuilderConfig& config) const noexcept override {
    return guarded(reporter_, "IBuilder::isNetworkSupported", [&] {
      const Order order(static_cast<const NetworkImpl&>(network),
                        static_cast<const ConfigImpl&>(config));
      order.shapes();
      order.network.lower(order.names());
    });
  }
  bool platformHasFastFp16() const noexcept override { return false; }
  bool platformHasFastInt8() const noexcept override { return false; }
  bool platformHasTf32() const noexcept override { return false; }
  int32_t getMaxDLABatchSize() const noexcept override { return 0; }
  int32_t getNbDLACores() const noexcept override { return 0; }
  void reset() noexcept override { threads_.reset(); }
  nvinfer1::ICudaEngine* buildEngineWithConfig(nvinfer1::INetworkDefinition& network,
                                               nvinfer1::IBuilderConfig& config) noexcept override {
    const auto none = static_cast<nvinfer1::ICudaEngine*>(nullptr);
    return guarded(reporter_, "IBuilder::buildEngineWithConfig", none, [&] {
      if (config.getFlag(BuilderFlag::kVERSION_COMPATIBLE))
        refuse(ErrorCode::kINVALID_CONFIG,
               "kVERSION_COMPATIBLE is of plans; use buildSerializedNetwork");
      return static_cast<nvinfer1::ICudaEngine*>(new EngineImpl(make(network, config), reporter_));
    });
  }
  nvinfer1::ILogger* getLogger() const noexcept override { return reporter_.logger(); }
  bool setMaxThreads(int32_t threads) noexcept override {
    return threads_.set(reporter_, "IBuilder::setMaxThreads", threads);
  }
  int32_t getMaxThreads() const noexcept override { return threads_.get(); }
  void setGpuAllocator(nvinfer1::IGpuAllocator*) noexcept override {}
  nvinfer1::IPluginRegistry& getPluginRegistry() noexcept override {
    return *::getPluginRegistry();
  }
  void setMaxBatchSize(int32_t size) noexcept override {
    guarded(reporter_, "IBuilder::setMaxBatchSize", [&] {
      if (size < 1) refuse(std::to_string(size) + " samples; 1 is the least");
      max_batch_ = size;
    });
  }
  int32_t getMaxBatchSize() const noexcept override { return max_batch_; }

 private:
  std::shared_ptr<EngineState> make(nvinfer1::INetworkDefinition& network,
                                    nvinfer1::IBuilderConfig& config) const {
    const auto bound = threads_.bound();
    return build({static_cast<NetworkImpl&>(network), static_cast<ConfigImpl&>(config)}, config);
  }

  Reporter reporter_;
  std::vector<std::unique_ptr<ProfileImpl>> profiles_;
  MaxThreads threads_;
  int32_t max_batch_ = 1;
};

}  // namespace

nvinfer1::IBuilder* new_builder(nvinfer1::ILogger* logger) { return new BuilderImpl(logger); }

}  // namespace tenon::trt
