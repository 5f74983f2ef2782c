// Contexts: addresses and shapes by name, runs over Tenon's.
#include "tenon/context.h"

#include <algorithm>
#include <cstring>

#include "engine.h"

namespace tenon::trt {
namespace {

/// An input or output with what the program set for it.
struct Binding {
  Port port;
  bool is_input = false;
  Dims dims{};  // -1 where it is not known yet
  void* address = nullptr;
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
  bool set(const char* function, const char* name, void* data, bool inputs, bool outputs) noexcept;
  void run(void* const* bindings);

  EngineImpl& engine_;
  std::shared_ptr<EngineState> state_;
  Reporter reporter_;
  tenon::Context context_;
  std::string name_;
  std::vector<Binding> bindings_;
  std::map<std::string, TensorView> inputs_, outputs_;  // kept: a run allocates nothing here
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

bool ContextImpl::setInputShape(const char* name, const Dims& dims) noexcept {
  return guarded(reporter_, "IExecutionContext::setInputShape", [&] {
    auto* found = const_cast<Binding*>(find(name));
    if (found == nullptr || !found->is_input) refuse("\"" + name_of(name) + "\" is no input");
    const std::string what = "input \"" + found->port.name + "\"";
    shape_of(dims, what);
    const Dims built = dims_of(found->port.shape);
    bool fits = built.nbDims == dims.nbDims;
    for (int i = 0; fits && i < dims.nbDims; ++i) fits = built.d[i] < 0 || built.d[i] == dims.d[i];
    if (!fits)
      refuse(what + ": " + to_string(dims) + " does not fit the engine's " + to_string(built));
    const auto range = state_->profile.ranges.find(found->port.name);
    for (int i = 0; range != state_->profile.ranges.end() && i < dims.nbDims; ++i) {
      const auto& [least, typical, greatest] = range->second;
      if (dims.d[i] < least.d[i] || dims.d[i] > greatest.d[i])
        refuse(what + ": " + to_string(dims) + " is outside the profile's " + to_string(least) +
               " to " + to_string(greatest));
    }
    if (equal(found->dims, dims)) return;
    found->dims = dims;
    for (Binding& each : bindings_)
      if (!each.is_input) each.dims = dims_of(each.port.shape);
  });
}

void ContextImpl::run(void* const* bindings) {
  bool fixed = true;  // the outputs' shapes are known before the run
  for (size_t i = 0; i < bindings_.size(); ++i) {
    const Binding& each = bindings_[i];
    void* address = bindings != nullptr && bindings[i] != nullptr ? bindings[i] : each.address;
    const char* kind = each.is_input ? "input" : "output";
    if (address == nullptr)
      refuse(std::string(kind) + " \"" + each.port.name +
             "\" has no address; setTensorAddress first");
    if (each.is_input && !is_static(each.dims))
      refuse("input \"" + each.port.name + "\" has no shape; setInputShape first");
    TensorView& view = (each.is_input ? inputs_ : outputs_)[each.port.name];
    view.data = address, view.dtype = each.port.dtype;
    fixed = fixed && is_static(each.dims);
    if (is_static(each.dims)) view.shape.assign(each.dims.d, each.dims.d + each.dims.nbDims);
  }
  if (fixed) {
    context_.run(inputs_, outputs_);
    return;
  }
  Outputs made = context_.run(inputs_);
  for (Binding& each : bindings_) {
    if (each.is_input) continue;
    const Tensor& tensor = made[each.port.name];
    std::memcpy(const_cast<void*>(outputs_[each.port.name].data), tensor.data(), tensor.bytes());
    each.dims = dims_of(tensor.shape());
  }
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
