// Layers over images and boxes.
#pragma once

#include "layers.h"

namespace tenon::trt {

class Deconvolution final
    : public Layer<nvinfer1::IDeconvolutionLayer, nvinfer1::LayerType::kDECONVOLUTION> {
 public:
  using Layer::Layer;
  void init(int64_t maps, const Dims& kernel, const Weights& kernel_weights, const Weights& bias);
  Value lower(Lowering& to) const override;
  bool reads_images() const override { return window_.kernel.nbDims == 2; }
  std::vector<LayerWeights> refittable() const override {
    return {{WeightsRole::kKERNEL, kernel_}, {WeightsRole::kBIAS, bias_}};
  }
  size_t most_inputs() const override { return 3; }
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
  Attributes attributes() const;
  int64_t maps_ = 0, groups_ = 1;
  Weights kernel_{}, bias_{};
  Window window_;
};

class Lrn final : public Layer<nvinfer1::ILRNLayer, nvinfer1::LayerType::kLRN> {
 public:
  using Layer::Layer;
  void init(int64_t window, float alpha, float beta, float k);
  Value lower(Lowering& to) const override;
  bool reads_images() const override { return true; }
  TENON_PARAMETER(int64_t, int64_t, WindowSize, window_)
  TENON_PARAMETER(float, float, Alpha, alpha_)
  TENON_PARAMETER(float, float, Beta, beta_)
  TENON_PARAMETER(float, float, K, k_)

 private:
  int64_t window_ = 1;
  float alpha_ = 0, beta_ = 0, k_ = 0;
};

class Padding final : public Layer<nvinfer1::IPaddingLayer, nvinfer1::LayerType::kPADDING> {
 public:
  using Layer::Layer;
  void init(const Dims& pre, const Dims& post);
  Value lower(Lowering& to) const override;
  void setPrePaddingNd(Dims const& value) noexcept override {
    edit("IPaddingLayer::setPrePaddingNd", [&] { init(value, post_); });
  }
  Dims getPrePaddingNd() const noexcept override { return pre_; }
  void setPostPaddingNd(Dims const& value) noexcept override {
    edit("IPaddingLayer::setPostPaddingNd", [&] { init(pre_, value); });
  }
  Dims getPostPaddingNd() const noexcept override { return post_; }

 private:
  Dims pre_{}, post_{};
};

class Resize final : public Layer<nvinfer1::IResizeLayer, nvinfer1::LayerType::kRESIZE> {
 public:
  using Layer::Layer;
  void init() {}
  Value lower(Lowering& to) const override;
  size_t most_inputs() const override { return 2; }
  void setOutputDimensions(Dims const& value) noexcept override;
  Dims getOutputDimensions() const noexcept override { return dims_; }
  void setScales(const float* scales, int32_t count) noexcept override;
  int32_t getScales(int32_t size, float* scales) const noexcept override;
  TENON_PARAMETER(nvinfer1::InterpolationMode, nvinfer1::InterpolationMode, ResizeMode, mode_)
  TENON_PARAMETER(nvinfer1::ResizeCoordinateTransformation,
                  nvinfer1::ResizeCoordinateTransformation, CoordinateTransformation, where_)
  TENON_PARAMETER(nvinfer1::ResizeSelector, nvinfer1::ResizeSelector, SelectorForSinglePixel,
                  single_)
  TENON_PARAMETER(nvinfer1::ResizeRoundMode, nvinfer1::ResizeRoundMode, NearestRounding, rounding_)
  TENON_PARAMETER(float, float, CubicCoeff, cubic_)
  TENON_PARAMETER(bool, bool, ExcludeOutside, exclude_)

 private:
  bool has_input() const { return inputs.size() > 1 && inputs[1] != nullptr; }
  Dims dims_{-1, {}};
  std::vector<float> scales_;
  nvinfer1::InterpolationMode mode_ = nvinfer1::InterpolationMode::kNEAREST;
  nvinfer1::ResizeCoordinateTransformation where_ =
      nvinfer1::ResizeCoordinateTransformation::kASYMMETRIC;
  nvinfer1::ResizeSelector single_ = nvinfer1::ResizeSelector::kFORMULA;
  nvinfer1::ResizeRoundMode rounding_ = nvinfer1::ResizeRoundMode::kFLOOR;
  float cubic_ = -0.75F;
  bool exclude_ = false;
};

class GridSample final
    : public Layer<nvinfer1::IGridSampleLayer, nvinfer1::LayerType::kGRID_SAMPLE> {
 public:
  using Layer::Layer;
  void init() {}
  Value lower(Lowering& to) const override;
  TENON_PARAMETER(nvinfer1::InterpolationMode, nvinfer1::InterpolationMode, InterpolationMode,
                  mode_)
  TENON_PARAMETER(bool, bool, AlignCorners, align_)
  bool setSampleMode(nvinfer1::SampleMode mode) noexcept override;
  nvinfer1::SampleMode getSampleMode() const noexcept override { return sample_; }

 private:
  nvinfer1::InterpolationMode mode_ = nvinfer1::InterpolationMode::kLINEAR;
  bool align_ = false;
  nvinfer1::SampleMode sample_ = nvinfer1::SampleMode::kFILL;
};

class Nms final : public Layer<nvinfer1::INMSLayer, nvinfer1::LayerType::kNMS> {
 public:
  using Layer::Layer;
  static constexpr size_t kOutputs = 2;
  void init(DataType indices) { indices_ = index_type(indices, layer_text(*this)); }
  Value lower(Lowering& to) const override { return lower_all(to)[0]; }
  std::vector<Value> lower_all(Lowering& to) const override;
  size_t most_inputs() const override { return 5; }
  TENON_PARAMETER(nvinfer1::BoundingBoxFormat, nvinfer1::BoundingBoxFormat, BoundingBoxFormat,
                  format_)
  TENON_PARAMETER(int32_t, int32_t, TopKBoxLimit, limit_)
  TENON_TOLD_PARAMETER(DataType, DataType, IndicesType, indices_)

 private:
  nvinfer1::BoundingBoxFormat format_ = nvinfer1::BoundingBoxFormat::kCORNER_PAIRS;
  int32_t limit_ = 5000;
  DataType indices_ = DataType::kINT32;
};

}  // namespace tenon::trt
