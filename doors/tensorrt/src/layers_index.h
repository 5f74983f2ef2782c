// Layers that choose, move and count elements.
#pragma once

#include "layer.h"

namespace tenon::trt {

class TopK final : public Layer<nvinfer1::ITopKLayer, nvinfer1::LayerType::kTOPK> {
 public:
  using Layer::Layer;
  static constexpr size_t kOutputs = 2;
  void init(nvinfer1::TopKOperation op, int32_t k, uint32_t axes, DataType indices);
  Value lower(Lowering& to) const override { return lower_all(to)[0]; }
  std::vector<Value> lower_all(Lowering& to) const override;
  size_t most_inputs() const override { return 2; }
  TENON_PARAMETER(nvinfer1::TopKOperation, nvinfer1::TopKOperation, Operation, op_)
  TENON_PARAMETER(int32_t, int32_t, K, k_)
  TENON_PARAMETER(uint32_t, uint32_t, ReduceAxes, axes_)
  TENON_TOLD_PARAMETER(DataType, DataType, IndicesType, indices_)

 private:
  nvinfer1::TopKOperation op_{};
  int32_t k_ = 1;
  uint32_t axes_ = 0;
  DataType indices_ = DataType::kINT32;
};

class Gather final : public Layer<nvinfer1::IGatherLayer, nvinfer1::LayerType::kGATHER> {
 public:
  using Layer::Layer;
  void init(nvinfer1::GatherMode mode, int32_t axis);
  Value lower(Lowering& to) const override;
  TENON_PARAMETER(int32_t, int32_t, GatherAxis, axis_)
  TENON_PARAMETER(int32_t, int32_t, NbElementWiseDims, batch_)
  TENON_PARAMETER(nvinfer1::GatherMode, nvinfer1::GatherMode, Mode, mode_)

 private:
  nvinfer1::GatherMode mode_{};
  int32_t axis_ = 0, batch_ = 0;
};

class Scatter final : public Layer<nvinfer1::IScatterLayer, nvinfer1::LayerType::kSCATTER> {
 public:
  using Layer::Layer;
  void init(nvinfer1::ScatterMode mode) { mode_ = check(mode, name); }
  Value lower(Lowering& to) const override;
  TENON_PARAMETER(nvinfer1::ScatterMode, nvinfer1::ScatterMode, Mode, mode_)
  TENON_PARAMETER(int32_t, int32_t, Axis, axis_)

 private:
  nvinfer1::ScatterMode mode_{};
  int32_t axis_ = 0;
};

class Slice final : public Layer<nvinfer1::ISliceLayer, nvinfer1::LayerType::kSLICE> {
 public:
  using Layer::Layer;
  void init(const Dims& start, const Dims& size, const Dims& stride);
  Value lower(Lowering& to) const override;
  size_t most_inputs() const override { return 6; }
  void setStart(Dims const& value) noexcept override {
    set("ISliceLayer::setStart", start_, value);
  }
  Dims getStart() const noexcept override { return start_; }
  void setSize(Dims const& value) noexcept override { set("ISliceLayer::setSize", size_, value); }
  Dims getSize() const noexcept override { return size_; }
  void setStride(Dims const& value) noexcept override {
    set("ISliceLayer::setStride", stride_, value);
  }
  Dims getStride() const noexcept override { return stride_; }
  void setAxes(Dims const& value) noexcept override { set("ISliceLayer::setAxes", axes_, value); }
  Dims getAxes() const noexcept override { return axes_; }
  TENON_PARAMETER(nvinfer1::SampleMode, nvinfer1::SampleMode, Mode, mode_)

 private:
  bool given(size_t i) const { return i < inputs.size() && inputs[i] != nullptr; }
  void set(const char* function, Dims& field, const Dims& value) noexcept;
  Value bounded(Lowering& to) const;
  Value sampled(Lowering& to) const;
  Value number(Lowering& to, size_t input, const Dims& dims) const;
  Attribute::Ints axes(size_t rank) const;
  Dims start_{0, {}}, size_{0, {}}, stride_{0, {}}, axes_{-1, {}};
  nvinfer1::SampleMode mode_ = nvinfer1::SampleMode::kSTRICT_BOUNDS;
};

class ShapeOf final : public Layer<nvinfer1::IShapeLayer, nvinfer1::LayerType::kSHAPE> {
 public:
  using Layer::Layer;
  void init() {}
  Value lower(Lowering& to) const override { return to.add(*this, "Shape", {input(to)}); }
};

class Select final : public Layer<nvinfer1::ISelectLayer, nvinfer1::LayerType::kSELECT> {
 public:
  using Layer::Layer;
  void init() {}
  Value lower(Lowering& to) const override;
  /// A model's operands of any ranks.
  void broadcast() { broadcast_ = true; }

