// Geometry of direct convolutions, and how they are cut into tiles.
#include "cpu/vector/conv_geometry.h"

#include <algorithm>
#include <utility>

#include "cpu/interpreter.h"
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

// Rows and columns; what has one spatial axis is one row.
WindowGeometry two_axes(WindowGeometry window) {
  if (window.rank == 1) window.axes[1] = std::exchange(window.axes[0], {});
  return window;
}

// Equal extents alone say less: a strided window over padding may keep them.
bool sees_each_pixel_once(const WindowGeometry& window) {
  const auto in_place = [](const auto& axis) {
    return axis.stride == 1 && axis.pad_begin == 0 && axis.in == axis.out;
  };
  return window.taps == 1 && in_place(window.axes[0]) && in_place(window.axes[1]);
}

// Operands of the epilogue: of the result's rank, or of one element.
std::vector<ConvGeometry::Trailing> trailing_operands(const Call& call) {
  std::vector<ConvGeometry::Trailing> operands;
  for (auto i = static_cast<size_t>(ir::first_epilogue_operand); i < call.inputs.size(); ++i) {
    Strides strides = operand_strides(call.inputs[i], call.outputs[0]);
    if (strides.size() == 4) strides.insert(strides.begin() + 2, 0);  // one row
    operands.push_back({static_cast<int64_t>(byte_count(call.inputs[i].dtype, 1)), strides[0],
                        strides[1], strides[2], strides[3], strides[4]});
  }
  return operands;
}

// Bit 0 is the sums', which a tile has in one piece.
uint32_t dense_operands(const std::vector<ConvGeometry::Trailing>& operands, int64_t lanes) {
  uint32_t dense = 1;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].pixel == lanes && operands[i].lane == 1) dense |= 2u << i;
  }
  return dense;
}

// Rows follow one another in what the epilogue reads.
bool trailing_rows_merge(const ConvGeometry& geometry) {
  return std::all_of(geometry.trailing, geometry.trailing + geometry.trailing_operands,
                     [&](const auto& t) { return t.row == t.pixel * geometry.out_w; });
}

// A 1x1 window over neighbouring pixels sees one long row.
void merge_rows(ConvGeometry& geometry) {
  geometry.w *= geometry.h;
  geometry.out_w *= geometry.out_h;
  geometry.h = geometry.out_h = 1;
}

ConvGeometry::Axis axis_of(const WindowGeometry::Axis& axis, int64_t in) {
  return {in, axis.kernel, axis.stride, axis.dilation, axis.pad_begin};
}

void cut(ConvGeometry& geometry, const ConvTiling& tiling, std::string_view tactic) {
  constexpr int64_t kStepsPerUnit = 16384;  // vector multiply-adds: about 5 us
  const int64_t wanted = tactic == conv_blocks[1] ? 1 : tactic == conv_blocks[4] ? 4 : 2;
  geometry.vectors = geometry.depthwise ? 1 : std::clamp<int64_t>(geometry.o_blocks, 1, wanted);
  geometry.tile = best_tile(geometry.out_w, tiling.most_pixels[geometry.vectors]);
  geometry.tiles_per_row = ceil_div(geometry.out_w, geometry.tile);
  const int64_t steps =
      geometry.tile * geometry.vectors * geometry.filter_c * geometry.kernel_h * geometry.kernel_w;
  geometry.tiles_per_unit = std::max<int64_t>(1, kStepsPerUnit / std::max<int64_t>(steps, 1));
}

// Taps that no pixel of a tile meets the input with are left out, so a tile reads no row beyond the
// edges, and along a row as far as its other pixels are away.
void place_input(ConvGeometry& geometry) {
  const ConvGeometry::Axis &rows = geometry.rows, &columns = geometry.columns;
  const auto reach = [](const ConvGeometry::Axis& axis, int64_t out) {
    return (out - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1 - axis.pad;
  };
  const int64_t behind = reach(columns, geometry.out_w) - geometry.w;
  geometry.meets_edges =
      rows.pad > 0 || columns.pad > 0 || behind > 0 || reach(rows, geometry.out_h) > geometry.h;
  geometry.padded = !geometry.depthwise && (columns.pad > 0 || behind > 0);
  const int64_t apart = geometry.padded ? (geometry.tile - 1) * columns.stride : 0;
  geometry.pad_left = std::min(columns.pad, apart);
  geometry.padded_w = geometry.pad_left + geometry.w + std::clamp<int64_t>(behind, 0, apart);
  geometry.x_row = times(geometry.padded_w, geometry.block);
  geometry.x_block = times(geometry.h, geometry.x_row);
  geometry.x_image = times(geometry.c_blocks, geometry.x_block);
  geometry.row_step = times(rows.stride, geometry.x_row);
  geometry.pixel_step = times(columns.stride, geometry.block);
  geometry.tap_row = times(rows.dilation, geometry.x_row);
  geometry.tap = times(columns.dilation, geometry.block);
  geometry.origin =
      (geometry.pad_left - columns.pad) * geometry.block - times(rows.pad, geometry.x_row);
}

}  // namespace

const kernel::Operand& plain_filter(const Call& call) {
  return (call.plain_inputs.empty() ? call.inputs : call.plain_inputs)[1];
}

ConvGeometry make_conv_geometry(const Call& call, const ConvTiling& tiling) {
  const auto& conv = call.as<ir::Conv>();
  const auto& x = call.inputs[0];
  const auto& weight = plain_filter(call).dims;
  const auto& y = call.outputs[0].dims;
  const auto window =
      two_axes(window_geometry(conv.window(std::span(weight).subspan(2)), x.dims, y));
  const auto trailing = trailing_operands(call);
  ConvGeometry geometry{
      .epilogue = Epilogue(call, dense_operands(trailing, tiling.lanes), tiling.functions),
      .trailing_operands = static_cast<int>(trailing.size())};
  geometry.trails = geometry.epilogue.trails();
  std::copy(trailing.begin(), trailing.end(), geometry.trailing);
  geometry.n = x.dims[0];
  geometry.c = x.dims[1];
  geometry.o = weight[0];
  geometry.filter_c = weight[1];
  geometry.depthwise = conv.groups != 1;
  geometry.block = x.layout.plain() ? 1 : tiling.lanes;
  geometry.c_blocks = ceil_div(geometry.c, geometry.block);
  geometry.o_blocks = ceil_div(geometry.o, tiling.lanes);
  geometry.h = window.axes[0].in;
  geometry.w = window.axes[1].in;
  geometry.out_h = window.axes[0].out;
  geometry.out_w = window.axes[1].out;
  geometry.kernel_h = window.axes[0].kernel;
  geometry.kernel_w = window.axes[1].kernel;
  if (sees_each_pixel_once(window) && trailing_rows_merge(geometry)) merge_rows(geometry);
  geometry.rows = axis_of(window.axes[0], geometry.h);
  geometry.columns = axis_of(window.axes[1], geometry.w);
  cut(geometry, tiling, call.tactic);
  place_input(geometry);
  return geometry;
}

size_t conv_scratch(const ConvGeometry& geometry) {
  return geometry.padded
             ? static_cast<size_t>(times(times(geometry.n, geometry.x_image), sizeof(float)))
             : 0;
}

}  // namespace tenon::cpu
