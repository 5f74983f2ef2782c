// Contexts: addresses and shapes by name, runs over Tenon's.
#include "tenon/context.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <set>

#include "engine.h"

namespace tenon::trt {
namespace {

/// An input or output with what the program set for it.
struct Binding {
  Port port;
  bool is_input = false;
  Dims dims{};   // -1 where it is not known yet
  Dims known{};  // of an output: what the inputs' extents tell, before a run tells all
  void* address = nullptr;
  nvinfer1::IOutputAllocator* allocator = nullptr;

  const Dims& before_run() const { return is_input ? dims : known; }
};

class ContextImpl final : public nvinfer1::IExecutionContext {
 public:
  explicit ContextImpl(EngineImpl& engine)
      : engine_(engine),
        state_(engine.state),
        reporter_(engine.reporter),
        context_(state_->engine) {
    for (const Port& port : state_->inputs) bindings_.push_back({port, true, dims_of(port.shape)});
    for (const Port& port : state_->outputs)
      bindings_.push_back({port, false, dims_of(port.shape)});
    for (const std::string& name : state_->assertions)
      outputs_[name] = {&held_.emplace_back(true), DType::bool_, {}};
    tell_outputs();
  }

  const nvinfer1::ICudaEngine& getEngine() const noexcept override { return engine_; }
  void setName(const char* name) noexcept override {
    guarded(reporter_, "IExecutionContext::setName", [&] { name_ = name_of(name); });
  }
  const char* getName() const noexcept override { return name_.c_str(); }
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override {
    reporter_.set_recorder(recorder);
  }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override {
    return reporter_.recorder();
  }

