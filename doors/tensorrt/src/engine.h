// The engine, what it makes, and its words for Tenon's names.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "convert.h"
#include "lowering.h"
#include "report.h"
#include "tenon/engine.h"

namespace tenon::trt {

using nvinfer1::Dims;
using nvinfer1::ErrorCode;

/// The least, typical and greatest extents of each input.
struct Profile {
  std::map<std::string, std::array<Dims, 3>> ranges;
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

/// What contexts and refitters share with their engine, and keep after it.
struct EngineState {
  tenon::Engine engine;
  std::vector<Port> inputs, outputs;
  Roles roles;  // of every refittable weight
  std::string name;
  bool refittable = false, stripped = false, identical = false;
  Profile profile;

  EngineState(tenon::Engine made, Roles roles);
  const Port* port(const char* name) const;
};

class EngineImpl final : public nvinfer1::ICudaEngine {
 public:
  EngineImpl(std::shared_ptr<EngineState> state, const Reporter& reporter)
      : state(std::move(state)), reporter(reporter) {}

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
  bool isRefittable() const noexcept override { return state->refittable; }
  const char* getName() const noexcept override { return state->name.c_str(); }
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

  const std::shared_ptr<EngineState> state;
  Reporter reporter;

 private:
  nvinfer1::IHostMemory* bytes(const char* function, uint32_t flags) const noexcept;
  uint32_t default_flags() const { return state->stripped ? 1U : 0U; }
};

nvinfer1::IExecutionContext* new_context(EngineImpl& engine);

}  // namespace tenon::trt
