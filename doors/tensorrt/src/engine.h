// The engine, what it makes, and its words for Tenon's names.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "convert.h"
#include "entry.h"
#include "lowering.h"
#include "report.h"
#include "tenon/engine.h"

namespace tenon::trt {

using nvinfer1::Dims;
using nvinfer1::ErrorCode;

/// The least, typical and greatest extents of each input.
struct Profile {
  std::map<std::string, std::array<Dims, 3>> ranges;
  /// The port's own extents where the profile says nothing of it.
  Dims shape(const Port& port, size_t which) const {
    const auto found = ranges.find(port.name);
    return found != ranges.end() ? found->second[which] : dims_of(port.shape);
  }
};

class HostMemory final : public nvinfer1::IHostMemory {
 public:
  explicit HostMemory(std::vector<std::byte> bytes);
  void* data() const noexcept override { return aligned_; }
  std::size_t size() const noexcept override { return size_; }
  nvinfer1::DataType type() const noexcept override { return nvinfer1::DataType::kINT8; }

 private:
  std::size_t size_;
  std::vector<std::byte> bytes_;
  std::byte* aligned_;
};

/// How a plan was built, as flags and the like of the interface say it.
struct EngineFacts {
  std::string name;
  bool refittable = false, stripped = false, identical = false;
  bool version_compatible = false, excludes_runtime = false;
  nvinfer1::ProfilingVerbosity verbosity = nvinfer1::ProfilingVerbosity::kLAYER_NAMES_ONLY;
  std::vector<Profile> profiles;
  std::map<std::string, std::string> aliases;  // outputs that may lie in the memory of inputs
  int32_t max_batch = 0;                       // samples of a run, where no shape tells; else 0
};

/// What contexts and refitters share with their engine, and keep after it.
struct EngineState {
  tenon::Engine engine;
  std::vector<Port> inputs, outputs;
  std::vector<std::string> assertions;       // outputs that a run is to find true
  std::map<std::string, std::string> debug;  // outputs for listeners, by the tensors' names
  Roles roles;                               // of every refittable weight
  EngineFacts facts;

  /// Of what was built here.
  EngineState(tenon::Engine made, Roles roles, EngineFacts facts);
  /// Of a plan: what its notes say, and what can be told without.
  explicit EngineState(tenon::Engine loaded);
  const Port* port(const char* name) const;
  bool is_input(const Port& port) const;
  /// What a plan keeps of the facts and of the weights' places.
  std::map<std::string, std::string> notes(bool refittable, bool excludes_runtime) const;
};

// What notes say, of whomever they come: what makes no sense is left out.
EngineFacts facts_in(const std::map<std::string, std::string>& notes);
Roles roles_in(const std::map<std::string, std::string>& notes);

nvinfer1::IEngineInspector* new_inspector(std::shared_ptr<EngineState> state,
                                          const Reporter& reporter);

class EngineImpl final : public nvinfer1::ICudaEngine {
 public:
  EngineImpl(std::shared_ptr<EngineState> state, const Reporter& reporter)
      : state(std::move(state)), reporter(reporter) {}

  const void* tenonLibrary() const noexcept override { return this_library(); }
  Dims getTensorShape(const char* name) const noexcept override;
  nvinfer1::DataType getTensorDataType(const char* name) const noexcept override;
  int32_t getNbLayers() const noexcept override;
  nvinfer1::IHostMemory* serialize() const noexcept override;
  nvinfer1::IExecutionContext* createExecutionContext(
      nvinfer1::ExecutionContextAllocationStrategy strategy) noexcept override;
  nvinfer1::TensorLocation getTensorLocation(const char*) const noexcept override {
    return nvinfer1::TensorLocation::kDEVICE;
  }
  nvinfer1::TensorIOMode getTensorIOMode(const char* name) const noexcept override;
  bool isRefittable() const noexcept override { return state->facts.refittable; }
  const char* getName() const noexcept override { return state->facts.name.c_str(); }
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override {
    reporter.set_recorder(recorder);
  }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override {
    return reporter.recorder();
  }
  int32_t getNbIOTensors() const noexcept override;
  const char* getIOTensorName(int32_t i) const noexcept override;
  nvinfer1::ISerializationConfig* createSerializationConfig() noexcept override;
  nvinfer1::IHostMemory* serializeWithConfig(
      nvinfer1::ISerializationConfig& config) const noexcept override;

