// Output extents and padding of a sliding window, by the formulas of ONNX's Conv, MaxPool and
// AveragePool.
#include "ir/ops/window.h"

#include <algorithm>

namespace tenon::ir {
namespace {

int64_t effective_kernel(const Window& window, size_t axis) {
  return (window.kernel[axis] - 1) * window.dilations[axis] + 1;
}

bool is_same(AutoPad pad) { return pad == AutoPad::same_upper || pad == AutoPad::same_lower; }

}  // namespace

Dim output_extent(const Window& window, size_t axis, const Dim& in) {
  const int64_t stride = window.strides[axis];
  if (is_same(window.auto_pad)) return ceil_div(in, stride);
  const bool padded = window.auto_pad == AutoPad::notset;
  const int64_t begin = padded ? window.pads[axis] : 0;
  const int64_t end = padded ? window.pads[axis + window.kernel.size()] : 0;
  const Dim room = in + begin + end - effective_kernel(window, axis);
  if (!window.ceil_mode) return floor_div(room, stride) + 1;
  // A window that would start in the padding after the input is left out.
  return min(ceil_div(room, stride) + 1, ceil_div(in + begin, stride));
}

int64_t pad_begin(const Window& window, size_t axis, int64_t in) {
  if (window.auto_pad == AutoPad::notset) return window.pads[axis];
  if (window.auto_pad == AutoPad::valid) return 0;
  const int64_t stride = window.strides[axis];
  const int64_t out = in / stride + (in % stride != 0 ? 1 : 0);
  const int64_t total =
      std::max<int64_t>((out - 1) * stride + effective_kernel(window, axis) - in, 0);
  return window.auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
}

}  // namespace tenon::ir
