// Layers that compute by element, along axes, or by an equation.
#pragma once

#include "layer.h"

namespace tenon::trt {

class PRelu final
    : public Layer<nvinfer1::IParametricReLULayer, nvinfer1::LayerType::kPARAMETRIC_RELU> {
 public:
  using Layer::Layer;
  void init() {}
  Value lower(Lowering& to) const override {
    return to.add(*this, "PRelu", {input(to), input(to, 1)});
  }
};

class Einsum final : public Layer<nvinfer1::IEinsumLayer, nvinfer1::LayerType::kEINSUM> {
 public:
  using Layer::Layer;
  void init(const char* equation) { equation_ = name_of(equation, "the equation"); }
  Value lower(Lowering& to) const override;
  bool setEquation(const char* equation) noexcept override {
    return edit("IEinsumLayer::setEquation", [&] { init(equation); });
  }
  const char* getEquation() const noexcept override { return equation_.c_str(); }

 private:
  std::string equation_;
};

/// Quantize and Dequantize.
template <class Interface, nvinfer1::LayerType kType>
class Quantized final : public Layer<Interface, kType> {
 public:
  using Layer<Interface, kType>::Layer;
  static constexpr bool kQuantizes = kType == nvinfer1::LayerType::kQUANTIZE;
  void init(DataType type);
  Value lower(Lowering& to) const override;
  size_t most_inputs() const override { return 3; }
  bool setBlockShape(Dims const& value) noexcept override;
  Dims getBlockShape() const noexcept override { return {-1, {}}; }
  TENON_PARAMETER(int32_t, int32_t, Axis, axis_)
  TENON_PARAMETER(DataType, DataType, ToType, type_)

 private:
  int32_t axis_ = -1;
  DataType type_{};
};
using Quantize = Quantized<nvinfer1::IQuantizeLayer, nvinfer1::LayerType::kQUANTIZE>;
using Dequantize = Quantized<nvinfer1::IDequantizeLayer, nvinfer1::LayerType::kDEQUANTIZE>;

class Normalization final
    : public Layer<nvinfer1::INormalizationLayer, nvinfer1::LayerType::kNORMALIZATION> {
 public:
  using Layer::Layer;
  void init(uint32_t axes, bool v2);
  Value lower(Lowering& to) const override;
  bool isV2() const noexcept override { return v2_; }
  TENON_PARAMETER(float, float, Epsilon, epsilon_)
  TENON_PARAMETER(uint32_t, uint32_t, Axes, axes_)
  TENON_PARAMETER(int64_t, int64_t, NbGroups, groups_)
  TENON_PARAMETER(DataType, DataType, ComputePrecision, precision_)

 private:
  Value normalized(Lowering& to, Value x, Value axes) const;
  Value scaled(Lowering& to, Value x) const;
  Value grouped(Lowering& to) const;
  uint32_t axes_ = 0;
  int64_t groups_ = 1;
  float epsilon_ = 1e-5F;
  DataType precision_ = DataType::kFLOAT;
  bool v2_ = false;
};

/// Softmax over the first elements of each row, as many as its bound says; 0 behind them.
class RaggedSoftMax final
    : public Layer<nvinfer1::IRaggedSoftMaxLayer, nvinfer1::LayerType::kRAGGED_SOFTMAX> {
 public:
  using Layer::Layer;
  void init() {}
  Value lower(Lowering& to) const override;
};

/// An output that only contexts see: a run whose condition is false fails with the message.
class Assertion final : public Layer<nvinfer1::IAssertionLayer, nvinfer1::LayerType::kASSERTION> {
 public:
  using Layer::Layer;
  static constexpr size_t kOutputs = 0;
  void init(const char* message) { message_ = name_of(message, "the message"); }
  Value lower(Lowering&) const override { return {}; }
  std::vector<Value> lower_all(Lowering& to) const override;
  void setMessage(const char* message) noexcept override {
    edit("IAssertionLayer::setMessage", [&] { init(message); });
  }
  const char* getMessage() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

class Cumulative final
    : public Layer<nvinfer1::ICumulativeLayer, nvinfer1::LayerType::kCUMULATIVE> {
 public:
  using Layer::Layer;
  void init(nvinfer1::CumulativeOperation op, bool exclusive, bool reverse);
  Value lower(Lowering& to) const override;
  TENON_TOLD_PARAMETER(nvinfer1::CumulativeOperation, nvinfer1::CumulativeOperation, Operation, op_)
  TENON_PARAMETER(bool, bool, Exclusive, exclusive_)
  TENON_PARAMETER(bool, bool, Reverse, reverse_)

 private:
  nvinfer1::CumulativeOperation op_{};
  bool exclusive_ = false, reverse_ = false;
};

}  // namespace tenon::trt
