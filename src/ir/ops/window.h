// The sliding window that convolution and pooling share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ir/dim.h"

namespace tenon::ir {

/// How a window is padded when the model does not say: ONNX's auto_pad.
enum class AutoPad { notset, same_upper, same_lower, valid };

/// Extents of one window over the spatial axes; `pads` are the begins, then the ends, as in ONNX.
struct Window {
  std::vector<int64_t> kernel, strides, pads, dilations;
  AutoPad auto_pad = AutoPad::notset;
  bool ceil_mode = false;
};

/// Extent of the output along spatial axis `axis` for an input extent `in`.
Dim output_extent(const Window& window, size_t axis, const Dim& in);
/// Padding before the first element along `axis`, for concrete extents.
int64_t pad_begin(const Window& window, size_t axis, int64_t in);

}  // namespace tenon::ir
