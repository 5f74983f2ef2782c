// One class a layer: its parameters, and the nodes that it is in Tenon.
#pragma once

#include "layer.h"

namespace tenon::trt {

/// Strides and dilations are 1 at first; paddings, 0.
struct Window {
  Dims kernel{0, {}}, stride{0, {}}, dilation{0, {}}, pre{0, {}}, post{0, {}};
  nvinfer1::PaddingMode mode = nvinfer1::PaddingMode::kEXPLICIT_ROUND_DOWN;

  void set_kernel(const Dims& size, const std::string& what);
  Attributes attributes(const std::string& what) const;
};

class Convolution final
    : public Layer<nvinfer1::IConvolutionLayer, nvinfer1::LayerType::kCONVOLUTION> {
 public:
  using Layer::Layer;
  void init(int64_t maps, const Dims& kernel, const Weights& kernel_weights, const Weights& bias);
  Value lower(Lowering& to) const override;
  std::vector<LayerWeights> refittable() const override;
  size_t most_inputs() const override { return 3; }
  bool reads_images() const override { return window_.kernel.nbDims == 2; }

  void setPaddingNd(Dims const& value) noexcept override {
    setPrePadding(value);
    setPostPadding(value);
  }
  Dims getPaddingNd() const noexcept override { return window_.pre; }
  TENON_PARAMETER(int64_t, int64_t, NbOutputMaps, maps_)
  TENON_PARAMETER(int64_t, int64_t, NbGroups, groups_)
  TENON_PARAMETER(Weights, Weights, KernelWeights, kernel_)
  TENON_PARAMETER(Weights, Weights, BiasWeights, bias_)
  TENON_PARAMETER(Dims, Dims const&, PrePadding, window_.pre)
  TENON_PARAMETER(Dims, Dims const&, PostPadding, window_.post)
  TENON_PARAMETER(nvinfer1::PaddingMode, nvinfer1::PaddingMode, PaddingMode, window_.mode)
  TENON_PARAMETER(Dims, Dims const&, KernelSizeNd, window_.kernel)
  TENON_PARAMETER(Dims, Dims const&, StrideNd, window_.stride)
  TENON_PARAMETER(Dims, Dims const&, DilationNd, window_.dilation)

 private:
  int64_t maps_ = 0, groups_ = 1;
  Weights kernel_{}, bias_{};
  Window window_;
};

class Activation final
    : public Layer<nvinfer1::IActivationLayer, nvinfer1::LayerType::kACTIVATION> {
 public:
  using Layer::Layer;
  void init(nvinfer1::ActivationType type) { type_ = check(type, name); }
  Value lower(Lowering& to) const override;
  TENON_PARAMETER(nvinfer1::ActivationType, nvinfer1::ActivationType, ActivationType, type_)
  TENON_PARAMETER(float, float, Alpha, alpha_)
  TENON_PARAMETER(float, float, Beta, beta_)

 private:
  nvinfer1::ActivationType type_{};
  float alpha_ = 0, beta_ = 0;
};

class Pooling final : public Layer<nvinfer1::IPoolingLayer, nvinfer1::LayerType::kPOOLING> {
 public:
  using Layer::Layer;
  void init(nvinfer1::PoolingType type, const Dims& window);
  Value lower(Lowering& to) const override;
  bool reads_images() const override { return window_.kernel.nbDims == 2; }
  void setPaddingNd(Dims const& value) noexcept override {
    setPrePadding(value);
    setPostPadding(value);
  }
  Dims getPaddingNd() const noexcept override { return window_.pre; }
  TENON_PARAMETER(nvinfer1::PoolingType, nvinfer1::PoolingType, PoolingType, type_)
  TENON_PARAMETER(float, float, BlendFactor, blend_)
  TENON_PARAMETER(bool, bool, AverageCountExcludesPadding, excludes_padding_)
  TENON_PARAMETER(Dims, Dims const&, PrePadding, window_.pre)
  TENON_PARAMETER(Dims, Dims const&, PostPadding, window_.post)
  TENON_PARAMETER(nvinfer1::PaddingMode, nvinfer1::PaddingMode, PaddingMode, window_.mode)
  TENON_PARAMETER(Dims, Dims const&, WindowSizeNd, window_.kernel)
  TENON_PARAMETER(Dims, Dims const&, StrideNd, window_.stride)

