// Builders, their configurations and profiles; what the flags mean to Tenon.
#include <algorithm>
#include <array>

#include "engine.h"
#include "network.h"
#include "tenon/build.h"

namespace tenon::trt {
namespace {

using nvinfer1::BuilderFlag;
using nvinfer1::MemoryPoolType;
using nvinfer1::OptProfileSelector;

constexpr uint32_t bit(BuilderFlag flag) { return 1U << static_cast<uint32_t>(flag); }
constexpr int kFlags = nvinfer1::EnumMax<BuilderFlag>();

class ProfileImpl final : public nvinfer1::IOptimizationProfile {
 public:
  explicit ProfileImpl(const Reporter& reporter) : reporter_(reporter) {}

  bool setDimensions(const char* input, OptProfileSelector select,
                     const Dims& dims) noexcept override {
    return guarded(reporter_, "IOptimizationProfile::setDimensions", [&] {
      const std::string name = name_of(input, "the input's name");
      const auto i = static_cast<size_t>(select);
      if (i >= 3) refuse(std::to_string(i) + " is no OptProfileSelector");
      shape_of(dims, "\"" + name + "\"");
      auto changed = profile_.ranges.try_emplace(name, unset()).first->second;
      changed[i] = dims;
      check_order(name, changed);
      profile_.ranges[name] = changed;
    });
  }
  Dims getDimensions(const char* input, OptProfileSelector select) const noexcept override {
    const auto i = static_cast<size_t>(select);
    const auto found = profile_.ranges.find(input != nullptr ? input : "");
    return found != profile_.ranges.end() && i < 3 ? found->second[i] : unknown_dims();
  }
  bool isValid() const noexcept override {
    return std::ranges::all_of(profile_.ranges, [](const auto& each) {
      return std::ranges::all_of(each.second, [](const Dims& dims) { return dims.nbDims >= 0; });
    });
  }
  const Profile& profile() const { return profile_; }

 private:
  static std::array<Dims, 3> unset() { return {unknown_dims(), unknown_dims(), unknown_dims()}; }
  static void check_order(const std::string& name, const std::array<Dims, 3>& three) {
    for (size_t a = 0; a < 3; ++a) {
      for (size_t b = a + 1; b < 3; ++b) {
        if (three[a].nbDims < 0 || three[b].nbDims < 0) continue;
        bool fits = three[a].nbDims == three[b].nbDims;
        for (int i = 0; fits && i < three[a].nbDims; ++i) fits = three[a].d[i] <= three[b].d[i];
        if (!fits)
          refuse("\"" + name + "\": " + to_string(three[a]) + " and then " + to_string(three[b]) +
                 "; min, opt and max have one rank and do not fall");
      }
    }
  }
  Reporter reporter_;
  Profile profile_;
};

class ConfigImpl final : public nvinfer1::IBuilderConfig {
 public:
  explicit ConfigImpl(const Reporter& reporter) : reporter(reporter) {}

  void setFlags(uint32_t flags) noexcept override {
    guarded(reporter, "IBuilderConfig::setFlags", [&] {
      if (flags >> kFlags != 0) refuse("unknown bits in " + std::to_string(flags));
      flags_ = flags;
    });
  }
  uint32_t getFlags() const noexcept override { return flags_; }
  void setFlag(BuilderFlag flag) noexcept override { change(flag, true); }
  void clearFlag(BuilderFlag flag) noexcept override { change(flag, false); }
  bool getFlag(BuilderFlag flag) const noexcept override { return (flags_ & bit(flag)) != 0; }
  int32_t addOptimizationProfile(const nvinfer1::IOptimizationProfile* profile) noexcept override {
    return guarded(reporter, "IBuilderConfig::addOptimizationProfile", -1, [&] {
      if (profile == nullptr) refuse("the profile is null");
      if (!profile->isValid()) refuse("the profile lacks min, opt or max of an input");
      profiles.push_back(static_cast<const ProfileImpl*>(profile)->profile());
      return static_cast<int32_t>(profiles.size()) - 1;
    });
  }
  int32_t getNbOptimizationProfiles() const noexcept override {
    return static_cast<int32_t>(profiles.size());
  }
  void setMemoryPoolLimit(MemoryPoolType pool, std::size_t size) noexcept override {
    guarded(reporter, "IBuilderConfig::setMemoryPoolLimit", [&] {
      if (pool != MemoryPoolType::kWORKSPACE && pool != MemoryPoolType::kTACTIC_DRAM &&
          pool != MemoryPoolType::kTACTIC_SHARED_MEMORY)
        refuse("memory pool " + std::to_string(static_cast<int>(pool)) + ": there is no DLA here");
      pools_[pool] = size;
    });
  }
  std::size_t getMemoryPoolLimit(MemoryPoolType pool) const noexcept override {
    const auto found = pools_.find(pool);
    return found != pools_.end() ? found->second : 0;
  }
  void setBuilderOptimizationLevel(int32_t level) noexcept override {
    guarded(reporter, "IBuilderConfig::setBuilderOptimizationLevel", [&] {
      if (level < 0) refuse("level " + std::to_string(level) + " is negative; they go from 0 to 5");
      level_ = std::min(level, 5);
    });
  }
  int32_t getBuilderOptimizationLevel() noexcept override { return level_; }
  void reset() noexcept override {
    flags_ = bit(BuilderFlag::kTF32), level_ = 3;
    pools_.clear(), profiles.clear();
  }

