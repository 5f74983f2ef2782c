// Taps of pooling windows, axis by axis.
#include "cpu/vector/pool_geometry.h"

#include "cpu/window.h"

namespace tenon::cpu {

namespace {

std::vector<PoolGeometry::Taps> taps_along(const WindowGeometry::Axis& axis, bool count_padding) {
  std::vector<PoolGeometry::Taps> all;
  for (int64_t i = 0; i < axis.out; ++i) {
    PoolGeometry::Taps taps;
    for (int64_t k = axis.kernel; k-- > 0;) {
      const int64_t index = i * axis.stride - axis.pad_begin + k * axis.dilation;
      taps.divisor += count_padding && index < axis.in + axis.pad_end;
      if (index < 0 || index >= axis.in) continue;
      taps.first = index;
      ++taps.count;
    }
    if (!count_padding) taps.divisor = taps.count;
    all.push_back(taps);
  }
  return all;
}

}  // namespace

PoolGeometry make_pool_geometry(const Call& call, const ir::Window& window, bool count_padding) {
  const kernel::Operand& x = call.inputs[0];
  const WindowGeometry found = window_geometry(window, x.dims, call.outputs[0].dims);
  PoolGeometry geometry;
  geometry.block = x.layout.plain() ? 1 : x.layout.splits[0].block;
  geometry.planes = x.dims[0] * ((x.dims[1] + geometry.block - 1) / geometry.block);
  geometry.h = x.dims[2];
  geometry.w = x.dims[3];
  geometry.dilation_h = found.axes[0].dilation;
  geometry.dilation_w = found.axes[1].dilation;
  geometry.rows = taps_along(found.axes[0], count_padding);
  geometry.columns = taps_along(found.axes[1], count_padding);
  return geometry;
}

}  // namespace tenon::cpu
