// f32 convolution over one or two axes with a filter for each channel: tiles of pixels of a row by
// a block of channels. x is read where it lies: taps beyond its edges are left out.
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/depthwise.cpp"
#include "cpu/kernel_parts.h"
#include "cpu/vector/conv_calls.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// After the targets are known:
#include "cpu/vector/conv_store-inl.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

constexpr int64_t kWide = 14, kNarrow = 7;  // pixels of a tile

/// A window along a row, and how many columns of it lie beyond an edge where the result is as long
/// as the input (or half as long: then it may be one less).
template <int kKernel, int kStride, int kDilation>
struct Window {
  static constexpr int kernel = kKernel, stride = kStride, dilation = kDilation;
  static constexpr int beyond = (kKernel - 1) * kDilation / 2;
};

template <int kPixels>
HWY_INLINE void store(const Tile& t, const Vector (&sums)[kPixels]) {
  const Tag tag;
  const auto mask = hn::FirstN(tag, static_cast<size_t>(t.lanes));
  const Vector bias = t.bias ? hn::MaskedLoad(mask, tag, t.bias) : hn::Zero(tag);
  if (t.geometry->trails) {
    HWY_ALIGN float block[kPixels * kLanes];
    HWY_UNROLL(16)
    for (int i = 0; i < kPixels; ++i) hn::StoreU(hn::Add(sums[i], bias), tag, block + i * kLanes);
    finish_block(t, block, 0, kPixels, t.lanes);
    return;
  }
  HWY_UNROLL(16)
  for (int i = 0; i < kPixels; ++i) {
    const Vector value = bounded(t, hn::Add(sums[i], bias));
    hn::StoreU(hn::IfThenElseZero(mask, value), tag, t.y + i * kLanes);
  }
}

/// All taps of a row of the window meet the input, or those of [t.first_column, t.last_column).
template <int kPixels>
HWY_NOINLINE void any_tile(const Tile& t) {
  const Tag tag;
  const ConvGeometry& geometry = *t.geometry;
  Vector sums[kPixels];
  HWY_UNROLL(16)
  for (int i = 0; i < kPixels; ++i) sums[i] = hn::Zero(tag);
  const int64_t pixel_step = geometry.pixel_step, tap = geometry.tap, tap_row = geometry.tap_row;
  for (int64_t kh = t.first_row; kh < t.last_row; ++kh) {
    const float* x = t.x + kh * tap_row;
    const float* weight = t.weight + kh * geometry.kernel_w * kLanes;
    for (int64_t kw = t.first_column; kw < t.last_column; ++kw) {
      const Vector filter = hn::LoadU(tag, weight + kw * kLanes);
      HWY_UNROLL(16)
      for (int i = 0; i < kPixels; ++i) {
        const Vector value = hn::LoadU(tag, x + kw * tap + i * pixel_step);
        sums[i] = hn::MulAdd(value, filter, sums[i]);
      }
    }
  }
  store<kPixels>(t, sums);
}

/// A window whose first kLeft and last kRight columns, as the tile sees them, lie beyond the edges.
template <class W, int kPixels, int kLeft, int kRight>
HWY_NOINLINE void window_tile(const Tile& t) {
  constexpr int kColumns = (kPixels - 1) * W::stride + (W::kernel - 1) * W::dilation + 1;
  const Tag tag;
  Vector sums[kPixels];
  HWY_UNROLL(16)
  for (int i = 0; i < kPixels; ++i) sums[i] = hn::Zero(tag);
  const int64_t tap_row = t.geometry->tap_row;
  for (int64_t kh = t.first_row; kh < t.last_row; ++kh) {
    const float* x = t.x + kh * tap_row;
    const float* weight = t.weight + kh * W::kernel * kLanes;
    HWY_UNROLL(8)
    for (int kw = 0; kw < W::kernel; ++kw) {
      const Vector filter = hn::LoadU(tag, weight + kw * kLanes);
      HWY_UNROLL(16)
      for (int i = 0; i < kPixels; ++i) {
        const int column = i * W::stride + kw * W::dilation;
        if (column < kLeft || column >= kColumns - kRight) continue;
        sums[i] = hn::MulAdd(hn::LoadU(tag, x + column * kLanes), filter, sums[i]);
      }
    }
  }
  store<kPixels>(t, sums);
}