 private:
  nvinfer1::PoolingType type_{};
  float blend_ = 0;
  bool excludes_padding_ = true;
  Window window_;
};

class Scale final : public Layer<nvinfer1::IScaleLayer, nvinfer1::LayerType::kSCALE> {
 public:
  using Layer::Layer;
  void init(nvinfer1::ScaleMode mode, const Weights& shift, const Weights& scale,
            const Weights& power, int32_t axis);
  Value lower(Lowering& to) const override;
  bool reads_images() const override { return mode_ != nvinfer1::ScaleMode::kUNIFORM; }
  std::vector<LayerWeights> refittable() const override;
  TENON_PARAMETER(nvinfer1::ScaleMode, nvinfer1::ScaleMode, Mode, mode_)
  TENON_PARAMETER(Weights, Weights, Shift, shift_)
  TENON_PARAMETER(Weights, Weights, Scale, scale_)
  TENON_PARAMETER(Weights, Weights, Power, power_)
  TENON_PARAMETER(int32_t, int32_t, ChannelAxis, axis_)

 private:
  Shape shape(Lowering& to) const;
  nvinfer1::ScaleMode mode_{};
  Weights shift_{}, scale_{}, power_{};
  int32_t axis_ = -1;  // -1: the third from the end
};

class SoftMax final : public Layer<nvinfer1::ISoftMaxLayer, nvinfer1::LayerType::kSOFTMAX> {
 public:
  using Layer::Layer;
  void init() {}
  Value lower(Lowering& to) const override;
  void setAxes(uint32_t axes) noexcept override;
  uint32_t getAxes() const noexcept override;

 private:
  uint32_t axes_ = 0;  // 0: the third from the end, or the first
};

class Concatenation final
    : public Layer<nvinfer1::IConcatenationLayer, nvinfer1::LayerType::kCONCATENATION> {
 public:
  using Layer::Layer;
  void init() {}
  Value lower(Lowering& to) const override;
  size_t most_inputs() const override { return inputs.size() + 1; }
  void setAxis(int32_t axis) noexcept override;
  int32_t getAxis() const noexcept override;

 private:
  int32_t axis_ = -1;  // as SoftMax's
};

class ElementWise final
    : public Layer<nvinfer1::IElementWiseLayer, nvinfer1::LayerType::kELEMENTWISE> {
 public:
  using Layer::Layer;
  void init(nvinfer1::ElementWiseOperation op) { op_ = check(op, name); }
  Value lower(Lowering& to) const override;
  TENON_PARAMETER(nvinfer1::ElementWiseOperation, nvinfer1::ElementWiseOperation, Operation, op_)
  /// A model's operands of any ranks, broadcast as ONNX does.
  void broadcast() { broadcast_ = true; }

 private:
  nvinfer1::ElementWiseOperation op_{};
  bool broadcast_ = false;
};

class Unary final : public Layer<nvinfer1::IUnaryLayer, nvinfer1::LayerType::kUNARY> {
 public:
  using Layer::Layer;
  void init(nvinfer1::UnaryOperation op) { op_ = check(op, name); }
  Value lower(Lowering& to) const override;
  TENON_PARAMETER(nvinfer1::UnaryOperation, nvinfer1::UnaryOperation, Operation, op_)

