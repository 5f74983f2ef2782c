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

EngineState::EngineState(tenon::Engine made, Roles known, EngineFacts known_facts)
    : engine(std::move(made)),
      inputs(engine.inputs()),
      outputs(engine.outputs()),
      facts(std::move(known_facts)) {
  for (const Port& port : outputs)
    if (port.name.starts_with(kAssertion)) assertions.push_back(port.name);
  for (const Port& port : outputs)
    if (port.name.starts_with(kDebug))
      debug[port.name.substr(std::string_view(kDebug).size())] = port.name;
  std::erase_if(outputs, [](const Port& port) {
    return port.name.starts_with(kAssertion) || port.name.starts_with(kDebug);
  });
  for (const WeightInfo& weight : engine.weights()) {
    const auto found = known.find(weight.name);
    roles[weight.name] = found == known.end() ? roles_in(weight.name) : found->second;
  }
  if (facts.profiles.empty()) facts.profiles.emplace_back();
}

EngineState::EngineState(tenon::Engine loaded)
    : EngineState(loaded, trt::roles_in(loaded.notes()), facts_in(loaded.notes())) {
  const bool ours = !loaded.notes().empty();
  facts.refittable = !roles.empty() && (facts.refittable || !ours);
  facts.stripped = !engine.ready() || facts.stripped;
}

bool EngineState::is_input(const Port& port) const {
  return std::ranges::find(inputs, port.name, &Port::name) != inputs.end();
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
  return state->is_input(*port) ? nvinfer1::TensorIOMode::kINPUT : nvinfer1::TensorIOMode::kOUTPUT;
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
    const bool strip = (flags & 1U) != 0, keeps_refit = (flags & 4U) != 0;
    const EngineFacts& facts = state->facts;
    if (strip && !facts.refittable)
      refuse("kEXCLUDE_WEIGHTS: the engine is not refittable; build it with kREFIT");
    if (!strip && !state->engine.ready())
      refuse(ErrorCode::kINVALID_STATE,
             "the engine lacks its weights; refit it first, or set kEXCLUDE_WEIGHTS");
    if (strip && keeps_refit)
      reporter.say(Reporter::Severity::kINFO, "kINCLUDE_REFIT is of plans with weights");
    const bool refittable = facts.refittable && (strip || !facts.stripped || keeps_refit);
    return static_cast<nvinfer1::IHostMemory*>(new HostMemory(state->engine.to_bytes(
        {.strip = strip,
         .identical = facts.identical,
         .notes = state->notes(refittable, facts.excludes_runtime || (flags & 2U) != 0)})));
  });
}

nvinfer1::IHostMemory* EngineImpl::serialize() const noexcept {
  return bytes("ICudaEngine::serialize", default_flags());
}

nvinfer1::IHostMemory* EngineImpl::serializeWithConfig(
    nvinfer1::ISerializationConfig& config) const noexcept {
  return bytes("ICudaEngine::serializeWithConfig", config.getFlags());
}

Dims EngineImpl::getProfileShape(const char* name, int32_t profile,
                                 nvinfer1::OptProfileSelector select) const noexcept {
  return guarded(reporter, "ICudaEngine::getProfileShape", unknown_dims(), [&] {
    const Port* port = state->port(name);
    const auto which = static_cast<size_t>(select);
    if (port == nullptr) refuse("\"" + name_of(name) + "\" is no input or output");
    if (profile < 0 || profile >= getNbOptimizationProfiles() || which >= 3)
      refuse("profile " + std::to_string(profile) + " of " +
             std::to_string(getNbOptimizationProfiles()));
    std::map<std::string, Shape> shapes;
    for (const Port& input : state->inputs) {
      const Dims dims = state->facts.profiles[index(profile)].shape(input, which);
      if (port->name == input.name) return dims;
      shapes[input.name] = Shape(dims.d, dims.d + std::max(dims.nbDims, 0));
    }
    const auto made = state->engine.output_shapes(shapes).at(port->name);
    return made ? dims_of(*made) : unknown_dims();
  });
}

const char* EngineImpl::getTensorFormatDesc(const char* name) const noexcept {
  const Port* port = state->port(name);
  if (port == nullptr) return "";
  switch (port->dtype) {
    case DType::f32: return "Row-major linear FP32 format";
    case DType::f16: return "Row-major linear FP16 format";
    case DType::bf16: return "Row-major linear BF16 format";
    case DType::i8: return "Row-major linear INT8 format";
    case DType::u8: return "Row-major linear UINT8 format";
    case DType::i32: return "Row-major linear INT32 format";
    case DType::i64: return "Row-major linear INT64 format";
    case DType::bool_: return "Row-major linear BOOL format";
    default: return "Row-major linear format";
  }
}

int64_t element_bytes(DType dtype) { return static_cast<int64_t>(byte_count(dtype, 1)); }

int64_t EngineImpl::getEngineStat(nvinfer1::EngineStat stat) const noexcept {
  return guarded(reporter, "ICudaEngine::getEngineStat", int64_t{-1}, [&] {
    int64_t all = 0;
    for (const WeightInfo& each : state->engine.weights())
      all += static_cast<int64_t>(byte_count(each.dtype, element_count(each.shape)));
    if (stat == nvinfer1::EngineStat::kTOTAL_WEIGHTS_SIZE) return all;
    if (!state->facts.stripped) return int64_t{-1};
    return state->engine.ready() ? int64_t{0} : all;
  });
}

nvinfer1::IExecutionContext* EngineImpl::createExecutionContext(
    nvinfer1::ExecutionContextAllocationStrategy) noexcept {
  const auto none = static_cast<nvinfer1::IExecutionContext*>(nullptr);
  return guarded(reporter, "ICudaEngine::createExecutionContext", none,
                 [&] { return new_context(*this); });
}

nvinfer1::IExecutionContext* EngineImpl::createExecutionContext(
    nvinfer1::IRuntimeConfig*) noexcept {
  return createExecutionContext(nvinfer1::ExecutionContextAllocationStrategy::kSTATIC);
}

nvinfer1::IExecutionContext* EngineImpl::createExecutionContextWithoutDeviceMemory() noexcept {
  return createExecutionContext(nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED);
}

nvinfer1::IRuntimeConfig* EngineImpl::createRuntimeConfig() noexcept {
  return new (std::nothrow) RuntimeConfig;
}

}  // namespace tenon::trt