 private:
  bool broadcast_ = false;
};

class Fill final : public Layer<nvinfer1::IFillLayer, nvinfer1::LayerType::kFILL> {
 public:
  using Layer::Layer;
  void init(const Dims& dims, nvinfer1::FillOperation op, DataType type);
  Value lower(Lowering& to) const override;
  size_t most_inputs() const override { return 3; }
  TENON_PARAMETER(Dims, Dims const&, Dimensions, dims_)
  TENON_PARAMETER(nvinfer1::FillOperation, nvinfer1::FillOperation, Operation, op_)
  TENON_PARAMETER(DataType, DataType, ToType, type_)
  void setAlpha(double value) noexcept override { set_number(0, value, false); }
  double getAlpha() const noexcept override { return numbers_[0]; }
  void setBeta(double value) noexcept override { set_number(1, value, false); }
  double getBeta() const noexcept override { return numbers_[1]; }
  void setAlphaInt64(int64_t value) noexcept override {
    set_number(0, static_cast<double>(value), true);
  }
  int64_t getAlphaInt64() const noexcept override { return static_cast<int64_t>(numbers_[0]); }
  void setBetaInt64(int64_t value) noexcept override {
    set_number(1, static_cast<double>(value), true);
  }
  int64_t getBetaInt64() const noexcept override { return static_cast<int64_t>(numbers_[1]); }
  bool isAlphaBetaInt64() const noexcept override { return whole_; }

 private:
  void set_number(size_t i, double value, bool whole) noexcept;
  Value term(Lowering& to, int64_t axis, DType dtype) const;
  Value indices(Lowering& to, int64_t axis) const;
  Value number(Lowering& to, size_t i, DType dtype) const;
  Value random(Lowering& to) const;
  bool given(size_t i) const { return i < inputs.size() && inputs[i] != nullptr; }
  Dims dims_{0, {}};
  nvinfer1::FillOperation op_{};
  DataType type_ = DataType::kFLOAT;
  double numbers_[2] = {0, 1};
  bool whole_ = false;
};

class OneHot final : public Layer<nvinfer1::IOneHotLayer, nvinfer1::LayerType::kONE_HOT> {
 public:
  using Layer::Layer;
  void init(int32_t axis) { axis_ = axis; }
  Value lower(Lowering& to) const override;
  TENON_PARAMETER(int32_t, int32_t, Axis, axis_)

 private:
  int32_t axis_ = -1;
};

class NonZero final : public Layer<nvinfer1::INonZeroLayer, nvinfer1::LayerType::kNON_ZERO> {
 public:
  using Layer::Layer;
  void init(DataType indices) { indices_ = index_type(indices, layer_text(*this)); }
  Value lower(Lowering& to) const override;
  TENON_TOLD_PARAMETER(DataType, DataType, IndicesType, indices_)

 private:
  DataType indices_ = DataType::kINT32;
};

class ReverseSequence final
    : public Layer<nvinfer1::IReverseSequenceLayer, nvinfer1::LayerType::kREVERSE_SEQUENCE> {
 public:
  using Layer::Layer;
  void init() {}
  Value lower(Lowering& to) const override;
  TENON_PARAMETER(int32_t, int32_t, BatchAxis, batch_)
  TENON_PARAMETER(int32_t, int32_t, SequenceAxis, sequence_)

 private:
  int32_t batch_ = 1, sequence_ = 0;
};

/// Squeeze and Unsqueeze: an op over the input and constant axes.
template <class Interface, nvinfer1::LayerType kType>
class AxisOfOne final : public Layer<Interface, kType> {
 public:
  using Layer<Interface, kType>::Layer;
  void init() {}
  Value lower(Lowering& to) const override {
    const char* op = kType == nvinfer1::LayerType::kSQUEEZE ? "Squeeze" : "Unsqueeze";
    const Value axes = cast(to, *this, this->input(to, 1), DType::i64);
    return to.add(*this, op, {this->input(to), axes});
  }
};
using Squeeze = AxisOfOne<nvinfer1::ISqueezeLayer, nvinfer1::LayerType::kSQUEEZE>;
using Unsqueeze = AxisOfOne<nvinfer1::IUnsqueezeLayer, nvinfer1::LayerType::kUNSQUEEZE>;

}  // namespace tenon::trt