  bool has(BuilderFlag flag) const { return getFlag(flag); }

  Reporter reporter;
  std::vector<Profile> profiles;

 private:
  void change(BuilderFlag flag, bool on) noexcept {
    guarded(reporter, "IBuilderConfig::setFlag", [&] {
      const auto number = static_cast<int64_t>(flag);
      if (number < 0 || number >= kFlags) refuse(std::to_string(number) + " is no BuilderFlag");
      flags_ = on ? flags_ | bit(flag) : flags_ & ~bit(flag);
    });
  }
  uint32_t flags_ = bit(BuilderFlag::kTF32);
  int32_t level_ = 3;
  std::map<MemoryPoolType, std::size_t> pools_;
};

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
    if (config.profiles.size() > 1)
      refuse(ErrorCode::kUNSUPPORTED_STATE,
             std::to_string(config.profiles.size()) + " optimization profiles; Tenon takes one");
    check_precisions();
    if (identical && refit) warn("kREFIT and kREFIT_IDENTICAL: kREFIT holds, any values are taken");
    identical = identical && !refit;
  }

  void warn(const std::string& line) const {
    network.reporter.say(Reporter::Severity::kWARNING, "build: " + line);
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

  std::vector<Axis> axes(const std::string& name, const Dims& dims) const {
    const auto found = config.profiles[0].ranges.find(name);
    if (found == config.profiles[0].ranges.end())
      refuse(ErrorCode::kINVALID_CONFIG,
             "the profile has no dimensions for input \"" + name + "\"");
    const auto& [least, typical, greatest] = found->second;
    std::vector<Axis> axes;
    for (int i = 0; i < dims.nbDims; ++i) {
      const bool fits = least.nbDims == dims.nbDims &&
                        (dims.d[i] < 0 || (dims.d[i] == least.d[i] && dims.d[i] == greatest.d[i]));
      if (!fits)
        refuse(ErrorCode::kINVALID_CONFIG, "input \"" + name + "\": the profile's " +
                                               to_string(least) + " does not fit the network's " +
                                               to_string(dims));
      axes.push_back(dims.d[i] >= 0 ? Axis(dims.d[i])
                                    : Axis::range(least.d[i], typical.d[i], greatest.d[i]));
    }
    return axes;
  }
};

std::shared_ptr<EngineState> build(Order order, int32_t threads, nvinfer1::IBuilderConfig& config) {
  const auto names = order.names();
  const tenon::Network network = order.network.lower(names);
  BuildOptions options{.shapes = order.shapes(), .threads = threads};
  options.refit.clear();
  for (const auto& [key, name] : names) options.refit.push_back(name);
  if (options.refit.empty()) options.refit = {"none"};
  if (config.getBuilderOptimizationLevel() == 0) options.tactics = Tactics::first;
  tenon::Engine engine = tenon::build(network, options);
  if (!order.identical && std::ranges::any_of(engine.weights(), &WeightInfo::guarded)) {
    options.without = {"gelu", "power"};  // free means free: the passes that need a weight's value
    engine = tenon::build(network, options);
  }
  if (order.strip || order.identical)
    engine =
        tenon::Engine::load(engine.to_bytes({.strip = order.strip, .identical = order.identical}),
                            {.threads = threads});
  auto state = std::make_shared<EngineState>(std::move(engine), order.network.roles(names));
  state->name = order.network.getName();
  state->identical = order.identical;
  state->stripped = order.strip;
  state->refittable = order.refit || order.individual || order.identical;
  if (!order.config.profiles.empty()) state->profile = order.config.profiles[0];
  return state;
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
      const auto state = make(network, config);
      return static_cast<nvinfer1::IHostMemory*>(new HostMemory(
          state->engine.to_bytes({.strip = state->stripped, .identical = state->identical})));
    });
  }
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
    return guarded(reporter_, "IBuilder::setMaxThreads", [&] {
      if (threads < 1) refuse(std::to_string(threads) + " threads; 1 is the least");
      threads_ = threads;
    });
  }
  int32_t getMaxThreads() const noexcept override { return threads_; }

 private:
  // Threads are those of runs in Tenon, which a builder does not bound.
  std::shared_ptr<EngineState> make(nvinfer1::INetworkDefinition& network,
                                    nvinfer1::IBuilderConfig& config) const {
    return build({static_cast<NetworkImpl&>(network), static_cast<ConfigImpl&>(config)}, 0, config);
  }

  Reporter reporter_;
  std::vector<std::unique_ptr<ProfileImpl>> profiles_;
  int32_t threads_ = 1;
};

}  // namespace

nvinfer1::IBuilder* new_builder(nvinfer1::ILogger* logger) { return new BuilderImpl(logger); }

}  // namespace tenon::trt
