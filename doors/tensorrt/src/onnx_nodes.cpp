// Which layers a node is: one function for each kind of op. What none expresses stays opaque.
#include "onnx_nodes.h"

#include <algorithm>
#include <array>

namespace tenon::trt {
namespace {

using nvinfer1::ActivationType;
using nvinfer1::ElementWiseOperation;
using nvinfer1::MatrixOperation;
using nvinfer1::PaddingMode;
using nvinfer1::PoolingType;
using nvinfer1::UnaryOperation;
using Ints = std::vector<int64_t>;

std::optional<Dims> dims_from(const Ints& values) {
  if (values.size() > Dims::MAX_DIMS) return std::nullopt;
  return dims_of(Shape(values));
}

std::optional<uint32_t> mask_of(const Ints& axes, const Dims& dims) {
  uint32_t mask = 0;
  for (const int64_t each : axes) {
    const auto axis = axis_from(each, dims);
    if (!axis) return std::nullopt;
    mask |= 1U << *axis;
  }
  return mask;
}

bool convolution(OnnxImport& to) {
  const Dims kernel_dims = to.dims_of_operand(1);
  if (kernel_dims.nbDims < 4 || !is_static(kernel_dims)) return false;
  const Ints kernel(kernel_dims.d + 2, kernel_dims.d + kernel_dims.nbDims);
  const auto window = window_of(to, to.attribute("kernel_shape", kernel));
  if (!window) return false;
  const auto weights = to.weights(1);
  const auto bias = to.weights(2);
  Convolution& layer =
      to.add<Convolution>("Convolution", {&to.operand(0)}, kernel_dims.d[0], window->kernel,
                          weights.value_or(Weights{}), bias.value_or(Weights{}));
  set_window(layer, *window);
  layer.setDilationNd(window->dilation);
  layer.setNbGroups(to.attribute("group", int64_t{1}));
  if (weights) to.network().name_weights(*weights, to.leaf_name(1));
  if (bias) to.network().name_weights(*bias, to.leaf_name(2));
  if (!weights) layer.setInput(1, to.operand(1));
  if (!bias && to.has(2)) layer.setInput(2, to.operand(2));
  to.done(layer);
  return true;
}

bool pool(OnnxImport& to) {
  const bool greatest = to.node().op == "MaxPool";
  const auto window = window_of(to, to.attribute("kernel_shape", Ints{}));
  if (!window || to.outputs() > 1 || to.attribute("storage_order", int64_t{0}) != 0) return false;
  if (std::any_of(window->dilation.d, window->dilation.d + window->dilation.nbDims,
                  [](int64_t each) { return each != 1; }))
    return false;
  Pooling& layer =
      to.add<Pooling>("Pooling", {&to.operand(0)},
                      greatest ? PoolingType::kMAX : PoolingType::kAVERAGE, window->kernel);
  set_window(layer, *window);
  if (to.attribute("ceil_mode", int64_t{0}) != 0 &&
      window->mode == PaddingMode::kEXPLICIT_ROUND_DOWN)
    layer.setPaddingMode(PaddingMode::kEXPLICIT_ROUND_UP);
  layer.setAverageCountExcludesPadding(to.attribute("count_include_pad", int64_t{0}) == 0);
  to.done(layer);
  return true;
}

// --- functions of elements

bool activate(OnnxImport& to, ActivationType type, float alpha = 0, float beta = 0) {
  Activation& layer = to.add<Activation>("Activation", {&to.operand(0)}, type);
  layer.setAlpha(alpha);
  layer.setBeta(beta);
  to.done(layer);
  return true;
}

template <ActivationType kType>
bool plain_activation(OnnxImport& to) {
  return activate(to, kType);
}

bool leaky_relu(OnnxImport& to) {
  return activate(to, ActivationType::kLEAKY_RELU, to.attribute("alpha", 0.01F));
}
bool elu(OnnxImport& to) { return activate(to, ActivationType::kELU, to.attribute("alpha", 1.0F)); }
bool selu(OnnxImport& to) {
  return activate(to, ActivationType::kSELU, to.attribute("alpha", 1.67326319217681884765625F),
                  to.attribute("gamma", 1.05070102214813232421875F));
}
bool softplus(OnnxImport& to) { return activate(to, ActivationType::kSOFTPLUS, 1, 1); }
bool hard_sigmoid(OnnxImport& to) {
  return activate(to, ActivationType::kHARD_SIGMOID, to.attribute("alpha", 0.2F),
                  to.attribute("beta", 0.5F));
}
bool thresholded_relu(OnnxImport& to) {
  return activate(to, ActivationType::kTHRESHOLDED_RELU, to.attribute("alpha", 1.0F));
}
bool gelu(OnnxImport& to) {
  const bool exact = to.attribute("approximate", "none") == "none";
  return activate(to, exact ? ActivationType::kGELU_ERF : ActivationType::kGELU_TANH);
}

// Bounds that are weights, or not both there, stay a node's.
bool clip(OnnxImport& to) {
  const auto least = to.opset() < 11 && to.has_attribute("min")
                         ? std::optional(to.attribute("min", 0.0F))
                         : to.number(1);
  const auto most = to.opset() < 11 && to.has_attribute("max")
                        ? std::optional(to.attribute("max", 0.0F))
                        : to.number(2);
  if (!least || !most || to.operand(0).getType() != DataType::kFLOAT) return false;
  return activate(to, ActivationType::kCLIP, *least, *most);
}

template <UnaryOperation kOp>
bool unary(OnnxImport& to) {
  if (!to.node().attributes.empty()) return false;  // IsInf of one sign
  to.done(to.add<Unary>("Unary", {&to.operand(0)}, kOp));
  return true;
}

// Opsets before 7 broadcast as an attribute says.
template <ElementWiseOperation kOp>
bool elementwise(OnnxImport& to) {
  if (to.opset() < 7 || to.node().inputs.size() != 2 || !to.node().attributes.empty()) return false;
  ElementWise& layer = to.add<ElementWise>("ElementWise", {&to.operand(0), &to.operand(1)}, kOp);
  layer.broadcast();
  to.done(layer);
  return true;
}

bool cast(OnnxImport& to) {
  static const std::map<int64_t, DataType> types{
      {1, DataType::kFLOAT}, {2, DataType::kUINT8},  {3, DataType::kINT8},
      {6, DataType::kINT32}, {7, DataType::kINT64},  {9, DataType::kBOOL},
      {10, DataType::kHALF}, {11, DataType::kFLOAT}, {16, DataType::kBF16}};  // ONNX's numbers
  const auto type = types.find(to.attribute("to", int64_t{0}));
  if (type == types.end()) return false;
  to.done(to.add<Cast>("Cast", {&to.operand(0)}, type->second));
  return true;
}

bool identity(OnnxImport& to) {
  to.done(to.add<Identity>("Identity", {&to.operand(0)}));
  return true;
}

bool dropout(OnnxImport& to) {
  return to.outputs() == 1 && to.opset() >= 7 && !to.has(2) && identity(to);
}

// --- axes

bool softmax(OnnxImport& to) {
  const Dims dims = to.dims(0);
  const auto axis = axis_from(to.attribute("axis", int64_t{to.opset() < 13 ? 1 : -1}), dims);
  // Before opset 13 all axes from this one on are one.
  if (!axis || (to.opset() < 13 && *axis != dims.nbDims - 1)) return false;
  SoftMax& layer = to.add<SoftMax>("Softmax", {&to.operand(0)});
  layer.setAxes(1U << *axis);
  to.done(layer);
  return true;
}

bool concatenation(OnnxImport& to) {
  const auto axis = axis_from(to.attribute("axis", int64_t{to.opset() < 4 ? 1 : 0}), to.dims(0));
  if (!axis) return false;
  std::vector<TensorImpl*> all;
  for (size_t i = 0; i < to.node().inputs.size(); ++i) all.push_back(&to.operand(i));
  Concatenation& layer = to.add<Concatenation>("Concatenation", all);
  layer.setAxis(static_cast<int32_t>(*axis));
  to.done(layer);
  return true;
}

template <nvinfer1::ReduceOperation kOp>
bool reduce(OnnxImport& to) {
  const Dims dims = to.dims(0);
  if (dims.nbDims < 0 || to.attribute("noop_with_empty_axes", int64_t{0}) != 0) return false;
  Ints axes = to.attribute("axes", Ints{});
  if (to.has(1)) {
    const auto given = to.ints(1);
    if (!given) return false;
    axes = *given;
  }
  if (axes.empty())
    for (int64_t axis = 0; axis < dims.nbDims; ++axis) axes.push_back(axis);
  const auto mask = mask_of(axes, dims);
  if (!mask || *mask == 0) return false;
  to.done(to.add<Reduce>("Reduce", {&to.operand(0)}, kOp, *mask,
                         to.attribute("keepdims", int64_t{1}) != 0));
  return true;
}

bool global_average(OnnxImport& to) {
  const Dims dims = to.dims(0);
  if (dims.nbDims < 3) return false;
  const uint32_t mask = (1U << dims.nbDims) - 4U;  // every axis after batch and channel
  to.done(to.add<Reduce>("Reduce", {&to.operand(0)}, nvinfer1::ReduceOperation::kAVG, mask, true));
  return true;
}

bool reshape(OnnxImport& to) {
  const auto shape = to.opset() < 5 ? std::optional(to.attribute("shape", Ints{})) : to.ints(1);
  const bool zeros_copy = to.attribute("allowzero", int64_t{0}) == 0;
  const auto dims = shape ? dims_from(*shape) : std::nullopt;
  if (to.opset() < 5 && !dims) return false;
  Shuffle& layer = to.add<Shuffle>("Shuffle", {&to.operand(0)});
  layer.setZeroIsPlaceholder(zeros_copy);
  if (dims)
    layer.setReshapeDimensions(*dims);
  else
    layer.setInput(1, to.operand(1));
  to.done(layer);
  return true;
}

// What comes before an axis of 1 is the first extent: as a reshape to (0, -1).
bool flatten(OnnxImport& to) {
  const Dims dims = to.dims(0);
  if (to.attribute("axis", int64_t{1}) != 1 || dims.nbDims < 2) return false;
  Shuffle& layer = to.add<Shuffle>("Shuffle", {&to.operand(0)});
  layer.setReshapeDimensions(dims_of(Shape{0, -1}));
  to.done(layer);
  return true;
}

bool transpose(OnnxImport& to) {
  const Dims dims = to.dims(0);
  if (dims.nbDims < 0) return false;
  Ints order;
  for (int64_t axis = dims.nbDims; axis-- > 0;) order.push_back(axis);
  order = to.attribute("perm", order);
  if (order.size() != index(dims.nbDims)) return false;
  nvinfer1::Permutation permutation{};
  for (size_t i = 0; i < Dims::MAX_DIMS; ++i)
    permutation.order[i] = static_cast<int32_t>(i < order.size() ? order[i] : int64_t(i));
  Shuffle& layer = to.add<Shuffle>("Shuffle", {&to.operand(0)});
  layer.setFirstTranspose(permutation);
  to.done(layer);
  return true;
}

// --- products

bool matmul(OnnxImport& to) {
  if (to.dims(0).nbDims < 2 || to.dims(1).nbDims < 2) return false;
  MatrixMultiply& layer =
      to.add<MatrixMultiply>("Matrix Multiply", {&to.operand(0), &to.operand(1)},
                             MatrixOperation::kNONE, MatrixOperation::kNONE);
  layer.broadcast();
  to.done(layer);
  return true;
}

// A product and a sum, without factors.
bool gemm(OnnxImport& to) {
  const bool scaled = to.attribute("alpha", 1.0F) != 1 || to.attribute("beta", 1.0F) != 1;
  if (scaled || to.opset() < 7 || to.dims(0).nbDims != 2 || to.dims(1).nbDims != 2) return false;
  const auto operation = [&](const char* key) {
    return to.attribute(key, int64_t{0}) != 0 ? MatrixOperation::kTRANSPOSE
                                              : MatrixOperation::kNONE;
  };
  MatrixMultiply& product =
      to.add<MatrixMultiply>("Matrix Multiply", {&to.operand(0), &to.operand(1)},
                             operation("transA"), operation("transB"));
  if (!to.has(2)) {
    to.done(product);
    return true;
  }
  ElementWise& sum = to.add<ElementWise>("ElementWise", {product.outputs[0].get(), &to.operand(2)},
                                         ElementWiseOperation::kSUM);
  sum.broadcast();
  to.done(sum);
  return true;
}

const std::map<std::string, OnnxLayers>& table() {
  using A = ActivationType;
  using E = ElementWiseOperation;
  using R = nvinfer1::ReduceOperation;
  using U = UnaryOperation;
  static const std::map<std::string, OnnxLayers> all{
      {"Abs", unary<U::kABS>},
      {"Acos", unary<U::kACOS>},
      {"Acosh", unary<U::kACOSH>},
      {"Add", elementwise<E::kSUM>},
      {"And", elementwise<E::kAND>},
      {"Asin", unary<U::kASIN>},
      {"Asinh", unary<U::kASINH>},
      {"Atan", unary<U::kATAN>},
      {"Atanh", unary<U::kATANH>},
      {"AveragePool", pool},
      {"Cast", cast},
      {"Ceil", unary<U::kCEIL>},
      {"Clip", clip},
      {"Concat", concatenation},
      {"Conv", convolution},
      {"Cos", unary<U::kCOS>},
      {"Cosh", unary<U::kCOSH>},
      {"Div", elementwise<E::kDIV>},
      {"Dropout", dropout},
      {"Elu", elu},
      {"Equal", elementwise<E::kEQUAL>},
      {"Erf", unary<U::kERF>},
      {"Exp", unary<U::kEXP>},
      {"Flatten", flatten},
      {"Floor", unary<U::kFLOOR>},
      {"Gelu", gelu},
      {"Gemm", gemm},
      {"GlobalAveragePool", global_average},
      {"Greater", elementwise<E::kGREATER>},
      {"HardSigmoid", hard_sigmoid},
      {"Identity", identity},
      {"IsInf", unary<U::kISINF>},
      {"IsNaN", unary<U::kISNAN>},
      {"LeakyRelu", leaky_relu},
      {"Less", elementwise<E::kLESS>},
      {"Log", unary<U::kLOG>},
      {"MatMul", matmul},
      {"Max", elementwise<E::kMAX>},
      {"MaxPool", pool},
      {"Min", elementwise<E::kMIN>},
      {"Mul", elementwise<E::kPROD>},
      {"Neg", unary<U::kNEG>},
      {"Not", unary<U::kNOT>},
      {"Or", elementwise<E::kOR>},
      {"Pow", elementwise<E::kPOW>},
      {"Reciprocal", unary<U::kRECIP>},
      {"ReduceMax", reduce<R::kMAX>},
      {"ReduceMean", reduce<R::kAVG>},
      {"ReduceMin", reduce<R::kMIN>},
      {"ReduceProd", reduce<R::kPROD>},
      {"ReduceSum", reduce<R::kSUM>},
      {"Relu", plain_activation<A::kRELU>},
      {"Reshape", reshape},
      {"Round", unary<U::kROUND>},
      {"Selu", selu},
      {"Sigmoid", plain_activation<A::kSIGMOID>},
      {"Sign", unary<U::kSIGN>},
      {"Sin", unary<U::kSIN>},
      {"Sinh", unary<U::kSINH>},
      {"Softmax", softmax},
      {"Softplus", softplus},
      {"Softsign", plain_activation<A::kSOFTSIGN>},
      {"Sqrt", unary<U::kSQRT>},
      {"Sub", elementwise<E::kSUB>},
      {"Tan", unary<U::kTAN>},
      {"Tanh", plain_activation<A::kTANH>},
      {"ThresholdedRelu", thresholded_relu},
      {"Transpose", transpose},
      {"Xor", elementwise<E::kXOR>},
  };
  return all;
}

}  // namespace

std::optional<int64_t> axis_from(int64_t axis, const Dims& dims) {
  if (dims.nbDims < 0) return std::nullopt;
  const int64_t made = axis < 0 ? axis + dims.nbDims : axis;
  return made >= 0 && made < dims.nbDims ? std::optional(made) : std::nullopt;
}

std::optional<WindowOf> window_of(OnnxImport& to, const Ints& kernel) {
  const size_t rank = kernel.size();
  const Ints ones(rank, 1);
  const Ints pads = to.attribute("pads", Ints(2 * rank, 0));
  const std::string automatic = to.attribute("auto_pad", "NOTSET");
  if ((rank != 2 && rank != 3) || pads.size() != 2 * rank) return std::nullopt;
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(rank);
  const bool set = automatic == "NOTSET" || automatic.empty();
  WindowOf made{.kernel = dims_of(kernel),
                .stride = dims_of(to.attribute("strides", ones)),
                .dilation = dims_of(to.attribute("dilations", ones)),
                .pre = dims_of(set ? Shape(pads.begin(), middle) : Shape(rank, 0)),
                .post = dims_of(set ? Shape(middle, pads.end()) : Shape(rank, 0))};
  if (automatic == "SAME_UPPER") made.mode = PaddingMode::kSAME_UPPER;
  if (automatic == "SAME_LOWER") made.mode = PaddingMode::kSAME_LOWER;
  const bool fits = made.stride.nbDims == made.kernel.nbDims &&
                    made.dilation.nbDims == made.kernel.nbDims &&
                    std::ranges::all_of(pads, [](int64_t pad) { return pad >= 0; });
  return fits ? std::optional(made) : std::nullopt;
}

OnnxLayers layers_for(const std::string& op) {
  for (const auto* all : {&table(), &more_layers()})
    if (const auto found = all->find(op); found != all->end()) return found->second;
  return nullptr;
}

}  // namespace tenon::trt
