#include "engine.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace tenon::trt {

using nvinfer1::SerializationFlag;

HostMemory::HostMemory(std::vector<std::byte> bytes)
    : size_(bytes.size()), bytes_(std::move(bytes)), aligned_(nullptr) {
  constexpr size_t alignment = 64;
  bytes_.resize(size_ + alignment);
  void* at = bytes_.data();
  size_t space = bytes_.size();
  aligned_ = static_cast<std::byte*>(std::align(alignment, size_, at, space));
  std::memmove(aligned_, bytes_.data(), size_);
}

// Weights that no network tells of: their places are in the default names, "<layer> <ROLE>".
static std::vector<LayerRole> roles_in(const std::string& name) {
  for (const auto role :
       {nvinfer1::WeightsRole::kKERNEL, nvinfer1::WeightsRole::kBIAS, nvinfer1::WeightsRole::kSHIFT,
        nvinfer1::WeightsRole::kSCALE, nvinfer1::WeightsRole::kCONSTANT}) {
    const std::string end = std::string(" ") + to_string(role);
    if (name.ends_with(end)) return {{name.substr(0, name.size() - end.size()), role}};
  }
  return {};
}

EngineState::EngineState(tenon::Engine made, Roles known)
    : engine(std::move(made)), inputs(engine.inputs()), outputs(engine.outputs()) {
  for (const WeightInfo& weight : engine.weights()) {
    const auto found = known.find(weight.name);
    roles[weight.name] = found == known.end() ? roles_in(weight.name) : found->second;
  }
  refittable = !roles.empty();
  stripped = !engine.ready();
}

const Port* EngineState::port(const char* wanted) const {
  if (wanted == nullptr) return nullptr;
  for (const auto* ports : {&inputs, &outputs})
    for (const Port& each : *ports)
      if (each.name == wanted) return &each;
  return nullptr;
}

namespace {

class SerializationConfig final : public nvinfer1::ISerializationConfig {
 public:
  SerializationConfig(const Reporter& reporter, uint32_t flags)
      : reporter_(reporter), flags_(flags) {}
  bool setFlags(uint32_t flags) noexcept override {
    return guarded(reporter_, "ISerializationConfig::setFlags", [&] {
      if ((flags & ~7U) != 0) refuse("unknown bits in " + std::to_string(flags));
      flags_ = flags;
    });
  }
  uint32_t getFlags() const noexcept override { return flags_; }
  bool setFlag(SerializationFlag flag) noexcept override { return change(flag, true); }
  bool clearFlag(SerializationFlag flag) noexcept override { return change(flag, false); }
  bool getFlag(SerializationFlag flag) const noexcept override {
    const auto bit = static_cast<uint32_t>(flag);
    return bit < 3 && (flags_ >> bit & 1U) != 0;
  }

 private:
  bool change(SerializationFlag flag, bool on) noexcept {
    return guarded(reporter_, "ISerializationConfig::setFlag", [&] {
      const auto bit = static_cast<uint32_t>(flag);
      if (bit >= 3) refuse(std::to_string(bit) + " is no SerializationFlag");
      flags_ = on ? flags_ | 1U << bit : flags_ & ~(1U << bit);
    });
  }
  Reporter reporter_;
  uint32_t flags_;
};

}  // namespace

Dims EngineImpl::getTensorShape(const char* name) const noexcept {
  const Port* port = state->port(name);
  return port != nullptr ? dims_of(port->shape) : unknown_dims();
}

nvinfer1::DataType EngineImpl::getTensorDataType(const char* name) const noexcept {
  return guarded(reporter, "ICudaEngine::getTensorDataType", nvinfer1::DataType::kFLOAT, [&] {
    const Port* port = state->port(name);
    if (port == nullptr) refuse("\"" + name_of(name) + "\" is no input or output");
    return type_of(port->dtype);
  });
}

int32_t EngineImpl::getNbLayers() const noexcept {
  return static_cast<int32_t>(state->engine.layers().size());
}

nvinfer1::TensorIOMode EngineImpl::getTensorIOMode(const char* name) const noexcept {
  const Port* port = state->port(name);
  if (port == nullptr) return nvinfer1::TensorIOMode::kNONE;
  const bool is_input =
      std::ranges::find(state->inputs, port->name, &Port::name) != state->inputs.end();
  return is_input ? nvinfer1::TensorIOMode::kINPUT : nvinfer1::TensorIOMode::kOUTPUT;
}

int32_t EngineImpl::getNbIOTensors() const noexcept {
  return static_cast<int32_t>(state->inputs.size() + state->outputs.size());
}

const char* EngineImpl::getIOTensorName(int32_t i) const noexcept {
  if (i < 0 || i >= getNbIOTensors()) return nullptr;
  const size_t at = index(i), inputs = state->inputs.size();
  return (at < inputs ? state->inputs[at] : state->outputs[at - inputs]).name.c_str();
}

nvinfer1::ISerializationConfig* EngineImpl::createSerializationConfig() noexcept {
  return new (std::nothrow) SerializationConfig(reporter, default_flags());
}

nvinfer1::IHostMemory* EngineImpl::bytes(const char* function, uint32_t flags) const noexcept {
  const auto none = static_cast<nvinfer1::IHostMemory*>(nullptr);
  return guarded(reporter, function, none, [&] {
    const bool strip = (flags & 1U) != 0;
    if (strip && !state->refittable)
      refuse("kEXCLUDE_WEIGHTS: the engine is not refittable; build it with kREFIT");
    if (!strip && !state->engine.ready())
      refuse(ErrorCode::kINVALID_STATE,
             "the engine lacks its weights; refit it first, or set kEXCLUDE_WEIGHTS");
    if (!strip && state->stripped && (flags & 4U) == 0)
      reporter.say(Reporter::Severity::kWARNING,
                   "a full plan of a stripped engine stays refittable, as with kINCLUDE_REFIT");
    return static_cast<nvinfer1::IHostMemory*>(
        new HostMemory(state->engine.to_bytes({.strip = strip, .identical = state->identical})));
  });
}

nvinfer1::IHostMemory* EngineImpl::serialize() const noexcept {
  return bytes("ICudaEngine::serialize", default_flags());
}

nvinfer1::IHostMemory* EngineImpl::serializeWithConfig(
    nvinfer1::ISerializationConfig& config) const noexcept {
  return bytes("ICudaEngine::serializeWithConfig", config.getFlags());
}

nvinfer1::IExecutionContext* EngineImpl::createExecutionContext(
    nvinfer1::ExecutionContextAllocationStrategy strategy) noexcept {
  const auto none = static_cast<nvinfer1::IExecutionContext*>(nullptr);
  return guarded(reporter, "ICudaEngine::createExecutionContext", none, [&] {
    if (strategy == nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED)
      refuse(ErrorCode::kUNSUPPORTED_STATE,
             "kUSER_MANAGED: contexts have memory of their own; use kSTATIC");
    return new_context(*this);
  });
}

}  // namespace tenon::trt
