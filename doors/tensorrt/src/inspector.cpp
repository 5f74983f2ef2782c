// What an engine's steps are, as lines or JSON.
#include "engine.h"

namespace tenon::trt {
namespace {

using nvinfer1::LayerInformationFormat;
using nvinfer1::ProfilingVerbosity;

std::string quoted(const std::string& text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string made = "\"";
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (each == '"' || each == '\\') {
      made += '\\';
      made += each;
    } else if (byte < 0x20) {
      made += std::string("\\u00") + digits[byte >> 4] + digits[byte & 15U];
    } else {
      made += each;
    }
  }
  return made + "\"";
}

std::string name_of(const LayerInfo& layer) { return layer.name.empty() ? layer.op : layer.name; }

class Inspector final : public nvinfer1::IEngineInspector {
 public:
  Inspector(std::shared_ptr<EngineState> state, const Reporter& reporter)
      : state_(std::move(state)), reporter_(reporter), layers_(state_->engine.layers()) {}

  bool setExecutionContext(const nvinfer1::IExecutionContext* context) noexcept override {
    context_ = context;
    return true;
  }
  const nvinfer1::IExecutionContext* getExecutionContext() const noexcept override {
    return context_;
  }
  const char* getLayerInformation(int32_t i,
                                  LayerInformationFormat format) const noexcept override {
    return guarded(reporter_, "IEngineInspector::getLayerInformation", "", [&] {
      if (i < 0 || index(i) >= layers_.size())
        refuse("layer " + std::to_string(i) + " of " + std::to_string(layers_.size()));
      text_ = layer(layers_[index(i)], format);
      return text_.c_str();
    });
  }
  const char* getEngineInformation(LayerInformationFormat format) const noexcept override {
    return guarded(reporter_, "IEngineInspector::getEngineInformation", "", [&] {
      text_ = format == LayerInformationFormat::kJSON ? json() : lines();
      return text_.c_str();
    });
  }
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override {
    reporter_.set_recorder(recorder);
  }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override {
    return reporter_.recorder();
  }

 private:
  std::string layer(const LayerInfo& each, LayerInformationFormat format) const {
    const ProfilingVerbosity verbosity = state_->facts.verbosity;
    const bool is_json = format == LayerInformationFormat::kJSON;
    if (verbosity == ProfilingVerbosity::kNONE) return is_json ? "\"\"" : "";
    if (verbosity == ProfilingVerbosity::kLAYER_NAMES_ONLY)
      return is_json ? quoted(name_of(each)) : name_of(each);
    if (is_json)
      return "{\"Name\": " + quoted(name_of(each)) + ", \"LayerType\": " + quoted(each.op) +
             ", \"Outputs\": [{\"Format/Datatype\": " + quoted(each.output) +
             "}], \"TacticName\": " + quoted(each.kernel) +
             ", \"TacticValue\": " + quoted(each.tactic) + ", \"StreamId\": 0, \"Metadata\": \"\"}";
    return "Name: " + name_of(each) + ", LayerType: " + each.op +
           ", Outputs: [ { Format/Datatype: " + each.output + " }], TacticName: " + each.kernel +
           ", StreamId: 0, Metadata: ";
  }
  std::string lines() const {
    std::string made = "Layers:\n";
    for (const LayerInfo& each : layers_)
      made += layer(each, LayerInformationFormat::kONELINE) + "\n";
    made += "\nBindings:\n";
    for (const auto* ports : {&state_->inputs, &state_->outputs})
      for (const Port& port : *ports) made += port.name + "\n";
    return made;
  }
  std::string json() const {
    std::string made = "{\"Layers\": [";
    for (const LayerInfo& each : layers_)
      made += (&each != layers_.data() ? ", " : "") + layer(each, LayerInformationFormat::kJSON);
    made += "], \"Bindings\": [";
    bool first = true;
    for (const auto* ports : {&state_->inputs, &state_->outputs})
      for (const Port& port : *ports)
        made += (std::exchange(first, false) ? "" : ", ") + quoted(port.name);
    return made + "]}";
  }

  std::shared_ptr<EngineState> state_;
  Reporter reporter_;
  std::vector<LayerInfo> layers_;
  const nvinfer1::IExecutionContext* context_ = nullptr;
  mutable std::string text_;
};

}  // namespace

nvinfer1::IEngineInspector* new_inspector(std::shared_ptr<EngineState> state,
                                          const Reporter& reporter) {
  const auto none = static_cast<nvinfer1::IEngineInspector*>(nullptr);
  return guarded(reporter, "ICudaEngine::createEngineInspector", none,
                 [&] { return new Inspector(std::move(state), reporter); });
}

}  // namespace tenon::trt