  bool setInputShape(const char* name, const Dims& dims) noexcept override;
  Dims getTensorShape(const char* name) const noexcept override {
    const Binding* found = find(name);
    return found != nullptr ? found->dims : unknown_dims();
  }
  Dims getTensorStrides(const char* name) const noexcept override;
  int32_t getOptimizationProfile() const noexcept override { return profile_; }
  bool setOptimizationProfileAsync(int32_t profile, cudaStream_t) noexcept override;
  int32_t inferShapes(int32_t most, const char** names) noexcept override;
  bool setOutputAllocator(const char* name,
                          nvinfer1::IOutputAllocator* allocator) noexcept override;
  nvinfer1::IOutputAllocator* getOutputAllocator(const char* name) const noexcept override {
    const Binding* found = find(name);
    return found != nullptr ? found->allocator : nullptr;
  }
  int64_t getMaxOutputSize(const char* name) const noexcept override;
  void setDebugSync(bool on) noexcept override { debug_sync_ = on; }
  bool getDebugSync() const noexcept override { return debug_sync_; }
  void setProfiler(nvinfer1::IProfiler* profiler) noexcept override { profiler_ = profiler; }
  nvinfer1::IProfiler* getProfiler() const noexcept override { return profiler_; }
  void setEnqueueEmitsProfile(bool on) noexcept override { emits_ = on; }
  bool getEnqueueEmitsProfile() const noexcept override { return emits_; }
  bool reportToProfiler() const noexcept override {
    return guarded(reporter_, "IExecutionContext::reportToProfiler", [&] {
      if (profiler_ == nullptr || times_.empty())
        refuse("there is no profiler, or no run that it has not heard of");
      report();
    });
  }
  bool setInputConsumedEvent(cudaEvent_t event) noexcept override {
    consumed_ = event;
    return true;
  }
  cudaEvent_t getInputConsumedEvent() const noexcept override { return consumed_; }
  void setPersistentCacheLimit(std::size_t size) noexcept override { cache_limit_ = size; }
  std::size_t getPersistentCacheLimit() const noexcept override { return cache_limit_; }
  void setAuxStreams(cudaStream_t*, int32_t) noexcept override {}
  void setDeviceMemory(void*) noexcept override {}
  void setDeviceMemoryV2(void*, int64_t) noexcept override {}
  bool allInputShapesSpecified() const noexcept override { return true; }
  std::size_t updateDeviceMemorySizeForShapes() noexcept override {
    return guarded(reporter_, "IExecutionContext::updateDeviceMemorySizeForShapes", std::size_t{0},
                   [&] {
                     if (!allInputDimensionsSpecified()) refuse("an input has no shape yet");
                     return std::size_t{1};
                   });
  }
  bool setTemporaryStorageAllocator(nvinfer1::IGpuAllocator* allocator) noexcept override {
    storage_ = allocator;
    return true;
  }
  nvinfer1::IGpuAllocator* getTemporaryStorageAllocator() const noexcept override {
    return storage_;
  }
  bool setNvtxVerbosity(nvinfer1::ProfilingVerbosity verbosity) noexcept override {
    return guarded(reporter_, "IExecutionContext::setNvtxVerbosity", [&] {
      if (rank_of(verbosity) > rank_of(state_->facts.verbosity))
        refuse("the engine was built with less; set it by IBuilderConfig::setProfilingVerbosity");
      nvtx_ = verbosity;
    });
  }
  nvinfer1::ProfilingVerbosity getNvtxVerbosity() const noexcept override { return nvtx_; }
  bool setDebugListener(nvinfer1::IDebugListener* listener) noexcept override {
    listener_ = listener;
    return true;
  }
  nvinfer1::IDebugListener* getDebugListener() noexcept override { return listener_; }
  bool setTensorDebugState(const char* name, bool on) noexcept override {
    return guarded(reporter_, "IExecutionContext::setTensorDebugState", [&] {
      const std::string given = name_of(name);
      if (!state_->debug.contains(given)) refuse("\"" + given + "\" is no debug tensor");
      on ? void(debugged_.insert(given)) : void(debugged_.erase(given));
    });
  }
  bool getDebugState(const char* name) const noexcept override {
    return name != nullptr && debugged_.contains(name);
  }
  bool setAllTensorsDebugState(bool on) noexcept override {
    debugged_.clear();
    for (const auto& [name, output] : state_->debug)
      if (on) debugged_.insert(name);
    return true;
  }
  bool setUnfusedTensorsDebugState(bool on) noexcept override {
    unfused_ = on;
    return true;
  }
  bool getUnfusedTensorsDebugState() const noexcept override { return unfused_; }
  nvinfer1::IRuntimeConfig* getRuntimeConfig() const noexcept override {
    return new (std::nothrow) RuntimeConfig;
  }
  bool setCommunicator(void*) noexcept override {
    return guarded(reporter_, "IExecutionContext::setCommunicator", [] {
      refuse(ErrorCode::kUNSUPPORTED_STATE, "an engine has one device: there is no communicator");
    });
  }
  bool allInputDimensionsSpecified() const noexcept override {
    return std::ranges::all_of(
        bindings_, [](const Binding& each) { return !each.is_input || is_static(each.dims); });
  }
  bool setTensorAddress(const char* name, void* data) noexcept override {
    return set("IExecutionContext::setTensorAddress", name, data, true, true);
  }
  const void* getTensorAddress(const char* name) const noexcept override {
    const Binding* found = find(name);
    return found != nullptr ? found->address : nullptr;
  }
  bool setOutputTensorAddress(const char* name, void* data) noexcept override {
    return set("IExecutionContext::setOutputTensorAddress", name, data, false, true);
  }
  void* getOutputTensorAddress(const char* name) const noexcept override {
    const Binding* found = find(name);
    return found != nullptr && !found->is_input ? found->address : nullptr;
  }
  bool setInputTensorAddress(const char* name, const void* data) noexcept override {
    return set("IExecutionContext::setInputTensorAddress", name, const_cast<void*>(data), true,
               false);
  }
  bool executeV2(void* const* bindings) noexcept override;
  bool execute(int32_t batch, void* const* bindings) noexcept override;
  bool enqueueV3(cudaStream_t) noexcept override {
    return guarded(reporter_, "IExecutionContext::enqueueV3", [&] { run(nullptr); });
  }

 private:
  const Binding* find(const char* name) const {
    if (name == nullptr) return nullptr;
    const auto found =
        std::ranges::find(bindings_, std::string_view(name),
                          [](const Binding& each) -> std::string_view { return each.port.name; });
    return found != bindings_.end() ? &*found : nullptr;
  }
  // kNONE is less than names alone.
  static int rank_of(nvinfer1::ProfilingVerbosity verbosity) {
    using Verbosity = nvinfer1::ProfilingVerbosity;
    return verbosity == Verbosity::kNONE ? 0 : verbosity == Verbosity::kLAYER_NAMES_ONLY ? 1 : 2;
  }
  bool set(const char* function, const char* name, void* data, bool inputs, bool outputs) noexcept;
  void run(void* const* bindings);
  void place(Binding& binding, void* const* bindings, size_t i);
  void tell_outputs();
  void allocate(Binding& binding, size_t bytes);
  void run_into_outputs(const RunOptions& options);
  void check_assertions() const;
  void tell_listener(Outputs& made) const;
  void report() const;
  const Profile& profile() const { return state_->facts.profiles[index(profile_)]; }
  bool fits(const Binding& binding, const Dims& dims, std::string& why) const;

