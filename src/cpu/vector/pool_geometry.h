// Geometry of pooling over two spatial axes, with the valid taps of each output index told
// beforehand.
#pragma once

#include <vector>

#include "cpu/kernels.h"
#include "ir/ops/window.h"

namespace tenon::cpu {

/// x is [planes, h, w, block] and the result [planes, out_h, out_w, block].
struct PoolGeometry {
  /// Along one axis, for one output index.
  struct Taps {
    int64_t first = 0;    ///< input index of the first tap inside
    int64_t count = 0;    ///< taps inside the input
    int64_t divisor = 0;  ///< taps that an average counts
  };

  int64_t planes = 0, block = 1;
  int64_t h = 0, w = 0, dilation_h = 1, dilation_w = 1;
  std::vector<Taps> rows, columns;
};

/// Where padding is counted, what ceil_mode adds behind it is not.
PoolGeometry make_pool_geometry(const Call& call, const ir::Window& window, bool count_padding);

}  // namespace tenon::cpu
