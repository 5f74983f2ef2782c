// A sliding window with all extents known: how convolution and pooling find their inputs.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "ir/ops/window.h"

namespace tenon::kernel {

/// Spatial extents only. Flat, so that run() may use it freely.
struct WindowGeometry {
  static constexpr size_t most_axes = 8;
  struct Axis {
    int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1;
    int64_t pad_begin = 0, pad_end = 0;
  };

  std::array<Axis, most_axes> axes;
  size_t rank = 0;
  int64_t in_size = 1, out_size = 1, taps = 1;

  /// Calls f(tap, offset) for each tap of the window at flat output position `position` that lies
  /// inside the input; both are flat indices, taps rising.
  template <class F>
  void for_taps(int64_t position, const F& f) const {
    std::array<int64_t, most_axes> first;  // input index of tap 0
    for (size_t a = rank; a-- > 0;) {
      first[a] = position % axes[a].out * axes[a].stride - axes[a].pad_begin;
      position /= axes[a].out;
    }
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t offset = offset_of(tap, first.data());
      if (offset >= 0) f(tap, offset);
    }
  }

  /// How many taps of the window lie inside the padded input (ceil_mode lets windows stick out
  /// further).
  int64_t taps_in_padded(int64_t position) const;

 private:
  int64_t offset_of(int64_t tap, const int64_t* first) const;
};

/// `in` and `out` are whole dims [n, c, spatial…]. Throws build for more than `most_axes` spatial
/// axes.
WindowGeometry window_geometry(const ir::Window& window, std::span<const int64_t> in,
                               std::span<const int64_t> out);

}  // namespace tenon::kernel
