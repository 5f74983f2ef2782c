// Index arithmetic of windows.
#include "kernel/window.h"

#include <algorithm>

#include "base/error.h"

namespace tenon::kernel {

namespace {

// What lies behind the input; under auto_pad, what the last window needs.
int64_t pad_end(const ir::Window& window, size_t a, const WindowGeometry::Axis& axis) {
  if (window.auto_pad == ir::AutoPad::notset) return window.pads[window.kernel.size() + a];
  const int64_t reach = (axis.out - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
  return std::max<int64_t>(0, reach - axis.in - axis.pad_begin);
}

}  // namespace

WindowGeometry window_geometry(const ir::Window& window, std::span<const int64_t> in,
                               std::span<const int64_t> out) {
  WindowGeometry geometry;
  geometry.rank = window.kernel.size();
  if (geometry.rank > WindowGeometry::most_axes) {
    base::fail(ErrorCode::build, "a window over {} axes is beyond {}", geometry.rank,
               WindowGeometry::most_axes);
  }
  for (size_t a = 0; a < geometry.rank; ++a) {
    WindowGeometry::Axis& axis = geometry.axes[a];
    axis = {.in = in[a + 2],
            .out = out[a + 2],
            .kernel = window.kernel[a],
            .stride = window.strides[a],
            .dilation = window.dilations[a],
            .pad_begin = ir::pad_begin(window, a, in[a + 2])};
    axis.pad_end = pad_end(window, a, axis);
    geometry.in_size *= axis.in;
    geometry.out_size *= axis.out;
    geometry.taps *= axis.kernel;
  }
  return geometry;
}

int64_t WindowGeometry::offset_of(int64_t tap, const int64_t* first) const {
  int64_t offset = 0;
  int64_t scale = 1;
  for (size_t a = rank; a-- > 0;) {
    const int64_t index = first[a] + tap % axes[a].kernel * axes[a].dilation;
    tap /= axes[a].kernel;
    if (index < 0 || index >= axes[a].in) return -1;
    offset += index * scale;
    scale *= axes[a].in;
  }
  return offset;
}

int64_t WindowGeometry::taps_in_padded(int64_t position) const {
  int64_t count = 1;
  for (size_t a = rank; a-- > 0;) {
    const Axis& axis = axes[a];
    const int64_t first = position % axis.out * axis.stride - axis.pad_begin;
    position /= axis.out;
    int64_t inside = 0;
    for (int64_t tap = 0; tap < axis.kernel; ++tap) {
      inside += first + tap * axis.dilation < axis.in + axis.pad_end;
    }
    count *= inside;
  }
  return count;
}

}  // namespace tenon::kernel
