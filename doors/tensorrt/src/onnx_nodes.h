// What the functions that turn nodes into layers share.
#pragma once

#include "onnx_import.h"

namespace tenon::trt {

/// An axis from the front, where the rank is known and has it.
std::optional<int64_t> axis_from(int64_t axis, const Dims& dims);

/// Strides, paddings and the like of a convolution or pool, where a layer can say them.
struct WindowOf {
  Dims kernel{}, stride{}, dilation{}, pre{}, post{};
  nvinfer1::PaddingMode mode = nvinfer1::PaddingMode::kEXPLICIT_ROUND_DOWN;
};

std::optional<WindowOf> window_of(OnnxImport& to, const std::vector<int64_t>& kernel);

template <class L>
void set_window(L& layer, const WindowOf& window) {
  layer.setStrideNd(window.stride);
  layer.setPrePadding(window.pre);
  layer.setPostPadding(window.post);
  layer.setPaddingMode(window.mode);
}

/// The second half of the table.
const std::map<std::string, OnnxLayers>& more_layers();

}  // namespace tenon::trt
