#include "layers.h"

#include <algorithm>
#include <array>

namespace tenon::trt {

using nvinfer1::ActivationType;
using nvinfer1::ElementWiseOperation;
using nvinfer1::ErrorCode;
using nvinfer1::MatrixOperation;
using nvinfer1::PaddingMode;
using nvinfer1::PoolingType;
using nvinfer1::ScaleMode;
using nvinfer1::UnaryOperation;

namespace {

int64_t third_from_end(size_t rank) { return rank > 3 ? static_cast<int64_t>(rank) - 3 : 0; }

bool is_identity(const Attribute::Ints& order) { return std::ranges::is_sorted(order); }

}  // namespace

void Window::set_kernel(const Dims& size, const std::string& what) {
  if (size.nbDims != 2 && size.nbDims != 3)
    refuse(what + ": the window has " + std::to_string(size.nbDims) + " axes; it takes 2 or 3");
  shape_of(size, what + ": the window", 1);
  kernel = size;
  const Dims ones = dims_of(Shape(index(size.nbDims), 1)), zeros{size.nbDims, {}};
  stride = dilation = ones;
  pre = post = zeros;
}

Attributes Window::attributes(const std::string& what) const {
  const auto rank = index(kernel.nbDims);
  const auto filled = [&](const Dims& dims, int64_t otherwise) {
    Attribute::Ints values = dims.nbDims > 0 ? ints_of(dims) : Attribute::Ints(rank, otherwise);
    if (values.size() != rank)
      refuse(what + ": " + to_string(dims) + " for a window " + to_string(kernel) +
             "; give one extent for each of its axes");
    return values;
  };
  Attributes made{{"kernel_shape", ints_of(kernel)}, {"strides", filled(stride, 1)}};
  if (dilation.nbDims > 0) made.emplace("dilations", filled(dilation, 1));
  if (mode == PaddingMode::kSAME_UPPER || mode == PaddingMode::kSAME_LOWER) {
    made.emplace("auto_pad", mode == PaddingMode::kSAME_UPPER ? "SAME_UPPER" : "SAME_LOWER");
    return made;
  }
  Attribute::Ints pads = filled(pre, 0);
  std::ranges::copy(filled(post, 0), std::back_inserter(pads));
  made.emplace("pads", pads);
  return made;
}

void Convolution::init(int64_t maps, const Dims& kernel, const Weights& kernel_weights,
                       const Weights& bias) {
  if (maps < 1) refuse(layer_text(*this) + ": nbOutputMaps is " + std::to_string(maps));
  window_.set_kernel(kernel, layer_text(*this));
  maps_ = maps, kernel_ = kernel_weights, bias_ = bias;
}

std::vector<LayerWeights> Convolution::refittable() const {
  return {{WeightsRole::kKERNEL, kernel_}, {WeightsRole::kBIAS, bias_}};
}

Value Convolution::lower(Lowering& to) const {
  const std::string what = layer_text(*this);
  if (window_.mode == PaddingMode::kEXPLICIT_ROUND_UP)
    refuse(ErrorCode::kUNSUPPORTED_STATE,
           what + ": kEXPLICIT_ROUND_UP is for pooling; set the post padding instead");
  std::vector<Value> operands{{}};
  if (inputs.size() > 1 && inputs[1] != nullptr) {
    operands.push_back(input(to, 1));
  } else {
    Shape shape{maps_, 1};
    for (const int64_t extent : ints_of(window_.kernel)) shape.push_back(extent);
    const int64_t each = element_count(shape);
    if (groups_ < 1 || each < 1 || kernel_.count % each != 0 || kernel_.count == 0)
      refuse(what + ": the kernel has " + std::to_string(kernel_.count) +
             " values, no multiple of " + std::to_string(each) + " (output maps times window)");
    shape[1] = kernel_.count / each;
    operands.push_back(to.weights(kernel_, shape, what + ": the kernel"));
  }
  if (inputs.size() > 2 && inputs[2] != nullptr)
    operands.push_back(input(to, 2));
  else if (bias_.count > 0)
    operands.push_back(to.weights(bias_, {maps_}, what + ": the bias"));
  Attributes attributes = window_.attributes(what);
  attributes.emplace("group", groups_);
  return of_images(to, [&](Value x) {
    operands[0] = x;
    return to.add(*this, "Conv", operands, attributes);
  });
}

Value Activation::lower(Lowering& to) const {
  const Value x = input(to);
  const auto simple = [&](const char* op, const Attributes& with = {}) {
    return to.add(*this, op, {x}, with);
  };
  const auto times = [&](float factor, Value value) {
    return factor == 1 ? value : to.add(*this, "Mul", {value, to.scalar(*this, factor, x)});
  };
  switch (type_) {
    case ActivationType::kRELU: return simple("Relu");
    case ActivationType::kSIGMOID: return simple("Sigmoid");
    case ActivationType::kTANH: return simple("Tanh");
    case ActivationType::kLEAKY_RELU: return simple("LeakyRelu", {{"alpha", alpha_}});
    case ActivationType::kELU: return simple("Elu", {{"alpha", alpha_}});
    case ActivationType::kSELU: return simple("Selu", {{"alpha", alpha_}, {"gamma", beta_}});
    case ActivationType::kSOFTSIGN: return simple("Softsign");
    case ActivationType::kSOFTPLUS:
      return times(alpha_, to.add(*this, "Softplus", {times(beta_, x)}));
    case ActivationType::kCLIP: {
      const Value least = to.scalar(*this, alpha_, x), most = to.scalar(*this, beta_, x);
      return to.add(*this, "Max", {least, to.add(*this, "Min", {most, x})});
    }
    case ActivationType::kHARD_SIGMOID:
      return simple("HardSigmoid", {{"alpha", alpha_}, {"beta", beta_}});
    case ActivationType::kSCALED_TANH:
      return times(alpha_, to.add(*this, "Tanh", {times(beta_, x)}));
    case ActivationType::kTHRESHOLDED_RELU: return simple("ThresholdedRelu", {{"alpha", alpha_}});
    case ActivationType::kGELU_ERF: return simple("Gelu", {{"approximate", "none"}});
    case ActivationType::kGELU_TANH: return simple("Gelu", {{"approximate", "tanh"}});
  }
  refuse(layer_text(*this) + ": no such activation");
}

void Pooling::init(PoolingType type, const Dims& window) {
  type_ = check(type, layer_text(*this));
  window_.set_kernel(window, layer_text(*this));
}

Value Pooling::lower(Lowering& to) const {
  Attributes attributes = window_.attributes(layer_text(*this));
  if (window_.mode == PaddingMode::kEXPLICIT_ROUND_UP) attributes.emplace("ceil_mode", 1);
  const auto greatest = [&](Value x) { return to.add(*this, "MaxPool", {x}, attributes); };
  const auto mean = [&](Value x) {
    Attributes with = attributes;
    with.emplace("count_include_pad", excludes_padding_ ? 0 : 1);
    return to.add(*this, "AveragePool", {x}, with);
  };
  if (type_ == PoolingType::kMAX) return of_images(to, greatest);
  if (type_ == PoolingType::kAVERAGE) return of_images(to, mean);
  return of_images(to, [&](Value x) {
    const Value a = to.add(*this, "Mul", {greatest(x), to.scalar(*this, 1 - blend_, x)});
    return to.add(*this, "Add", {a, to.add(*this, "Mul", {mean(x), to.scalar(*this, blend_, x)})});
  });
}

void Scale::init(ScaleMode mode, const Weights& shift, const Weights& scale, const Weights& power,
                 int32_t axis) {
  mode_ = check(mode, layer_text(*this));
  shift_ = shift, scale_ = scale, power_ = power, axis_ = axis;
}

std::vector<LayerWeights> Scale::refittable() const {
  return {{WeightsRole::kSHIFT, shift_}, {WeightsRole::kSCALE, scale_}};
}

Shape Scale::shape(Lowering& to) const {
  if (mode_ == ScaleMode::kUNIFORM) return {};
  const std::string what = layer_text(*this);
  const Dims dims = dims_of(to.info(input(to)).extents);
  const int64_t axis = axis_ >= 0 ? axis_ : dims.nbDims - 3;
  if (axis < 0 || axis >= dims.nbDims)
    refuse(what + ": channel axis " + std::to_string(axis) + " is outside rank " +
           std::to_string(dims.nbDims));
  Shape made(dims.d + axis, dims.d + dims.nbDims);
  if (mode_ == ScaleMode::kCHANNEL) std::fill(made.begin() + 1, made.end(), 1);
  if (std::ranges::find(made, -1) != made.end())
    refuse(what + ": the extents that its weights need are not known: " + to_string(dims));
  return made;
}

Value Scale::lower(Lowering& to) const {
  const std::string what = layer_text(*this);
  const Shape each = shape(to);
  Value x = input(to);
  const auto apply = [&](const char* op, const Weights& weights, const char* kind,
                         bool refittable) {
    if (weights.count == 0) return;
    x = to.add(*this, op, {x, to.weights(weights, each, what + ": the " + kind, refittable)});
  };
  apply("Mul", scale_, "scale", true);
  apply("Add", shift_, "shift", true);
  apply("Pow", power_, "power", false);
  return to.add(*this, "Identity", {x});
}

void SoftMax::setAxes(uint32_t axes) noexcept {
  edit("ISoftMaxLayer::setAxes", [&] {
    if (axes == 0 || (axes & (axes - 1)) != 0)
      refuse(layer_text(*this) + ": the mask has " + (axes == 0 ? "no bit" : "several bits") +
             "; set one");
    axes_ = axes;
  });
}

uint32_t SoftMax::getAxes() const noexcept {
  if (axes_ != 0) return axes_;
  const int32_t rank = inputs[0]->getDimensions().nbDims;
  return 1U << third_from_end(rank < 0 ? 0 : index(rank));
}

Value SoftMax::lower(Lowering& to) const {
  const size_t axes = rank(to);
  const int64_t axis =
      axes_ == 0 ? third_from_end(axes) : axes_of(axes_, axes, layer_text(*this))[0];
  return to.add(*this, "Softmax", {input(to)}, {{"axis", axis}});
}

void Concatenation::setAxis(int32_t axis) noexcept {
  edit("IConcatenationLayer::setAxis", [&] {
    if (axis < 0) refuse(layer_text(*this) + ": axis " + std::to_string(axis) + " is negative");
    axis_ = axis;
  });
}

int32_t Concatenation::getAxis() const noexcept {
  if (axis_ >= 0) return axis_;
  const int32_t rank = inputs[0]->getDimensions().nbDims;
  return static_cast<int32_t>(third_from_end(rank < 0 ? 0 : index(rank)));
}

Value Concatenation::lower(Lowering& to) const {
  std::vector<Value> operands;
  for (size_t i = 0; i < inputs.size(); ++i) operands.push_back(input(to, i));
  const int64_t axis = axis_ >= 0 ? axis_ : third_from_end(rank(to));
  return to.add(*this, "Concat", operands, {{"axis", axis}});
}

Value ElementWise::lower(Lowering& to) const {
  static constexpr std::array ops{"Add", "Mul", "Max", "Min", "Sub",   "Div",     "Pow",
                                  "",    "And", "Or",  "Xor", "Equal", "Greater", "Less"};
  const std::vector<Value> operands{input(to, 0), input(to, 1)};
  if (!broadcast_ && rank(to, 0) != rank(to, 1))
    refuse(layer_text(*this) + ": operands of rank " + std::to_string(rank(to, 0)) + " and " +
           std::to_string(rank(to, 1)) + "; reshape one by a shuffle layer");
  if (op_ != ElementWiseOperation::kFLOOR_DIV)
    return to.add(*this, ops[static_cast<size_t>(op_)], operands);
  if (is_floating(to.info(operands[0]).dtype))
    return to.add(*this, "Floor", {to.add(*this, "Div", operands)});
  const Value rest = to.add(*this, "Mod", operands);  // of the divisor's sign: what is left divides
  return to.add(*this, "Div", {to.add(*this, "Sub", {operands[0], rest}), operands[1]});
}

Value Unary::lower(Lowering& to) const {
  static constexpr std::array ops{"Exp",   "Log",   "Sqrt",  "Reciprocal", "Abs",   "Neg",  "Sin",
                                  "Cos",   "Tan",   "Sinh",  "Cosh",       "Asin",  "Acos", "Atan",
                                  "Asinh", "Acosh", "Atanh", "Ceil",       "Floor", "Erf",  "Not",
                                  "Sign",  "Round", "IsInf", "IsNaN"};
  return to.add(*this, ops[static_cast<size_t>(op_)], {input(to)});
}

Value Shuffle::lower(Lowering& to) const {
  const auto transpose = [&](Value x, const nvinfer1::Permutation& by) {
    const auto& extents = to.info(x).extents;
    if (!extents) refuse(layer_text(*this) + ": the rank of its input is not known");
    const auto axes = static_cast<std::ptrdiff_t>(extents->size());
    const Attribute::Ints order(by.order, by.order + axes);
    for (const int64_t axis : order) {
      if (axis >= axes)
        refuse(layer_text(*this) + ": the transpose has axis " + std::to_string(axis) +
               ", the tensor rank " + std::to_string(axes));
    }
    return is_identity(order) ? x : to.add(*this, "Transpose", {x}, {{"perm", order}});
  };
  Value x = transpose(input(to), first_);
  const Attributes zeros{{"allowzero", zero_copies_ ? 0 : 1}};
  if (inputs.size() > 1 && inputs[1] != nullptr) {
    const Value shape = to.add(*this, "Cast", {input(to, 1)}, {{"to", 7}});  // 7: ONNX's int64
    x = to.add(*this, "Reshape", {x, shape}, zeros);
  } else if (reshape_.nbDims >= 0) {
    x = to.add(*this, "Reshape", {x, to.ints(ints_of(reshape_))}, zeros);
  }
  return to.add(*this, "Identity", {transpose(x, second_)});
}

void Reduce::init(nvinfer1::ReduceOperation op, uint32_t axes, bool keep) {
  op_ = check(op, layer_text(*this));
  if (op == nvinfer1::ReduceOperation::kNONE) refuse(layer_text(*this) + ": kNONE reduces nothing");
  if (axes == 0) refuse(layer_text(*this) + ": the mask has no bit; set one for each axis");
  axes_ = axes, keep_ = keep;
}

Value Reduce::lower(Lowering& to) const {
  static constexpr std::array ops{"ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin",
                                  "ReduceMean"};
  if (index(static_cast<int>(op_)) >= ops.size())
    refuse(layer_text(*this) + ": kNONE reduces nothing");
  const Value axes = to.ints(axes_of(axes_, rank(to), layer_text(*this)));
  return to.add(*this, ops[static_cast<size_t>(op_)], {input(to), axes},
                {{"keepdims", keep_ ? 1 : 0}});
}

void MatrixMultiply::init(MatrixOperation first, MatrixOperation second) {
  ops_[0] = check(first, layer_text(*this));
  ops_[1] = check(second, layer_text(*this));
}

void MatrixMultiply::setOperation(int32_t i, MatrixOperation op) noexcept {
  edit("IMatrixMultiplyLayer::setOperation", [&] {
    if (i != 0 && i != 1)
      refuse(layer_text(*this) + " has operands 0 and 1, not " + std::to_string(i));
    ops_[i] = check(op, layer_text(*this));
  });
}

Value MatrixMultiply::lower(Lowering& to) const {
  std::vector<Value> operands;
  size_t batch[2];
  for (size_t i = 0; i < 2; ++i) {
    Value x = input(to, i);
    const size_t axes = rank(to, i), matrix = ops_[i] == MatrixOperation::kVECTOR ? 1 : 2;
    if (axes < matrix)
      refuse(layer_text(*this) + ": operand " + std::to_string(i) + " has rank " +
             std::to_string(axes) + "; it takes " + std::to_string(matrix) + " or more");
    batch[i] = axes - matrix;
    if (ops_[i] == MatrixOperation::kTRANSPOSE) {
      Attribute::Ints order;
      for (size_t axis = 0; axis < axes; ++axis) order.push_back(static_cast<int64_t>(axis));
      std::swap(order[axes - 1], order[axes - 2]);
      x = to.add(*this, "Transpose", {x}, {{"perm", order}});
    } else if (ops_[i] == MatrixOperation::kVECTOR) {
      x = to.add(*this, "Unsqueeze", {x, to.ints({i == 0 ? -2 : -1})});
    }
    operands.push_back(x);
  }
  if (!broadcast_ && batch[0] != batch[1])
    refuse(layer_text(*this) + ": operands with " + std::to_string(batch[0]) + " and " +
           std::to_string(batch[1]) + " axes before the matrix; reshape one by a shuffle layer");
  Value y = to.add(*this, "MatMul", operands);
  if (ops_[1] == MatrixOperation::kVECTOR) y = to.add(*this, "Squeeze", {y, to.ints({-1})});
  const int64_t rows = ops_[1] == MatrixOperation::kVECTOR ? -1 : -2;
  return ops_[0] == MatrixOperation::kVECTOR ? to.add(*this, "Squeeze", {y, to.ints({rows})}) : y;
}

void Constant::init(const Dims& dims, const nvinfer1::Weights& weights) {
  const std::string what = layer_text(*this);
  dtype_of(weights.type, what);
  const int64_t count = element_count(shape_of(dims, what));
  if (count != weights.count)
    refuse(what + ": " + std::to_string(weights.count) + " values for extents " + to_string(dims));
  dims_ = dims, weights_ = weights;
}

Value Constant::lower(Lowering& to) const {
  const std::string what = layer_text(*this);
  return to.weights(weights_, shape_of(dims_, what), what, !frozen_);
}

Value Cast::lower(Lowering& to) const {
  return to.add(*this, "Cast", {input(to)}, {{"to", onnx_type(dtype_of(to_, layer_text(*this)))}});
}

}  // namespace tenon::trt
