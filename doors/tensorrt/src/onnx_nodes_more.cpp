// Which layers a node is: those that choose, move and count elements, and those over images.
#include <algorithm>

#include "layers_index.h"
#include "layers_space.h"
#include "layers_value.h"
#include "onnx_nodes.h"

namespace tenon::trt {
namespace {

using Ints = std::vector<int64_t>;

bool gather(OnnxImport& to) {
  const auto axis = axis_from(to.attribute("axis", int64_t{0}), to.dims(0));
  if (!axis) return false;
  to.done(to.add<Gather>("Gather", {&to.operand(0), &to.operand(1)}, nvinfer1::GatherMode::kDEFAULT,
                         static_cast<int32_t>(*axis)));
  return true;
}

bool gather_elements(OnnxImport& to) {
  const auto axis = axis_from(to.attribute("axis", int64_t{0}), to.dims(0));
  if (!axis) return false;
  to.done(to.add<Gather>("Gather", {&to.operand(0), &to.operand(1)}, nvinfer1::GatherMode::kELEMENT,
                         static_cast<int32_t>(*axis)));
  return true;
}

bool gather_nd(OnnxImport& to) {
  Gather& layer =
      to.add<Gather>("Gather", {&to.operand(0), &to.operand(1)}, nvinfer1::GatherMode::kND, 0);
  layer.setNbElementWiseDims(static_cast<int32_t>(to.attribute("batch_dims", int64_t{0})));
  to.done(layer);
  return true;
}

// Updates that are added or multiplied stay a node's.
template <nvinfer1::ScatterMode kMode>
bool scatter(OnnxImport& to) {
  const auto axis = axis_from(to.attribute("axis", int64_t{0}), to.dims(0));
  if (to.attribute("reduction", "none") != "none" || !axis) return false;
  Scatter& layer =
      to.add<Scatter>("Scatter", {&to.operand(0), &to.operand(1), &to.operand(2)}, kMode);
  layer.setAxis(static_cast<int32_t>(*axis));
  to.done(layer);
  return true;
}

bool select(OnnxImport& to) {
  Select& layer = to.add<Select>("Select", {&to.operand(0), &to.operand(1), &to.operand(2)});
  layer.broadcast();
  to.done(layer);
  return true;
}

bool shape(OnnxImport& to) {
  if (!to.node().attributes.empty()) return false;
  to.done(to.add<ShapeOf>("Shape", {&to.operand(0)}));
  return true;
}

bool topk(OnnxImport& to) {
  const auto axis = axis_from(to.attribute("axis", int64_t{-1}), to.dims(0));
  const auto k = to.opset() >= 10 ? to.ints(1) : std::nullopt;
  if (!axis || !k || k->size() != 1 || k->at(0) < 1 || k->at(0) > INT32_MAX ||
      to.attribute("sorted", int64_t{1}) == 0)
    return false;
  const bool largest = to.attribute("largest", int64_t{1}) != 0;
  to.done(to.add_with_outputs<TopK>(
      "TopK", {&to.operand(0)}, 2,
      largest ? nvinfer1::TopKOperation::kMAX : nvinfer1::TopKOperation::kMIN,
      static_cast<int32_t>(k->at(0)), 1U << *axis, DataType::kINT64));
  return true;
}

bool non_zero(OnnxImport& to) {
  to.done(to.add<NonZero>("NonZero", {&to.operand(0)}, DataType::kINT64));
  return true;
}

// Before opset 13 the axes were an attribute, and without them every axis of 1 goes.
template <class L>
bool axes_of_one(OnnxImport& to) {
  if (to.opset() < 13 || !to.has(1)) return false;
  to.done(to.add<L>(to.node().op.c_str(), {&to.operand(0), &to.operand(1)}));
  return true;
}

// Known bounds of known extents: a layer has no ends beyond its input.
bool slice(OnnxImport& to) {
  const Dims dims = to.dims(0);
  const auto starts = to.ints(1), ends = to.ints(2);
  if (to.opset() < 10 || dims.nbDims < 0 || !starts || !ends || starts->size() > 8) return false;
  const size_t count = starts->size();
  Ints all(count), ones(count, 1);
  for (size_t i = 0; i < count; ++i) all[i] = static_cast<int64_t>(i);
  const auto axes = to.has(3) ? to.ints(3) : std::optional(all);
  const auto steps = to.has(4) ? to.ints(4) : std::optional(ones);
  if (!axes || !steps || ends->size() != count || axes->size() != count || steps->size() != count)
    return false;
  Ints start, size, stride, along;
  for (size_t i = 0; i < count; ++i) {
    const auto axis = axis_from((*axes)[i], dims);
    const int64_t extent = axis ? dims.d[*axis] : -1, step = (*steps)[i];
    if (extent < 0 || step == 0) return false;
    const auto place = [&](int64_t given) {
      const int64_t at = given < 0 ? given + extent : given;
      return std::clamp(at, step < 0 ? int64_t{-1} : int64_t{0}, step < 0 ? extent - 1 : extent);
    };
    const int64_t first = place((*starts)[i]), last = place((*ends)[i]);
    const int64_t past = step > 0 ? last - first + step - 1 : first - last - step - 1;
    start.push_back(std::max<int64_t>(first, 0));
    size.push_back(std::max<int64_t>(past / (step > 0 ? step : -step), 0));
    stride.push_back(step);
    along.push_back(*axis);
  }
  Slice& layer = to.add<Slice>("Slice", {&to.operand(0)}, dims_of(Shape(start)),
                               dims_of(Shape(size)), dims_of(Shape(stride)));
  layer.setAxes(dims_of(Shape(along)));
  to.done(layer);
  return true;
}

bool prelu(OnnxImport& to) {
  to.done(to.add<PRelu>("Parametric ReLU", {&to.operand(0), &to.operand(1)}));
  return true;
}

bool einsum(OnnxImport& to) {
  std::vector<TensorImpl*> all;
  for (size_t i = 0; i < to.node().inputs.size(); ++i) all.push_back(&to.operand(i));
  const std::string equation = to.attribute("equation", "");
  to.done(to.add<Einsum>("Einsum", all, equation.c_str()));
  return true;
}

bool cumulative(OnnxImport& to) {
  to.done(to.add<Cumulative>(
      "Cumulative", {&to.operand(0), &to.operand(1)}, nvinfer1::CumulativeOperation::kSUM,
      to.attribute("exclusive", int64_t{0}) != 0, to.attribute("reverse", int64_t{0}) != 0));
  return true;
}

bool lrn(OnnxImport& to) {
  const int64_t size = to.attribute("size", int64_t{0});
  if (size < 1 || size % 2 == 0) return false;
  to.done(to.add<Lrn>("LRN", {&to.operand(0)}, size, to.attribute("alpha", 1e-4F),
                      to.attribute("beta", 0.75F), to.attribute("bias", 1.0F)));
  return true;
}

bool reverse_sequence(OnnxImport& to) {
  ReverseSequence& layer =
      to.add<ReverseSequence>("ReverseSequence", {&to.operand(0), &to.operand(1)});
  layer.setBatchAxis(static_cast<int32_t>(to.attribute("batch_axis", int64_t{1})));
  layer.setSequenceAxis(static_cast<int32_t>(to.attribute("time_axis", int64_t{0})));
  to.done(layer);
  return true;
}

bool deconvolution(OnnxImport& to) {
  const Dims kernel = to.dims_of_operand(1);
  const auto weights = to.weights(1), bias = to.weights(2);
  if (!weights || (to.has(2) && !bias) || kernel.nbDims < 4) return false;
  if (to.has_attribute("output_padding") || to.has_attribute("output_shape")) return false;
  const Ints extents(kernel.d + 2, kernel.d + kernel.nbDims);
  const auto window = window_of(to, to.attribute("kernel_shape", extents));
  const int64_t groups = to.attribute("group", int64_t{1});
  if (!window || window->mode != nvinfer1::PaddingMode::kEXPLICIT_ROUND_DOWN) return false;
  Deconvolution& layer =
      to.add<Deconvolution>("Deconvolution", {&to.operand(0)}, kernel.d[1] * groups, window->kernel,
                            *weights, bias.value_or(Weights{}));
  set_window(layer, *window);
  layer.setDilationNd(window->dilation);
  layer.setNbGroups(groups);
  to.network().name_weights(*weights, to.leaf_name(1));
  if (bias) to.network().name_weights(*bias, to.leaf_name(2));
  to.done(layer);
  return true;
}

}  // namespace

const std::map<std::string, OnnxLayers>& more_layers() {
  static const std::map<std::string, OnnxLayers> all{
      {"ConvTranspose", deconvolution},
      {"CumSum", cumulative},
      {"Einsum", einsum},
      {"Gather", gather},
      {"GatherElements", gather_elements},
      {"GatherND", gather_nd},
      {"LRN", lrn},
      {"NonZero", non_zero},
      {"PRelu", prelu},
      {"ReverseSequence", reverse_sequence},
      {"ScatterElements", scatter<nvinfer1::ScatterMode::kELEMENT>},
      {"ScatterND", scatter<nvinfer1::ScatterMode::kND>},
      {"Shape", shape},
      {"Slice", slice},
      {"Squeeze", axes_of_one<Squeeze>},
      {"TopK", topk},
      {"Unsqueeze", axes_of_one<Unsqueeze>},
      {"Where", select},
  };
  return all;
}

}  // namespace tenon::trt
