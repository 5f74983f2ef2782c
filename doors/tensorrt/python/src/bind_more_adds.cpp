// The network's `add_…` for those layers.
#include "bind.h"

namespace tenon::trt::python {
namespace {

using nvinfer1::ITensor;
using Network = nb::class_<nvinfer1::INetworkDefinition>;

void bind_space(Network& network) {
  network.def(
      "add_deconvolution_nd",
      [](nb::object self, ITensor& input, int64_t maps, nb::handle shape, nb::handle kernel,
         nb::handle bias) {
        const PyWeights k = to_weights(kernel, true), b = to_weights(bias, true);
        keep(self, k), keep(self, b);
        return part(network_in(self).addDeconvolutionNd(input, maps, to_dims(shape), k.raw, b.raw),
                    self);
      },
      "input"_a, "num_output_maps"_a, "kernel_shape"_a, "kernel"_a, "bias"_a = nb::none());
  network.def(
      "add_lrn",
      [](nb::object self, ITensor& input, int64_t window, float alpha, float beta, float k) {
        return part(network_in(self).addLRN(input, window, alpha, beta, k), self);
      },
      "input"_a, "window"_a, "alpha"_a, "beta"_a, "k"_a);
  network.def(
      "add_padding_nd",
      [](nb::object self, ITensor& input, nb::handle pre, nb::handle post) {
        return part(network_in(self).addPaddingNd(input, to_dims(pre), to_dims(post)), self);
      },
      "input"_a, "pre_padding"_a, "post_padding"_a);
  network.def(
      "add_resize",
      [](nb::object self, ITensor& input) { return part(network_in(self).addResize(input), self); },
      "input"_a);
  network.def(
      "add_grid_sample",
      [](nb::object self, ITensor& input, ITensor& grid) {
        return part(network_in(self).addGridSample(input, grid), self);
      },
      "input"_a, "grid"_a);
  network.def(
      "add_nms",
      [](nb::object self, ITensor& boxes, ITensor& scores, ITensor& most, DataType indices) {
        return part(network_in(self).addNMS(boxes, scores, most, indices), self);
      },
      "boxes"_a, "scores"_a, "max_output_boxes_per_class"_a, "indices_type"_a = DataType::kINT32);
}

void bind_index(Network& network) {
  network.def(
      "add_topk",
      [](nb::object self, ITensor& input, nvinfer1::TopKOperation op, int32_t k, uint32_t axes,
         DataType indices) {
        return part(network_in(self).addTopK(input, op, k, axes, indices), self);
      },
      "input"_a, "op"_a, "k"_a, "axes"_a, "indices_type"_a = DataType::kINT32);
  network.def(
      "add_gather",
      [](nb::object self, ITensor& input, ITensor& indices, int32_t axis) {
        return part(network_in(self).addGather(input, indices, axis), self);
      },
      "input"_a, "indices"_a, "axis"_a);
  network.def(
      "add_gather_v2",
      [](nb::object self, ITensor& input, ITensor& indices, nvinfer1::GatherMode mode) {
        return part(network_in(self).addGatherV2(input, indices, mode), self);
      },
      "input"_a, "indices"_a, "mode"_a);
  network.def(
      "add_scatter",
      [](nb::object self, ITensor& data, ITensor& indices, ITensor& updates,
         nvinfer1::ScatterMode mode) {
        return part(network_in(self).addScatter(data, indices, updates, mode), self);
      },
      "data"_a, "indices"_a, "updates"_a, "mode"_a);
  network.def(
      "add_slice",
      [](nb::object self, ITensor& input, nb::handle start, nb::handle shape, nb::handle stride) {
        return part(
            network_in(self).addSlice(input, to_dims(start), to_dims(shape), to_dims(stride)),
            self);
      },
      "input"_a, "start"_a, "shape"_a, "stride"_a);
  network.def(
      "add_shape",
      [](nb::object self, ITensor& input) { return part(network_in(self).addShape(input), self); },
      "input"_a);
  network.def(
      "add_select",
      [](nb::object self, ITensor& condition, ITensor& yes, ITensor& no) {
        return part(network_in(self).addSelect(condition, yes, no), self);
      },
      "condition"_a, "then_input"_a, "else_input"_a);
  network.def(
      "add_fill",
      [](nb::object self, nb::handle shape, nvinfer1::FillOperation op, DataType type) {
        return part(network_in(self).addFill(to_dims(shape), op, type), self);
      },
      "shape"_a, "op"_a, "output_type"_a = DataType::kFLOAT);
  network.def(
      "add_one_hot",
      [](nb::object self, ITensor& indices, ITensor& values, ITensor& depth, int32_t axis) {
        return part(network_in(self).addOneHot(indices, values, depth, axis), self);
      },
      "indices"_a, "values"_a, "depth"_a, "axis"_a);
  network.def(
      "add_non_zero",
      [](nb::object self, ITensor& input, DataType indices) {
        return part(network_in(self).addNonZero(input, indices), self);
      },
      "input"_a, "indices_type"_a = DataType::kINT32);
  network.def(
      "add_reverse_sequence",
      [](nb::object self, ITensor& input, ITensor& lengths) {
        return part(network_in(self).addReverseSequence(input, lengths), self);
      },
      "input"_a, "sequence_lens"_a);
  network.def(
      "add_squeeze",
      [](nb::object self, ITensor& input, ITensor& axes) {
        return part(network_in(self).addSqueeze(input, axes), self);
      },
      "input"_a, "axes"_a);
  network.def(
      "add_unsqueeze",
      [](nb::object self, ITensor& input, ITensor& axes) {
        return part(network_in(self).addUnsqueeze(input, axes), self);
      },
      "input"_a, "axes"_a);
}

void bind_value(Network& network) {
  network.def(
      "add_parametric_relu",
      [](nb::object self, ITensor& input, ITensor& slopes) {
        return part(network_in(self).addParametricReLU(input, slopes), self);
      },
      "input"_a, "slopes"_a);
  network.def(
      "add_einsum",
      [](nb::object self, nb::handle inputs, const char* equation) {
        const auto all = tensors(inputs);
        return part(
            network_in(self).addEinsum(all.data(), static_cast<int32_t>(all.size()), equation),
            self);
      },
      "inputs"_a, "equation"_a);
  network.def(
      "add_quantize",
      [](nb::object self, ITensor& input, ITensor& scale, DataType type) {
        return part(network_in(self).addQuantize(input, scale, type), self);
      },
      "input"_a, "scale"_a, "output_type"_a = DataType::kINT8);
  network.def(
      "add_dequantize",
      [](nb::object self, ITensor& input, ITensor& scale, DataType type) {
        return part(network_in(self).addDequantize(input, scale, type), self);
      },
      "input"_a, "scale"_a, "output_type"_a = DataType::kFLOAT);
  network.def(
      "add_normalization",
      [](nb::object self, ITensor& input, ITensor& scale, ITensor& bias, uint32_t axes) {
        return part(network_in(self).addNormalization(input, scale, bias, axes), self);
      },
      "input"_a, "scale"_a, "bias"_a, "axesMask"_a);
  network.def(
      "add_normalization_v2",
      [](nb::object self, ITensor& input, ITensor& scale, ITensor& bias, uint32_t axes) {
        return part(network_in(self).addNormalizationV2(input, scale, bias, axes), self);
      },
      "input"_a, "scale"_a, "bias"_a, "axesMask"_a);
  network.def(
      "add_cumulative",
      [](nb::object self, ITensor& input, ITensor& axis, nvinfer1::CumulativeOperation op,
         bool exclusive, bool reverse) {
        return part(network_in(self).addCumulative(input, axis, op, exclusive, reverse), self);
      },
      "input"_a, "axis"_a, "op"_a, "exclusive"_a, "reverse"_a);
}

}  // namespace

void bind_more_adds(Network& network) {
  bind_space(network);
  bind_index(network);
  bind_value(network);
}

}  // namespace tenon::trt::python
