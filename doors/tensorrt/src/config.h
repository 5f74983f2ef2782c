// Configurations of builds, and the profiles in them.
#pragma once

#include <algorithm>
#include <array>

#include "engine.h"
#include "network.h"

namespace tenon::trt {

using nvinfer1::BuilderFlag;
using nvinfer1::MemoryPoolType;
using nvinfer1::OptProfileSelector;

/// Refuses bytes that are no cache of this door.
nvinfer1::ITimingCache* new_timing_cache(const void* blob, std::size_t size,
                                         const Reporter& reporter) noexcept;

inline constexpr uint32_t bit(BuilderFlag flag) { return 1U << static_cast<uint32_t>(flag); }
inline constexpr int kFlags = nvinfer1::EnumMax<BuilderFlag>();

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
  bool setShapeValues(const char* input, OptProfileSelector select, const int32_t* values,
                      int32_t count) noexcept override {
    return keep_values("IOptimizationProfile::setShapeValues", input, select, values, count);
  }
  bool setShapeValuesV2(const char* input, OptProfileSelector select, const int64_t* values,
                        int32_t count) noexcept override {
    return keep_values("IOptimizationProfile::setShapeValuesV2", input, select, values, count);
  }
  int32_t getNbShapeValues(const char* input) const noexcept override {
    const auto found = values_.find(input != nullptr ? input : "");
    return found != values_.end() ? static_cast<int32_t>(found->second.count) : -1;
  }
  const int32_t* getShapeValues(const char* input,
                                OptProfileSelector select) const noexcept override {
    const auto* found = values(input, select);
    return found != nullptr ? found->narrow.data() : nullptr;
  }
  const int64_t* getShapeValuesV2(const char* input,
                                  OptProfileSelector select) const noexcept override {
    const auto* found = values(input, select);
    return found != nullptr ? found->wide.data() : nullptr;
  }
  bool setExtraMemoryTarget(float target) noexcept override {
    return guarded(reporter_, "IOptimizationProfile::setExtraMemoryTarget", [&] {
      if (!(target >= 0 && target <= 1)) refuse(std::to_string(target) + " is not from 0 to 1");
      extra_memory_ = target;
    });
  }
  float getExtraMemoryTarget() const noexcept override { return extra_memory_; }
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
  // Values of an input that is a shape, in both widths.
  struct Values {
    std::vector<int32_t> narrow;
    std::vector<int64_t> wide;
  };
  struct ShapeValues {
    size_t count = 0;
    std::array<Values, 3> three;
  };
  template <class T>
  bool keep_values(const char* function, const char* input, OptProfileSelector select,
                   const T* values, int32_t count) noexcept {
    return guarded(reporter_, function, [&] {
      const std::string name = name_of(input, "the input's name");
      const auto i = static_cast<size_t>(select);
      if (i >= 3) refuse(std::to_string(i) + " is no OptProfileSelector");
      if (values == nullptr || count < 0) refuse("\"" + name + "\": the values are null");
      const auto before = values_.find(name);
      if (before != values_.end() && before->second.count != static_cast<size_t>(count))
        refuse("\"" + name + "\" has " + std::to_string(before->second.count) +
               " values already; min, opt and max have one count");
      ShapeValues& kept = values_[name];
      kept.count = static_cast<size_t>(count);
      kept.three[i] = {{values, values + count}, {values, values + count}};
    });
  }
  const Values* values(const char* input, OptProfileSelector select) const {
    const auto found = values_.find(input != nullptr ? input : "");
    const auto i = static_cast<size_t>(select);
    if (found == values_.end() || i >= 3 || found->second.three[i].wide.empty()) return nullptr;
    return &found->second.three[i];
  }

