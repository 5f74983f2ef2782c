// Geometry of direct convolutions, and how they are cut into tiles.
#include "cpu/vector/conv_plan.h"

#include <algorithm>

#include "cpu/window.h"
#include "ir/ops/conv.h"

namespace tenon::cpu {

namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Of extents that are not negative; the greatest number stands for all that are greater, so that a
// padded input beyond every memory asks for it and is never run.
int64_t times(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

// The tile that wastes the least: the last of a row overlaps the one before it.
int64_t best_tile(int64_t width, int64_t most) {
  static constexpr int64_t kTiles[] = {14, 12, 8, 7, 6, 4, 2, 1};
  int64_t best = 1;
  double least = 1e30;
  for (const int64_t tile : kTiles) {
    if (tile > most || tile > width) continue;
    const double cost = static_cast<double>(ceil_div(width, tile)) * static_cast<double>(tile + 1);
    if (cost < least) {
      least = cost;
      best = tile;
    }
  }
  return best;
}

// Equal extents alone say less: a strided window over padding may keep them.
bool sees_each_pixel_once(const WindowGeometry& window, std::span<const int64_t> x,
                          std::span<const int64_t> y) {
  const auto in_place = [](const auto& axis) { return axis.stride == 1 && axis.pad_begin == 0; };
  return window.taps == 1 && in_place(window.axes[0]) && in_place(window.axes[1]) && x[2] == y[2] &&
         x[3] == y[3];
}

// A 1x1 window over neighbouring pixels sees one long row.
void merge_rows(ConvDirectPlan& plan) {
  plan.w *= plan.h;
  plan.out_w *= plan.out_h;
  plan.h = plan.out_h = 1;
}

void place_input(ConvDirectPlan& plan, const WindowGeometry& window) {
  const auto& rows = window.axes[0];
  const auto& columns = window.axes[1];
  const int64_t reach_h = (plan.out_h - 1) * rows.stride + (plan.kernel_h - 1) * rows.dilation + 1;
  const int64_t reach_w =
      (plan.out_w - 1) * columns.stride + (plan.kernel_w - 1) * columns.dilation + 1;
  plan.pad_top = rows.pad_begin;
  plan.pad_left = columns.pad_begin;
  plan.padded = plan.pad_top > 0 || plan.pad_left > 0 || reach_h > plan.h || reach_w > plan.w;
  plan.padded_h = plan.padded ? reach_h : plan.h;
  plan.padded_w = plan.padded ? reach_w : plan.w;
  plan.x_row = times(plan.padded_w, plan.block);
  plan.x_block = times(plan.padded_h, plan.x_row);
  plan.x_image = times(plan.c_blocks, plan.x_block);
  plan.row_step = times(rows.stride, plan.x_row);
  plan.pixel_step = times(columns.stride, plan.block);
  plan.tap_row = times(rows.dilation, plan.x_row);
  plan.tap = times(columns.dilation, plan.block);
}

void cut(ConvDirectPlan& plan, const ConvTiling& tiling, bool single) {
  constexpr int64_t kStepsPerUnit = 16384;  // vector multiply-adds: about 5 us
  plan.vectors = single || plan.o_blocks == 1 ? 1 : 2;
  plan.tile = best_tile(plan.out_w, tiling.most_pixels[plan.vectors]);
  plan.tiles_per_row = ceil_div(plan.out_w, plan.tile);
  const int64_t steps = plan.tile * plan.vectors * plan.c * plan.kernel_h * plan.kernel_w;
  plan.tiles_per_unit = std::max<int64_t>(1, kStepsPerUnit / std::max<int64_t>(steps, 1));
}

}  // namespace

ConvDirectPlan make_conv_plan(const Call& call, const ConvTiling& tiling) {
  const auto& conv = call.as<ir::Conv>();
  const auto& x = call.inputs[0];
  const auto& weight = call.inputs[1].dims;
  const auto& y = call.outputs[0].dims;
  const auto window = window_geometry(conv.window(std::span(weight).subspan(2)), x.dims, y);
  ConvDirectPlan plan;
  plan.n = x.dims[0];
  plan.c = x.dims[1];
  plan.o = weight[0];
  plan.block = x.layout.plain() ? 1 : tiling.lanes;
  plan.c_blocks = ceil_div(plan.c, plan.block);
  plan.o_blocks = ceil_div(plan.o, tiling.lanes);
  plan.h = x.dims[2];
  plan.w = x.dims[3];
  plan.out_h = y[2];
  plan.out_w = y[3];
  plan.kernel_h = weight[2];
  plan.kernel_w = weight[3];
  if (sees_each_pixel_once(window, x.dims, y)) merge_rows(plan);
  place_input(plan, window);
  cut(plan, tiling, call.tactic == conv_by_one_block);
  return plan;
}

size_t conv_scratch(const ConvDirectPlan& plan) {
  return plan.padded ? static_cast<size_t>(times(times(plan.n, plan.x_image), sizeof(float))) : 0;
}

}  // namespace tenon::cpu