using TileFunction = void (*)(const Tile&);

template <class W, int kPixels, int kLeft>
TileFunction window_tile_of(int64_t right) {
  if (right == 0) return window_tile<W, kPixels, kLeft, 0>;
  if (right == W::beyond) return window_tile<W, kPixels, kLeft, W::beyond>;
  if constexpr (W::stride > 1 && W::beyond > 1) {
    if (right == W::beyond - 1) return window_tile<W, kPixels, kLeft, W::beyond - 1>;
  }
  return nullptr;
}

template <class W, int kPixels>
TileFunction window_tile_of(int64_t left, int64_t right) {
  if (left == 0) return window_tile_of<W, kPixels, 0>(right);
  if (left == W::beyond) return window_tile_of<W, kPixels, W::beyond>(right);
  if constexpr (W::stride > 1 && W::beyond > 1) {
    if (left == W::beyond - 1) return window_tile_of<W, kPixels, W::beyond - 1>(right);
  }
  return nullptr;
}

/// Leaves the columns beyond the edges out; null where there is no such tile.
template <class... Windows>
TileFunction edge_tile_of(const ConvGeometry::Axis& axis, int64_t pixels, int64_t left,
                          int64_t right) {
  TileFunction found = nullptr;
  const auto ask = [&]<class W>(W) {
    if (axis.kernel != W::kernel || axis.stride != W::stride || axis.dilation != W::dilation)
      return;
    found = pixels == kWide ? window_tile_of<W, kWide>(left, right)
                            : window_tile_of<W, kNarrow>(left, right);
  };
  (ask(Windows{}), ...);
  return found;
}

/// A tile of a row of the result.
struct Piece {
  int64_t pixels;
  TileFunction function;
};

/// The tile that begins at a pixel. One of several pixels must not leave some to those behind it
/// that see the right edge.
Piece piece_at(const ConvGeometry& geometry, int64_t column) {
  const ConvGeometry::Axis& axis = geometry.columns;
  const auto beyond = [&](int64_t last) {
    return HWY_MAX(0,
                   last * axis.stride + (axis.kernel - 1) * axis.dilation + 1 - axis.pad - axis.in);
  };
  const int64_t left = HWY_MAX(0, axis.pad - column * axis.stride);
  for (const int64_t pixels : {kWide, kNarrow}) {
    const int64_t end = column + pixels;
    if (end > geometry.out_w) continue;
    const int64_t right = beyond(end - 1);
    const TileFunction edge =
        edge_tile_of<Window<3, 1, 1>, Window<3, 2, 1>, Window<5, 1, 1>, Window<5, 2, 1>,
                     Window<3, 1, 2>, Window<5, 1, 2>>(axis, pixels, left, right);
    if (edge) return {pixels, edge};
    if (left == 0 && right == 0)
      return {pixels, pixels == kWide ? any_tile<kWide> : any_tile<kNarrow>};
  }
  return {1, any_tile<1>};
}