 private:
  nvinfer1::UnaryOperation op_{};
};

class Shuffle final : public Layer<nvinfer1::IShuffleLayer, nvinfer1::LayerType::kSHUFFLE> {
 public:
  using Layer::Layer;
  void init() {}
  Value lower(Lowering& to) const override;
  size_t most_inputs() const override { return 2; }
  TENON_PARAMETER(nvinfer1::Permutation, nvinfer1::Permutation, FirstTranspose, first_)
  TENON_PARAMETER(nvinfer1::Permutation, nvinfer1::Permutation, SecondTranspose, second_)
  TENON_PARAMETER(Dims, Dims const&, ReshapeDimensions, reshape_)
  TENON_PARAMETER(bool, bool, ZeroIsPlaceholder, zero_copies_)

 private:
  nvinfer1::Permutation first_{{0, 1, 2, 3, 4, 5, 6, 7}}, second_ = first_;
  Dims reshape_{-1, {}};
  bool zero_copies_ = true;
};

class Reduce final : public Layer<nvinfer1::IReduceLayer, nvinfer1::LayerType::kREDUCE> {
 public:
  using Layer::Layer;
  void init(nvinfer1::ReduceOperation op, uint32_t axes, bool keep);
  Value lower(Lowering& to) const override;
  TENON_PARAMETER(nvinfer1::ReduceOperation, nvinfer1::ReduceOperation, Operation, op_)
  TENON_PARAMETER(uint32_t, uint32_t, ReduceAxes, axes_)
  TENON_PARAMETER(bool, bool, KeepDimensions, keep_)

 private:
  nvinfer1::ReduceOperation op_{};
  uint32_t axes_ = 0;
  bool keep_ = false;
};

class MatrixMultiply final
    : public Layer<nvinfer1::IMatrixMultiplyLayer, nvinfer1::LayerType::kMATRIX_MULTIPLY> {
 public:
  using Layer::Layer;
  void init(nvinfer1::MatrixOperation first, nvinfer1::MatrixOperation second);
  Value lower(Lowering& to) const override;
  void setOperation(int32_t i, nvinfer1::MatrixOperation op) noexcept override;
  nvinfer1::MatrixOperation getOperation(int32_t i) const noexcept override {
    return i == 0 || i == 1 ? ops_[i] : nvinfer1::MatrixOperation::kNONE;
  }
  /// A model's operands, with as many axes before the matrix as they have.
  void broadcast() { broadcast_ = true; }

 private:
  nvinfer1::MatrixOperation ops_[2]{};
  bool broadcast_ = false;
};

class Constant final : public Layer<nvinfer1::IConstantLayer, nvinfer1::LayerType::kCONSTANT> {
 public:
  using Layer::Layer;
  void init(const Dims& dims, const Weights& weights);
  Value lower(Lowering& to) const override;
  std::vector<LayerWeights> refittable() const override {
    if (frozen_) return {};
    return {{WeightsRole::kCONSTANT, weights_}};
  }
  /// A model's constant that Tenon does not list as a weight.
  void freeze() { frozen_ = true; }
  TENON_PARAMETER(nvinfer1::Weights, nvinfer1::Weights, Weights, weights_)
  TENON_PARAMETER(Dims, Dims const&, Dimensions, dims_)

 private:
  nvinfer1::Weights weights_{};
  Dims dims_{};
  bool frozen_ = false;
};

class Identity final : public Layer<nvinfer1::IIdentityLayer, nvinfer1::LayerType::kIDENTITY> {
 public:
  using Layer::Layer;
  void init() {}
  Value lower(Lowering& to) const override { return to.add(*this, "Identity", {input(to)}); }
};

class Cast final : public Layer<nvinfer1::ICastLayer, nvinfer1::LayerType::kCAST> {
 public:
  using Layer::Layer;
  void init(DataType type) { dtype_of(to_ = type, "layer \"" + name + "\""); }
  Value lower(Lowering& to) const override;
  TENON_PARAMETER(DataType, DataType, ToType, to_)

 private:
  DataType to_{};
};

}  // namespace tenon::trt