  Reporter reporter_;
  Profile profile_;
  std::map<std::string, ShapeValues> values_;
  float extra_memory_ = 1;
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
    stored_ = {};
  }

  void setProfilingVerbosity(nvinfer1::ProfilingVerbosity value) noexcept override {
    store("IBuilderConfig::setProfilingVerbosity", stored_.profilingverbosity, value);
  }
  nvinfer1::ProfilingVerbosity getProfilingVerbosity() const noexcept override {
    return stored_.profilingverbosity;
  }
  void setEngineCapability(nvinfer1::EngineCapability value) noexcept override {
    store("IBuilderConfig::setEngineCapability", stored_.enginecapability, value);
  }
  nvinfer1::EngineCapability getEngineCapability() const noexcept override {
    return stored_.enginecapability;
  }
  void setHardwareCompatibilityLevel(nvinfer1::HardwareCompatibilityLevel value) noexcept override {
    store("IBuilderConfig::setHardwareCompatibilityLevel", stored_.hardwarecompatibilitylevel,
          value);
  }
  nvinfer1::HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override {
    return stored_.hardwarecompatibilitylevel;
  }
  void setRuntimePlatform(nvinfer1::RuntimePlatform value) noexcept override {
    store("IBuilderConfig::setRuntimePlatform", stored_.runtimeplatform, value);
  }
  nvinfer1::RuntimePlatform getRuntimePlatform() const noexcept override {
    return stored_.runtimeplatform;
  }
  bool setTilingOptimizationLevel(nvinfer1::TilingOptimizationLevel value) noexcept override {
    return store("IBuilderConfig::setTilingOptimizationLevel", stored_.tilingoptimizationlevel,
                 value);
  }
  nvinfer1::TilingOptimizationLevel getTilingOptimizationLevel() const noexcept override {
    return stored_.tilingoptimizationlevel;
  }
  void setAvgTimingIterations(int32_t count) noexcept override {
    guarded(reporter, "IBuilderConfig::setAvgTimingIterations", [&] {
      if (count < 1) refuse(std::to_string(count) + " iterations; 1 is the least");
      stored_.iterations = count;
    });
  }
  int32_t getAvgTimingIterations() const noexcept override { return stored_.iterations; }
  bool setTacticSources(uint32_t sources) noexcept override {
    return guarded(reporter, "IBuilderConfig::setTacticSources", [&] {
      if (sources >> nvinfer1::EnumMax<nvinfer1::TacticSource>() != 0)
        refuse("unknown bits in " + std::to_string(sources));
      stored_.sources = sources;
    });
  }
  uint32_t getTacticSources() const noexcept override { return stored_.sources; }
  nvinfer1::ITimingCache* createTimingCache(const void* blob,
                                            std::size_t size) const noexcept override {
    return new_timing_cache(blob, size, reporter);
  }
  bool setTimingCache(const nvinfer1::ITimingCache& cache, bool) noexcept override {
    stored_.cache = &cache;
    return true;
  }
  const nvinfer1::ITimingCache* getTimingCache() const noexcept override { return stored_.cache; }
  void setPreviewFeature(nvinfer1::PreviewFeature feature, bool on) noexcept override {
    guarded(reporter, "IBuilderConfig::setPreviewFeature", [&] {
      const auto number = static_cast<uint32_t>(feature);
      if (number >= nvinfer1::EnumMax<nvinfer1::PreviewFeature>())
        refuse(std::to_string(number) + " is no PreviewFeature");
      stored_.previews = on ? stored_.previews | 1U << number : stored_.previews & ~(1U << number);
    });
  }
  bool getPreviewFeature(nvinfer1::PreviewFeature feature) const noexcept override {
    const auto number = static_cast<uint32_t>(feature);
    return number < 32 && (stored_.previews >> number & 1U) != 0;
  }
  bool setMaxAuxStreams(int32_t count) noexcept override {
    return guarded(reporter, "IBuilderConfig::setMaxAuxStreams", [&] {
      if (count < 0) refuse(std::to_string(count) + " streams");
      stored_.streams = count;
    });
  }
  int32_t getMaxAuxStreams() const noexcept override { return stored_.streams; }
  void setMaxNbTactics(int32_t count) noexcept override { stored_.tactics = count; }
  int32_t getMaxNbTactics() const noexcept override { return stored_.tactics; }
  void setProgressMonitor(nvinfer1::IProgressMonitor* monitor) noexcept override {
    stored_.monitor = monitor;
  }
  nvinfer1::IProgressMonitor* getProgressMonitor() const noexcept override {
    return stored_.monitor;
  }
  void setProfileStream(cudaStream_t stream) noexcept override { stored_.stream = stream; }
  cudaStream_t getProfileStream() const noexcept override { return stored_.stream; }
  void setDefaultDeviceType(nvinfer1::DeviceType type) noexcept override {
    guarded(reporter, "IBuilderConfig::setDefaultDeviceType", [&] {
      if (type != nvinfer1::DeviceType::kGPU) refuse("there is no DLA here; leave it at kGPU");
    });
  }
  nvinfer1::DeviceType getDefaultDeviceType() const noexcept override {
    return nvinfer1::DeviceType::kGPU;
  }
  void setDLACore(int32_t) noexcept override {
    guarded(reporter, "IBuilderConfig::setDLACore", [] { refuse("there is no DLA here"); });
  }
  int32_t getDLACore() const noexcept override { return -1; }
  bool canRunOnDLA(const nvinfer1::ILayer*) const noexcept override { return false; }
  void setDeviceType(const nvinfer1::ILayer* layer, nvinfer1::DeviceType type) noexcept override {
    guarded(reporter, "IBuilderConfig::setDeviceType", [&] {
      if (type != nvinfer1::DeviceType::kGPU) refuse("there is no DLA here; leave it at kGPU");
      stored_.devices.insert(layer);
    });
  }
  nvinfer1::DeviceType getDeviceType(const nvinfer1::ILayer*) const noexcept override {
    return nvinfer1::DeviceType::kGPU;
  }
  bool isDeviceTypeSet(const nvinfer1::ILayer* layer) const noexcept override {
    return stored_.devices.contains(layer);
  }
  void resetDeviceType(const nvinfer1::ILayer* layer) noexcept override {
    stored_.devices.erase(layer);
  }
  void setPluginsToSerialize(const char* const* paths, int32_t count) noexcept override {
    guarded(reporter, "IBuilderConfig::setPluginsToSerialize", [&] {
      if (count < 0 || (count > 0 && paths == nullptr)) refuse("the paths are null");
      std::vector<std::string> plugins;
      for (int32_t i = 0; i < count; ++i) plugins.push_back(name_of(paths[i], "a plugin's path"));
      stored_.plugins = std::move(plugins);
    });
  }
  const char* getPluginToSerialize(int32_t i) const noexcept override {
    return i >= 0 && index(i) < stored_.plugins.size() ? stored_.plugins[index(i)].c_str()
                                                       : nullptr;
  }
  int32_t getNbPluginsToSerialize() const noexcept override {
    return static_cast<int32_t>(stored_.plugins.size());
  }
  bool setL2LimitForTiling(int64_t size) noexcept override {
    return guarded(reporter, "IBuilderConfig::setL2LimitForTiling", [&] {
      if (size < -1) refuse(std::to_string(size) + " bytes");
      stored_.l2 = size;
    });
  }
  int64_t getL2LimitForTiling() const noexcept override { return stored_.l2; }
  bool setRemoteAutoTuningConfig(const char* config) noexcept override {
    return none_but_empty("IBuilderConfig::setRemoteAutoTuningConfig", config);
  }
  const char* getRemoteAutoTuningConfig() const noexcept override { return ""; }
  bool setBuildRoute(const char* route) noexcept override {
    return none_but_empty("IBuilderConfig::setBuildRoute", route);
  }
  const char* getBuildRoute() const noexcept override { return ""; }
  const char* getAllBuildRoutes() const noexcept override { return "{}"; }
  void setInt8Calibrator(nvinfer1::IInt8Calibrator* calibrator) noexcept override {
    stored_.calibrator = calibrator;
  }
  nvinfer1::IInt8Calibrator* getInt8Calibrator() const noexcept override {
    return stored_.calibrator;
  }
  void setAlgorithmSelector(nvinfer1::IAlgorithmSelector* selector) noexcept override {
    stored_.selector = selector;
  }
  nvinfer1::IAlgorithmSelector* getAlgorithmSelector() const noexcept override {
    return stored_.selector;
  }
  bool setCalibrationProfile(const nvinfer1::IOptimizationProfile* profile) noexcept override {
    stored_.calibration = profile;
    return true;
  }
  const nvinfer1::IOptimizationProfile* getCalibrationProfile() noexcept override {
    return stored_.calibration;
  }
  void setQuantizationFlags(uint32_t flags) noexcept override {
    guarded(reporter, "IBuilderConfig::setQuantizationFlags", [&] {
      if (flags > 1) refuse("unknown bits in " + std::to_string(flags));
      stored_.quantization = flags;
    });
  }
  uint32_t getQuantizationFlags() const noexcept override { return stored_.quantization; }
  void setQuantizationFlag(nvinfer1::QuantizationFlag flag) noexcept override {
    setQuantizationFlags(stored_.quantization | 1U << static_cast<uint32_t>(flag));
  }
  void clearQuantizationFlag(nvinfer1::QuantizationFlag flag) noexcept override {
    stored_.quantization &= ~(1U << static_cast<uint32_t>(flag));
  }
  bool getQuantizationFlag(nvinfer1::QuantizationFlag flag) const noexcept override {
    return (stored_.quantization >> static_cast<uint32_t>(flag) & 1U) != 0;
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
  bool none_but_empty(const char* function, const char* text) noexcept {
    return guarded(reporter, function, [&] {
      if (text != nullptr && *text != '\0')
        refuse(ErrorCode::kUNSUPPORTED_STATE, "\"" + name_of(text) + "\": there is none here");
    });
  }
  uint32_t flags_ = bit(BuilderFlag::kTF32);
  int32_t level_ = 3;
  template <class E>
  bool store(const char* function, E& field, E value) noexcept {
    return guarded(reporter, function, [&] {
      const auto number = static_cast<int64_t>(value);
      if (number < 0 || number >= nvinfer1::EnumMax<E>())
        refuse(std::to_string(number) + " is none of its values");
      field = value;
    });
  }

  std::map<MemoryPoolType, std::size_t> pools_;
  // What is kept for its getter, and what a build asks for.
  struct Stored {
    nvinfer1::ProfilingVerbosity profilingverbosity =
        nvinfer1::ProfilingVerbosity::kLAYER_NAMES_ONLY;
    nvinfer1::EngineCapability enginecapability = nvinfer1::EngineCapability::kSTANDARD;
    nvinfer1::HardwareCompatibilityLevel hardwarecompatibilitylevel =
        nvinfer1::HardwareCompatibilityLevel::kNONE;
    nvinfer1::RuntimePlatform runtimeplatform = nvinfer1::RuntimePlatform::kSAME_AS_BUILD;
    nvinfer1::TilingOptimizationLevel tilingoptimizationlevel =
        nvinfer1::TilingOptimizationLevel::kNONE;
    int32_t iterations = 1, streams = -1, tactics = -1;
    uint32_t sources = (1U << nvinfer1::EnumMax<nvinfer1::TacticSource>()) - 1, previews = 0;
    const nvinfer1::ITimingCache* cache = nullptr;
    nvinfer1::IProgressMonitor* monitor = nullptr;
    cudaStream_t stream = nullptr;
    std::set<const nvinfer1::ILayer*> devices;
    std::vector<std::string> plugins;
    int64_t l2 = -1;
    nvinfer1::IInt8Calibrator* calibrator = nullptr;
    nvinfer1::IAlgorithmSelector* selector = nullptr;
    const nvinfer1::IOptimizationProfile* calibration = nullptr;
    uint32_t quantization = 0;
  } stored_;
};

}  // namespace tenon::trt