  EngineImpl& engine_;
  std::shared_ptr<EngineState> state_;
  Reporter reporter_;
  tenon::Context context_;
  std::string name_;
  std::vector<Binding> bindings_;
  std::map<std::string, TensorView> inputs_, outputs_;   // kept: a run allocates nothing here
  std::deque<bool> held_;                                // what assertions found
  std::map<std::string, std::vector<std::byte>> apart_;  // of outputs in the memory of inputs
  int32_t profile_ = 0;
  nvinfer1::IProfiler* profiler_ = nullptr;
  bool emits_ = true, debug_sync_ = false;
  mutable std::vector<LayerTime> times_;  // of a run that the profiler has not heard of
  cudaEvent_t consumed_ = nullptr;
  std::size_t cache_limit_ = 0;
  nvinfer1::ProfilingVerbosity nvtx_ = state_->facts.verbosity;
  nvinfer1::IGpuAllocator* storage_ = nullptr;
  nvinfer1::IDebugListener* listener_ = nullptr;
  bool unfused_ = false;
  std::set<std::string> debugged_;  // tensors whose state is on
};

bool ContextImpl::set(const char* function, const char* name, void* data, bool inputs,
                      bool outputs) noexcept {
  return guarded(reporter_, function, [&] {
    auto* found = const_cast<Binding*>(find(name));
    if (found == nullptr) refuse("\"" + name_of(name) + "\" is no input or output");
    if (!(found->is_input ? inputs : outputs))
      refuse("\"" + found->port.name + "\" is an " + (found->is_input ? "input" : "output"));
    found->address = data;
  });
}

bool ContextImpl::fits(const Binding& binding, const Dims& dims, std::string& why) const {
  const Dims built = dims_of(binding.port.shape);
  bool same = built.nbDims == dims.nbDims;
  for (int i = 0; same && i < dims.nbDims; ++i) same = built.d[i] < 0 || built.d[i] == dims.d[i];
  if (!same) {
    why = to_string(dims) + " does not fit the engine's " + to_string(built);
    return false;
  }
  const auto range = profile().ranges.find(binding.port.name);
  for (int i = 0; range != profile().ranges.end() && i < dims.nbDims; ++i) {
    const auto& [least, typical, greatest] = range->second;
    if (dims.d[i] >= least.d[i] && dims.d[i] <= greatest.d[i]) continue;
    why = to_string(dims) + " is outside the profile's " + to_string(least) + " to " +
          to_string(greatest);
    return false;
  }
  return true;
}

bool ContextImpl::setInputShape(const char* name, const Dims& dims) noexcept {
  return guarded(reporter_, "IExecutionContext::setInputShape", [&] {
    auto* found = const_cast<Binding*>(find(name));
    if (found == nullptr || !found->is_input) refuse("\"" + name_of(name) + "\" is no input");
    const std::string what = "input \"" + found->port.name + "\"";
    shape_of(dims, what);
    std::string why;
    if (!fits(*found, dims, why)) refuse(what + ": " + why);
    if (equal(found->dims, dims)) return;
    found->dims = dims;
    tell_outputs();
  });
}

// The outputs' extents, as far as the inputs' tell them.
void ContextImpl::tell_outputs() {
  std::map<std::string, Shape> shapes;
  for (Binding& each : bindings_) {
    if (!each.is_input) each.dims = each.known = dims_of(each.port.shape);
    if (each.is_input && is_static(each.dims))
      shapes[each.port.name] = Shape(each.dims.d, each.dims.d + each.dims.nbDims);
  }
  if (shapes.size() < state_->inputs.size()) return;
  std::map<std::string, std::optional<Shape>> told;
  try {
    told = state_->engine.output_shapes(shapes);
  } catch (const InputError&) {  // inputs that contradict each other: a run says so
    return;
  }
  for (Binding& each : bindings_) {
    const auto found = told.find(each.port.name);
    if (!each.is_input && found != told.end() && found->second)
      each.dims = each.known = dims_of(*found->second);
  }
}

bool ContextImpl::setOptimizationProfileAsync(int32_t profile, cudaStream_t) noexcept {
  return guarded(reporter_, "IExecutionContext::setOptimizationProfileAsync", [&] {
    const auto count = static_cast<int32_t>(state_->facts.profiles.size());
    if (profile < 0 || profile >= count)
      refuse("profile " + std::to_string(profile) + " of " + std::to_string(count));
    profile_ = profile;
    std::string why;
    for (Binding& each : bindings_)
      if (each.is_input && !fits(each, each.dims, why)) each.dims = dims_of(each.port.shape);
    tell_outputs();
  });
}

int32_t ContextImpl::inferShapes(int32_t most, const char** names) noexcept {
  return guarded(reporter_, "IExecutionContext::inferShapes", -1, [&] {
    if (most < 0 || (most > 0 && names == nullptr)) refuse("there is no room for names");
    int32_t lacking = 0;
    for (const Binding& each : bindings_) {
      if (!each.is_input || is_static(each.dims)) continue;
      if (lacking < most) names[lacking] = each.port.name.c_str();
      ++lacking;
    }
    return lacking;
  });
}

Dims ContextImpl::getTensorStrides(const char* name) const noexcept {
  const Binding* found = find(name);
  if (found == nullptr || !is_static(found->dims)) return unknown_dims();
  Dims strides{found->dims.nbDims, {}};
  int64_t next = 1;
  for (int32_t i = strides.nbDims; i-- > 0;) {
    strides.d[i] = next;
    next *= found->dims.d[i];
  }
  return strides;
}

bool ContextImpl::setOutputAllocator(const char* name,
                                     nvinfer1::IOutputAllocator* allocator) noexcept {
  return guarded(reporter_, "IExecutionContext::setOutputAllocator", [&] {
    auto* found = const_cast<Binding*>(find(name));
    if (found == nullptr || found->is_input) refuse("\"" + name_of(name) + "\" is no output");
    found->allocator = allocator;
  });
}

int64_t ContextImpl::getMaxOutputSize(const char* name) const noexcept {
  const Binding* found = find(name);
  if (found == nullptr || found->is_input) return -1;
  const Dims dims =
      is_static(found->dims)
          ? found->dims
          : engine_.getProfileShape(name, profile_, nvinfer1::OptProfileSelector::kMAX);
  if (!is_static(dims)) return -1;
  int64_t bytes = element_bytes(found->port.dtype);
  for (int32_t i = 0; i < dims.nbDims; ++i) bytes *= dims.d[i];
  return bytes;
}

// An allocator's answer counts; without one, what was there before may be large enough.
void ContextImpl::allocate(Binding& each, size_t bytes) {
  const char* name = each.port.name.c_str();
  void* given = each.allocator->reallocateOutputAsync(name, each.address,
                                                      std::max<size_t>(bytes, 1), 64, nullptr);
  if (given == nullptr)
    refuse(ErrorCode::kFAILED_ALLOCATION, "output \"" + each.port.name +
                                              "\": its allocator gave no " + std::to_string(bytes) +
                                              " bytes");
  each.address = given;
}

void ContextImpl::place(Binding& each, void* const* bindings, size_t i) {
  const char* kind = each.is_input ? "input" : "output";
  if (each.is_input && !is_static(each.dims))
    refuse("input \"" + each.port.name + "\" has no shape; setInputShape first");
  TensorView& view = (each.is_input ? inputs_ : outputs_)[each.port.name];
  view.dtype = each.port.dtype;
  const Dims& dims = each.before_run();
  if (is_static(dims)) view.shape.assign(dims.d, dims.d + dims.nbDims);
  if (each.allocator != nullptr && is_static(dims)) allocate(each, view.bytes());
  view.data = bindings != nullptr && bindings[i] != nullptr ? bindings[i] : each.address;
  if (view.data == nullptr && each.allocator == nullptr)
    refuse(std::string(kind) + " \"" + each.port.name +
           "\" has no address; setTensorAddress first");
}

void ContextImpl::report() const {
  const std::vector<LayerInfo> layers = state_->engine.layers();
  for (size_t i = 0; i < std::min(layers.size(), times_.size()); ++i)
    profiler_->reportLayerTime((layers[i].name.empty() ? layers[i].op : layers[i].name).c_str(),
                               static_cast<float>(times_[i].seconds * 1e3));
  times_.clear();
}

// What goes wrong in a run is a failed execution, but for an engine that waits for its weights.
template <class Run>
auto executed(Run&& run) {
  try {
    return run();
  } catch (const Error& failure) {
    if (failure.code() == tenon::ErrorCode::not_ready) throw;
    refuse(ErrorCode::kFAILED_EXECUTION, failure.what());
  }
}

// An output in the memory of its input is made beside it: a run may read what it has written.
void ContextImpl::run_into_outputs(const RunOptions& options) {
  std::vector<std::pair<std::string, void*>> back;
  for (const auto& [output, input] : state_->facts.aliases) {
    const auto from = inputs_.find(input);
    const auto to = outputs_.find(output);
    if (from == inputs_.end() || to == outputs_.end() || from->second.data != to->second.data)
      continue;
    std::vector<std::byte>& apart = apart_[output];
    apart.resize(to->second.bytes());
    back.emplace_back(output, const_cast<void*>(to->second.data));
    to->second.data = apart.data();
  }
  executed([&] { context_.run(inputs_, outputs_, options); });
  for (const auto& [output, home] : back)
    std::memcpy(home, apart_[output].data(), apart_[output].size());
}

void ContextImpl::tell_listener(Outputs& made) const {
  if (listener_ == nullptr) return;
  for (const std::string& name : debugged_) {
    const Tensor& tensor = made[state_->debug.at(name)];
    const bool told = listener_->processDebugTensor(tensor.data(), nvinfer1::TensorLocation::kHOST,
                                                    type_of(tensor.dtype()),
                                                    dims_of(tensor.shape()), name.c_str(), nullptr);
    if (!told)
      reporter_.say(Reporter::Severity::kWARNING,
                    "the debug listener answered false to \"" + name + "\"");
  }
}

void ContextImpl::check_assertions() const {
  for (const std::string& name : state_->assertions) {
    const auto* held = static_cast<const bool*>(outputs_.at(name).data);
    if (!*held)
      refuse(ErrorCode::kFAILED_EXECUTION, "assertion failed: " + name.substr(name.find(": ") + 2));
  }
}

void ContextImpl::run(void* const* bindings) {
  bool fixed = state_->debug.empty();  // the outputs' shapes are known before the run
  for (size_t i = 0; i < bindings_.size(); ++i) {
    place(bindings_[i], bindings, i);
    fixed = fixed && is_static(bindings_[i].before_run());
  }
  RunOptions options;
  if (profiler_ != nullptr) options.step_times = &times_;
  if (fixed) {
    run_into_outputs(options);
  } else {
    Outputs made = executed([&] { return context_.run(inputs_, options); });
    for (Binding& each : bindings_) {
      if (each.is_input) continue;
      const Tensor& tensor = made[each.port.name];
      TensorView& view = outputs_[each.port.name];
      if (each.allocator != nullptr && !is_static(each.known)) {
        allocate(each, tensor.bytes());
        view.data = each.address;
      }
      std::memcpy(const_cast<void*>(view.data), tensor.data(), tensor.bytes());
      each.dims = dims_of(tensor.shape());
    }
    tell_listener(made);
    for (const std::string& name : state_->assertions)
      std::memcpy(const_cast<void*>(outputs_[name].data), made[name].data(), 1);
  }
  check_assertions();
  for (const Binding& each : bindings_)
    if (each.allocator != nullptr) each.allocator->notifyShape(each.port.name.c_str(), each.dims);
  if (profiler_ != nullptr && emits_) report();
}

// Samples know nothing of each other: they run one after the other.
bool ContextImpl::execute(int32_t batch, void* const* bindings) noexcept {
  return guarded(reporter_, "IExecutionContext::execute", [&] {
    const int32_t most = state_->facts.max_batch;
    if (bindings == nullptr) refuse("bindings is null; give one address for each IO tensor");
    if (most == 0) return run(bindings);
    if (batch < 1 || batch > most)
      refuse("a batch of " + std::to_string(batch) + "; the engine was built for 1 to " +
             std::to_string(most) + " samples");
    std::vector<void*> sample(bindings, bindings + bindings_.size());
    for (int32_t i = 0; i < batch; ++i) {
      run(sample.data());
      for (size_t j = 0; j < sample.size(); ++j) {
        const TensorView& view =
            (bindings_[j].is_input ? inputs_ : outputs_).at(bindings_[j].port.name);
        if (sample[j] != nullptr) sample[j] = static_cast<std::byte*>(sample[j]) + view.bytes();
      }
    }
  });
}

bool ContextImpl::executeV2(void* const* bindings) noexcept {
  return guarded(reporter_, "IExecutionContext::executeV2", [&] {
    if (bindings == nullptr) refuse("bindings is null; give one address for each IO tensor");
    run(bindings);
  });
}

}  // namespace

nvinfer1::IExecutionContext* new_context(EngineImpl& engine) { return new ContextImpl(engine); }

}  // namespace tenon::trt
