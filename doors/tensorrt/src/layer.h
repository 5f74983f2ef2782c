// What the classes of layers share: inputs, outputs, names, and parameters that may change.
#pragma once

#include "network.h"

namespace tenon::trt {

using nvinfer1::DataType;
using nvinfer1::Dims;
using nvinfer1::Weights;
using nvinfer1::WeightsRole;

/// Refuses several devices.
void one_rank(int32_t ranks);

/// The half of a layer that all interfaces share.
template <class Interface, nvinfer1::LayerType kType>
class Layer : public Interface, public LayerCore {
 public:
  using LayerCore::LayerCore;
  static constexpr size_t kOutputs = 1;

  nvinfer1::ILayer* face() override { return this; }
  nvinfer1::LayerType getType() const noexcept override { return kType; }
  void setName(const char* given) noexcept override {
    guarded(network.reporter, "ILayer::setName", [&] { this->name = name_of(given); });
  }
  const char* getName() const noexcept override { return this->name.c_str(); }
  int32_t getNbInputs() const noexcept override { return static_cast<int32_t>(inputs.size()); }
  nvinfer1::ITensor* getInput(int32_t i) const noexcept override {
    return i >= 0 && index(i) < inputs.size() ? inputs[index(i)] : nullptr;
  }
  int32_t getNbOutputs() const noexcept override { return static_cast<int32_t>(outputs.size()); }
  nvinfer1::ITensor* getOutput(int32_t i) const noexcept override {
    return i >= 0 && index(i) < outputs.size() ? outputs[index(i)].get() : nullptr;
  }
  void setInput(int32_t i, nvinfer1::ITensor& tensor) noexcept override {
    edit("ILayer::setInput", [&] {
      const size_t most = most_inputs();
      if (i < 0 || index(i) >= most)
        refuse("layer \"" + this->name + "\" has no input " + std::to_string(i) + "; it takes " +
               std::to_string(most));
      TensorImpl& own = network.own(tensor);
      if (inputs.size() <= index(i)) inputs.resize(index(i) + 1);
      inputs[index(i)] = &own;
    });
  }
  DataType getOutputType(int32_t i) const noexcept override {
    const nvinfer1::ITensor* output = getOutput(i);
    return output != nullptr ? output->getType() : DataType::kFLOAT;
  }
  void setPrecision(DataType given) noexcept override {
    edit("ILayer::setPrecision", [&] {
      dtype_of(given, "layer \"" + this->name + "\"");
      precision = given;
    });
  }
  DataType getPrecision() const noexcept override { return precision.value_or(DataType::kFLOAT); }
  bool precisionIsSet() const noexcept override { return precision.has_value(); }
  void resetPrecision() noexcept override { precision.reset(); }
  void setOutputType(int32_t i, DataType given) noexcept override {
    edit("ILayer::setOutputType", [&] {
      if (i < 0 || i >= getNbOutputs())
        refuse("layer \"" + this->name + "\" has no output " + std::to_string(i));
      dtype_of(given, "layer \"" + this->name + "\"");
      output_types[i] = given;
    });
  }
  bool outputTypeIsSet(int32_t i) const noexcept override { return output_types.contains(i); }
  void resetOutputType(int32_t i) noexcept override {
    edit("ILayer::resetOutputType", [&] { output_types.erase(i); });
  }
  void setMetadata(const char* given) noexcept override {
    guarded(network.reporter, "ILayer::setMetadata",
            [&] { metadata = name_of(given, "the metadata"); });
  }
  const char* getMetadata() const noexcept override { return metadata.c_str(); }
  bool setNbRanks(int32_t ranks) noexcept override {
    return guarded(network.reporter, "ILayer::setNbRanks", [&] { one_rank(ranks); });
  }
  int32_t getNbRanks() const noexcept override { return 1; }

 protected:
  template <class Body>
  bool edit(const char* function, Body&& body) noexcept {
    const bool done = guarded(network.reporter, function, body);
    if (done) network.changed(*this);
    return done;
  }
};

// A parameter whose setter says whether the value was taken.
#define TENON_TOLD_PARAMETER(Type, Argument, Name, field)                                     \
  bool set##Name(Argument value) noexcept override {                                          \
    return this->edit("set" #Name,                                                            \
                      [&] { field = check(value, "layer \"" + this->name + "\": " #Name); }); \
  }                                                                                           \
  Type get##Name() const noexcept override { return field; }

#define TENON_PARAMETER(Type, Argument, Name, field)                                   \
  void set##Name(Argument value) noexcept override {                                   \
    this->edit("set" #Name,                                                            \
               [&] { field = check(value, "layer \"" + this->name + "\": " #Name); }); \
  }                                                                                    \
  Type get##Name() const noexcept override { return field; }

// What a parameter's value may be, whatever the others are.
template <class T>
T check(T value, const std::string& what) {
  if constexpr (std::is_enum_v<T>) {
    const auto number = static_cast<int64_t>(value);
    if (number < 0 || number >= nvinfer1::EnumMax<T>())
      refuse(what + ": " + std::to_string(number) + " is none of its values");
  }
  return value;
}
Dims check(const Dims& value, const std::string& what);
nvinfer1::Permutation check(nvinfer1::Permutation value, const std::string& what);

// What layers say of themselves in messages.
std::string layer_text(const LayerCore& layer);
Attribute::Ints ints_of(const Dims& dims);
/// The axes of a mask; refuses what is outside the rank.
std::vector<int64_t> axes_of(uint32_t mask, size_t rank, const std::string& what);
/// ONNX's number of a type.
int onnx_type(DType dtype);
/// The same in another type.
Value cast(Lowering& to, const LayerCore& layer, Value value, DType dtype);
/// Refuses a type that indices cannot have.
DataType index_type(DataType type, const std::string& what);

}  // namespace tenon::trt