  int32_t getNbOptimizationProfiles() const noexcept override {
    return static_cast<int32_t>(state->facts.profiles.size());
  }
  Dims getProfileShape(const char* name, int32_t profile,
                       nvinfer1::OptProfileSelector select) const noexcept override;
  bool isShapeInferenceIO(const char*) const noexcept override { return false; }
  nvinfer1::TensorFormat getTensorFormat(const char*) const noexcept override {
    return nvinfer1::TensorFormat::kLINEAR;
  }
  nvinfer1::TensorFormat getTensorFormat(const char*, int32_t) const noexcept override {
    return nvinfer1::TensorFormat::kLINEAR;
  }
  const char* getTensorFormatDesc(const char* name) const noexcept override;
  const char* getTensorFormatDesc(const char* name, int32_t) const noexcept override {
    return getTensorFormatDesc(name);
  }
  int32_t getTensorBytesPerComponent(const char*) const noexcept override { return -1; }
  int32_t getTensorComponentsPerElement(const char*) const noexcept override { return -1; }
  int32_t getTensorVectorizedDim(const char*) const noexcept override { return -1; }
  nvinfer1::EngineCapability getEngineCapability() const noexcept override {
    return nvinfer1::EngineCapability::kSTANDARD;
  }
  nvinfer1::ProfilingVerbosity getProfilingVerbosity() const noexcept override {
    return state->facts.verbosity;
  }
  nvinfer1::HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override {
    return nvinfer1::HardwareCompatibilityLevel::kNONE;
  }
  bool hasImplicitBatchDimension() const noexcept override { return state->facts.max_batch > 0; }
  int32_t getMaxBatchSize() const noexcept override { return std::max(state->facts.max_batch, 1); }
  int32_t getNbAuxStreams() const noexcept override { return 0; }
  nvinfer1::IEngineInspector* createEngineInspector() const noexcept override {
    return new_inspector(state, reporter);
  }
  int64_t getEngineStat(nvinfer1::EngineStat stat) const noexcept override;
  std::size_t getDeviceMemorySize() const noexcept override { return 0; }
  int64_t getDeviceMemorySizeV2() const noexcept override { return 0; }
  std::size_t getDeviceMemorySizeForProfile(int32_t) const noexcept override { return 0; }
  int64_t getDeviceMemorySizeForProfileV2(int32_t) const noexcept override { return 0; }
  int64_t getStreamableWeightsSize() const noexcept override { return 0; }
  bool setWeightStreamingBudget(int64_t) noexcept override { return refuse_budget(); }
  int64_t getWeightStreamingBudget() const noexcept override { return 0; }
  int64_t getMinimumWeightStreamingBudget() const noexcept override { return 0; }
  bool setWeightStreamingBudgetV2(int64_t) noexcept override { return refuse_budget(); }
  int64_t getWeightStreamingBudgetV2() const noexcept override { return 0; }
  int64_t getWeightStreamingAutomaticBudget() const noexcept override { return 0; }
  int64_t getWeightStreamingScratchMemorySize() const noexcept override { return 0; }
  int32_t getTensorBytesPerComponent(const char*, int32_t) const noexcept override { return -1; }
  int32_t getTensorComponentsPerElement(const char*, int32_t) const noexcept override { return -1; }
  int32_t getTensorVectorizedDim(const char*, int32_t) const noexcept override { return -1; }
  const char* getAliasedInputTensor(const char* name) const noexcept override {
    const auto found = state->facts.aliases.find(name != nullptr ? name : "");
    return found != state->facts.aliases.end() ? found->second.c_str() : nullptr;
  }
  const int32_t* getProfileTensorValues(const char*, int32_t,
                                        nvinfer1::OptProfileSelector) const noexcept override {
    return nullptr;
  }
  const int64_t* getProfileTensorValuesV2(const char*, int32_t,
                                          nvinfer1::OptProfileSelector) const noexcept override {
    return nullptr;
  }
  uint32_t getTacticSources() const noexcept override {
    return (1U << nvinfer1::EnumMax<nvinfer1::TacticSource>()) - 1;
  }
  bool isDebugTensor(const char* name) const noexcept override {
    return name != nullptr && state->debug.contains(name);
  }
  nvinfer1::IExecutionContext* createExecutionContext(
      nvinfer1::IRuntimeConfig* config) noexcept override;
  nvinfer1::IExecutionContext* createExecutionContextWithoutDeviceMemory() noexcept override;
  nvinfer1::IRuntimeConfig* createRuntimeConfig() noexcept override;

  const std::shared_ptr<EngineState> state;
  Reporter reporter;

 private:
  nvinfer1::IHostMemory* bytes(const char* function, uint32_t flags) const noexcept;
  bool refuse_budget() noexcept {
    return guarded(reporter, "ICudaEngine::setWeightStreamingBudget", [] {
      refuse(ErrorCode::kUNSUPPORTED_STATE, "weights lie in memory and are never streamed");
    });
  }
  uint32_t default_flags() const { return state->facts.stripped ? 1U : 0U; }
};

/// Bytes of one element.
int64_t element_bytes(DType dtype);

nvinfer1::IExecutionContext* new_context(EngineImpl& engine);

/// The strategy is kept for its getter: contexts have memory of their own.
class RuntimeConfig final : public nvinfer1::IRuntimeConfig {
 public:
  using Strategy = nvinfer1::ExecutionContextAllocationStrategy;
  void setExecutionContextAllocationStrategy(Strategy strategy) noexcept override {
    strategy_ = strategy;
  }
  Strategy getExecutionContextAllocationStrategy() const noexcept override { return strategy_; }

 private:
  Strategy strategy_ = Strategy::kSTATIC;
};

}  // namespace tenon::trt