/// Rows [first, last) of one block of channels of one image.
void run_rows(const Launch& launch, const ConvGeometry& geometry, int64_t plane, int64_t first,
              int64_t last, TileProgram::Workspace* workspace) {
  const int64_t n = plane / geometry.o_blocks, block = plane % geometry.o_blocks;
  const float* x =
      launch.input<float>(0) + n * geometry.x_image + block * geometry.x_block + geometry.origin;
  float* y = launch.output<float>(0) + plane * geometry.out_h * geometry.out_w * kLanes;
  Tile tile{
      .geometry = &geometry,
      .weight = launch.input<float>(1) + block * geometry.kernel_h * geometry.kernel_w * kLanes,
      .bias = has_input(*launch.call, 2) ? launch.input<float>(2) + block * kLanes : nullptr,
      .lanes = HWY_MIN(kLanes, geometry.o - block * kLanes),
      .least = geometry.epilogue.least(),
      .greatest = geometry.epilogue.greatest(),
      .last_row = geometry.kernel_h,
      .last_column = geometry.kernel_w,
      .workspace = workspace};
  for (int64_t column = 0; column < geometry.out_w;) {
    const Piece piece = piece_at(geometry, column);
    if (piece.pixels == 1)
      find_taps(geometry.columns, column, column, tile.first_column, tile.last_column);
    else
      tile.first_column = 0, tile.last_column = geometry.kernel_w;
    for (int64_t row = first; row < last; ++row) {
      tile.x = x + row * geometry.row_step + column * geometry.pixel_step;
      tile.y = y + (row * geometry.out_w + column) * kLanes;
      find_taps(geometry.rows, row, row, tile.first_row, tile.last_row);
      if (geometry.trails) find_trailing(launch, tile, n, block, row, column);
      piece.function(tile);
    }
    column += piece.pixels;
  }
}

void run_depthwise(const Launch& launch) noexcept {
  constexpr int64_t kStepsPerUnit = 16384;  // vector multiply-adds: about 5 us
  const auto& geometry = prepared<ConvGeometry>(launch);
  const int64_t steps = geometry.out_w * geometry.kernel_h * geometry.kernel_w;
  const int64_t rows = HWY_MAX(1, HWY_MIN(geometry.out_h, kStepsPerUnit / HWY_MAX(steps, 1)));
  const int64_t pieces = (geometry.out_h + rows - 1) / rows;
  const int64_t units = geometry.n * geometry.o_blocks * pieces;
  const int threads =
      units <= 2 ? 1 : launch.state->threads;  // so little is done before a thread has woken
  base::parallel_for(threads, units, [&](int64_t unit) {
    const int64_t first = unit % pieces * rows;
    TileProgram::Workspace workspace;
    geometry.epilogue.start(workspace);
    run_rows(launch, geometry, unit / pieces, first, HWY_MIN(geometry.out_h, first + rows),
             &workspace);
  });
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS

#if HWY_ONCE
namespace tenon::cpu {

namespace {

template <class Unit>
const char* reject_depthwise(const Call& call) {
  if (const char* reason = refuse_unit<Unit>(call)) return reason;
  const int64_t groups = call.as<ir::Conv>().groups;
  if (groups == 1 || groups != call.inputs[0].dims[1] || groups != call.outputs[0].dims[1])
    return "it takes one filter for each channel only";
  return reject_any_conv<Unit>(call);
}

template <class Unit>
kernel::Prepared prepare_depthwise(const Call& call, kernel::Backend&) {
  const ConvTiling tiling{.lanes = Unit::lanes, .functions = vector_functions<Unit>};
  return {std::make_shared<const ConvGeometry>(make_conv_geometry(call, tiling))};
}

template <class Unit>
Kernel depthwise(std::string_view name, void (*run)(const Launch&) noexcept) {
  return {.name = name,
          .reject = reject_depthwise<Unit>,
          .layouts = conv_layouts<Unit>,
          .pack = pack_conv<Unit>,
          .prepare = prepare_depthwise<Unit>,
          .run = run,
          .in_place = kernel::every_operand << ir::first_epilogue_operand};
}

}  // namespace

std::vector<Kernel> vector_depthwise_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    depthwise<Avx3>("cpu.conv.depthwise.avx3", N_AVX3::run_depthwise),
#endif
#if HWY_TARGETS & HWY_AVX2
        depthwise<Avx2>("cpu.conv.depthwise.avx2", N_AVX2::run_depthwise),
#endif
  };
}

}  // namespace tenon::cpu
#endif  // HWY_ONCE
