#include "layers_space.h"

#include <algorithm>
#include <array>

namespace tenon::trt {

using nvinfer1::ErrorCode;
using nvinfer1::InterpolationMode;
using nvinfer1::PaddingMode;
using nvinfer1::SampleMode;

void Deconvolution::init(int64_t maps, const Dims& kernel, const Weights& kernel_weights,
                         const Weights& bias) {
  if (maps < 1) refuse(layer_text(*this) + ": nbOutputMaps is " + std::to_string(maps));
  window_.set_kernel(kernel, layer_text(*this));
  maps_ = maps, kernel_ = kernel_weights, bias_ = bias;
}

// What is left over when strides cover the kernel is padding, whatever the input's extents are.
Attributes Deconvolution::attributes() const {
  Window window = window_;
  const bool same =
      window.mode == PaddingMode::kSAME_UPPER || window.mode == PaddingMode::kSAME_LOWER;
  if (same) {
    window.pre = window.post = Dims{window.kernel.nbDims, {}};
    for (int32_t i = 0; i < window.kernel.nbDims; ++i) {
      const int64_t stride = window.stride.nbDims > 0 ? window.stride.d[i] : 1;
      const int64_t dilation = window.dilation.nbDims > 0 ? window.dilation.d[i] : 1;
      const int64_t all = std::max<int64_t>((window.kernel.d[i] - 1) * dilation + 1 - stride, 0);
      const bool upper = window.mode == PaddingMode::kSAME_UPPER;
      window.pre.d[i] = upper ? all / 2 : all - all / 2;
      window.post.d[i] = all - window.pre.d[i];
    }
  }
  window.mode = PaddingMode::kEXPLICIT_ROUND_DOWN;
  Attributes made = window.attributes(layer_text(*this));
  made.emplace("group", groups_);
  return made;
}

Value Deconvolution::lower(Lowering& to) const {
  const std::string what = layer_text(*this);
  std::vector<Value> operands{{}};
  if (inputs.size() > 1 && inputs[1] != nullptr) {
    operands.push_back(input(to, 1));
  } else {
    if (groups_ < 1 || maps_ % groups_ != 0)
      refuse(what + ": " + std::to_string(maps_) + " output maps in " + std::to_string(groups_) +
             " groups");
    Shape shape{1, maps_ / groups_};
    for (const int64_t extent : ints_of(window_.kernel)) shape.push_back(extent);
    const int64_t each = element_count(shape);
    if (each < 1 || kernel_.count == 0 || kernel_.count % each != 0)
      refuse(what + ": the kernel has " + std::to_string(kernel_.count) +
             " values, no multiple of " + std::to_string(each) +
             " (output maps of a group times window)");
    shape[0] = kernel_.count / each;
    operands.push_back(to.weights(kernel_, shape, what + ": the kernel"));
  }
  if (inputs.size() > 2 && inputs[2] != nullptr)
    operands.push_back(input(to, 2));
  else if (bias_.count > 0)
    operands.push_back(to.weights(bias_, {maps_}, what + ": the bias"));
  return of_images(to, [&](Value x) {
    operands[0] = x;
    return to.add(*this, "ConvTranspose", operands, attributes());
  });
}

void Lrn::init(int64_t window, float alpha, float beta, float k) {
  if (window < 1 || window % 2 == 0)
    refuse(layer_text(*this) + ": a window of " + std::to_string(window) + "; it is odd");
  window_ = window, alpha_ = alpha, beta_ = beta, k_ = k;
}

Value Lrn::lower(Lowering& to) const {
  return of_images(to, [&](Value x) {
    return to.add(*this, "LRN", {x},
                  {{"size", window_}, {"alpha", alpha_}, {"beta", beta_}, {"bias", k_}});
  });
}

void Padding::init(const Dims& pre, const Dims& post) {
  if (pre.nbDims != 2 || post.nbDims != 2)
    refuse(layer_text(*this) + ": paddings of " + std::to_string(pre.nbDims) + " and " +
           std::to_string(post.nbDims) + " axes; give those of the last two");
  pre_ = pre, post_ = post;
}

Value Padding::lower(Lowering& to) const {
  const size_t axes = rank(to);
  if (axes < 2) refuse(layer_text(*this) + ": its input has rank " + std::to_string(axes));
  Attribute::Ints pads(2 * axes, 0);
  for (size_t i = 0; i < 2; ++i)
    pads[axes - 2 + i] = pre_.d[i], pads[2 * axes - 2 + i] = post_.d[i];
  return to.add(*this, "Pad", {input(to), to.ints(pads)});
}

void Resize::setOutputDimensions(Dims const& value) noexcept {
  edit("IResizeLayer::setOutputDimensions", [&] {
    if (has_input()) refuse(layer_text(*this) + " has its extents from input 1");
    dims_ = check(value, layer_text(*this));
    scales_.clear();
  });
}

void Resize::setScales(const float* scales, int32_t count) noexcept {
  edit("IResizeLayer::setScales", [&] {
    if (has_input()) refuse(layer_text(*this) + " has its extents from input 1");
    if (scales == nullptr || count < 0 || count > Dims::MAX_DIMS)
      refuse(layer_text(*this) + ": " + std::to_string(count) + " scales; give one for each axis");
    scales_.assign(scales, scales + count);
    dims_ = unknown_dims();
  });
}

int32_t Resize::getScales(int32_t size, float* scales) const noexcept {
  if (scales_.empty()) return -1;
  for (size_t i = 0; scales != nullptr && i < scales_.size() && i < index(size); ++i)
    scales[i] = scales_[i];
  return static_cast<int32_t>(scales_.size());
}

Value Resize::lower(Lowering& to) const {
  static constexpr std::array modes{"nearest", "linear", "cubic"};
  static constexpr std::array places{"align_corners", "asymmetric", "half_pixel"};
  static constexpr std::array roundings{"round_prefer_ceil", "round_prefer_floor", "floor", "ceil"};
  const std::string what = layer_text(*this);
  if (single_ == nvinfer1::ResizeSelector::kUPPER)
    refuse(ErrorCode::kUNSUPPORTED_STATE,
           what + ": kUPPER for single pixels; Tenon computes their place by the formula");
  Attributes attributes{{"mode", modes[static_cast<size_t>(mode_)]},
                        {"coordinate_transformation_mode", places[static_cast<size_t>(where_)]},
                        {"exclude_outside", exclude_ ? 1 : 0}};
  if (mode_ == InterpolationMode::kNEAREST)
    attributes.emplace("nearest_mode", roundings[static_cast<size_t>(rounding_)]);
  if (mode_ == InterpolationMode::kCUBIC) attributes.emplace("cubic_coeff_a", cubic_);
  Value scales{}, sizes{};
  if (has_input())
    sizes = cast(to, *this, input(to, 1), DType::i64);
  else if (!scales_.empty())
    scales = to.constant({scales_.data(), DType::f32, {static_cast<int64_t>(scales_.size())}});
  else if (dims_.nbDims >= 0)
    sizes = to.ints(ints_of(dims_));
  else
    refuse(what + " has neither extents nor scales; set one of them");
  if (sizes.network == 0) return to.add(*this, "Resize", {input(to), {}, scales}, attributes);
  return to.add(*this, "Resize", {input(to), {}, {}, sizes}, attributes);
}

bool GridSample::setSampleMode(SampleMode mode) noexcept {
  return edit("IGridSampleLayer::setSampleMode", [&] {
    if (mode != SampleMode::kFILL && mode != SampleMode::kCLAMP && mode != SampleMode::kREFLECT)
      refuse(layer_text(*this) + ": kFILL, kCLAMP or kREFLECT");
    sample_ = mode;
  });
}

Value GridSample::lower(Lowering& to) const {
  static constexpr std::array modes{"nearest", "linear", "cubic"};
  const char* padding = sample_ == SampleMode::kFILL    ? "zeros"
                        : sample_ == SampleMode::kCLAMP ? "border"
                                                        : "reflection";
  return to.add(*this, "GridSample", {input(to), input(to, 1)},
                {{"mode", modes[static_cast<size_t>(mode_)]},
                 {"padding_mode", padding},
                 {"align_corners", align_ ? 1 : 0}});
}

// ONNX has the classes before the boxes, and counts in int64.
std::vector<Value> Nms::lower_all(Lowering& to) const {
  const std::string what = layer_text(*this);
  const DType dtype = dtype_of(index_type(indices_, what), what);
  Value boxes = input(to);
  if (rank(to) == 4) {
    if (dims_of(to.info(boxes).extents).d[2] != 1)
      refuse(ErrorCode::kUNSUPPORTED_STATE, what + ": boxes of their own for each class");
    boxes = to.add(*this, "Squeeze", {boxes, to.ints({2})});
  }
  const Value scores =
      to.add(*this, "Transpose", {input(to, 1)}, {{"perm", Attribute::Ints{0, 2, 1}}});
  const auto scalar = [&](size_t i, float otherwise) {
    return i < inputs.size() && inputs[i] != nullptr ? input(to, i)
                                                     : to.constant({&otherwise, DType::f32, {}});
  };
  const Value chosen =
      to.add(*this, "NonMaxSuppression",
             {boxes, scores, cast(to, *this, input(to, 2), DType::i64), scalar(3, 0), scalar(4, 0)},
             {{"center_point_box", format_ == nvinfer1::BoundingBoxFormat::kCENTER_SIZES ? 1 : 0}});
  const Value count =
      to.add(*this, "Squeeze",
             {to.add(*this, "Shape", {chosen}, {{"start", 0}, {"end", 1}}), to.ints({0})});
  return {cast(to, *this, chosen, dtype), cast(to, *this, count, dtype)};
}

}  // namespace tenon::trt
