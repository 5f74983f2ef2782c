// Taps of pooling windows, axis by axis.
#include "cpu/vector/pool_plan.h"

#include "cpu/window.h"

namespace tenon::cpu {

namespace {

std::vector<PoolPlan::Taps> taps_along(const WindowGeometry::Axis& axis, bool count_padding) {
  std::vector<PoolPlan::Taps> all;
  for (int64_t i = 0; i < axis.out; ++i) {
    PoolPlan::Taps taps;
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

PoolPlan make_pool_plan(const Call& call, const ir::Window& window, bool count_padding) {
  const kernel::Operand& x = call.inputs[0];
  const auto geometry = window_geometry(window, x.dims, call.outputs[0].dims);
  PoolPlan plan;
  plan.block = x.layout.plain() ? 1 : x.layout.splits[0].block;
  plan.planes = x.dims[0] * ((x.dims[1] + plan.block - 1) / plan.block);
  plan.h = x.dims[2];
  plan.w = x.dims[3];
  plan.dilation_h = geometry.axes[0].dilation;
  plan.dilation_w = geometry.axes[1].dilation;
  plan.rows = taps_along(geometry.axes[0], count_padding);
  plan.columns = taps_along(geometry.axes[1], count_padding);
  return plan;
}

}  // namespace tenon::cpu
