// f32 convolution over one or two axes, direct: tiles of output pixels by blocks of output channels
// stay in registers.
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/conv.cpp"
#include "cpu/kernel_parts.h"
#include "cpu/vector/conv_calls.h"
#include "cpu/vector/vector_kernels.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// After the targets are known:
#include "cpu/vector/conv_store-inl.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

constexpr bool kManyRegisters = HWY_TARGET != HWY_AVX2;

template <int kPixels, int kVectors>
HWY_INLINE void accumulate(const float* x, const float* weight, int64_t pixel_step,
                           int64_t weight_step, Vector (&sums)[kPixels][kVectors]) {
  const Tag tag;
  Vector filter[kVectors];
  HWY_UNROLL(4)
  for (int v = 0; v < kVectors; ++v) filter[v] = hn::LoadU(tag, weight + v * weight_step);
  HWY_UNROLL(16)
  for (int i = 0; i < kPixels; ++i) {
    const Vector value = hn::Set(tag, x[i * pixel_step]);
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) sums[i][v] = hn::MulAdd(value, filter[v], sums[i][v]);
  }
}

template <int kPixels, int kVectors>
HWY_INLINE void finish(const Tile& t, const Vector (&sums)[kPixels][kVectors]) {
  const Tag tag;
  HWY_ALIGN float block[kPixels * kLanes];
  HWY_UNROLL(4)
  for (int v = 0; v < kVectors; ++v) {
    const int64_t lanes = v == kVectors - 1 ? t.lanes : kLanes;
    const auto mask = hn::FirstN(tag, static_cast<size_t>(lanes));
    const Vector bias = t.bias ? hn::MaskedLoad(mask, tag, t.bias + v * kLanes) : hn::Zero(tag);
    HWY_UNROLL(16)
    for (int i = 0; i < kPixels; ++i)
      hn::StoreU(hn::Add(sums[i][v], bias), tag, block + i * kLanes);
    finish_block(t, block, v, kPixels, lanes);
  }
}

// Padding lanes stay zero whatever x, the bounds and a NaN make of them. What the tile before this
// one has stored is left alone: it may belong to another thread.
template <int kPixels, int kVectors, bool kSkips>
HWY_INLINE void store_from(const Tile& t, const Vector (&sums)[kPixels][kVectors]) {
  const Tag tag;
  const int64_t plane = t.geometry->out_h * t.geometry->out_w * kLanes;
  HWY_UNROLL(4)
  for (int v = 0; v < kVectors; ++v) {
    const int64_t lanes = v == kVectors - 1 ? t.lanes : kLanes;
    const auto mask = hn::FirstN(tag, static_cast<size_t>(lanes));
    const Vector bias = t.bias ? hn::MaskedLoad(mask, tag, t.bias + v * kLanes) : hn::Zero(tag);
    HWY_UNROLL(16)
    for (int i = 0; i < kPixels; ++i) {
      if (kSkips && i < t.skip) continue;
      const Vector value = bounded(t, hn::Add(sums[i][v], bias));
      hn::StoreU(hn::IfThenElseZero(mask, value), tag, t.y + v * plane + i * kLanes);
    }
  }
}

template <int kPixels, int kVectors>
HWY_INLINE void store(const Tile& t, const Vector (&sums)[kPixels][kVectors]) {
  if (t.skip == 0)
    store_from<kPixels, kVectors, false>(t, sums);
  else
    store_from<kPixels, kVectors, true>(t, sums);
}

/// With kPoint the kernel has one tap.
template <int kPixels, int kVectors, bool kPoint>
HWY_NOINLINE void conv_tile(const Tile& t) {
  const Tag tag;
  const ConvGeometry& geometry = *t.geometry;
  Vector sums[kPixels][kVectors];
  HWY_UNROLL(16)
  for (int i = 0; i < kPixels; ++i) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) sums[i][v] = hn::Zero(tag);
  }
  const int64_t pixel_step = geometry.pixel_step, tap = geometry.tap, tap_row = geometry.tap_row;
  const int64_t kernel_row = geometry.kernel_w * kLanes;
  const int64_t filter = geometry.kernel_h * kernel_row;
  const int64_t weight_step = geometry.c * filter;
  const int64_t rows = t.last_row - t.first_row, columns = t.last_column - t.first_column;
  const float* weight = t.weight + t.first_row * kernel_row + t.first_column * kLanes;
  const float* x_block = t.x + t.first_row * tap_row + t.first_column * tap;
  for (int64_t first = 0; first < geometry.c; first += geometry.block) {
    const int64_t channels = HWY_MIN(geometry.block, geometry.c - first);
    for (int64_t c = 0; c < channels; ++c) {
      if constexpr (kPoint) {
        accumulate<kPixels, kVectors>(x_block + c, weight, pixel_step, weight_step, sums);
      } else {
        const float* x_row = x_block + c;
        const float* weight_row = weight;
        for (int64_t kh = 0; kh < rows; ++kh) {
          for (int64_t kw = 0; kw < columns; ++kw) {
            accumulate<kPixels, kVectors>(x_row + kw * tap, weight_row + kw * kLanes, pixel_step,
                                          weight_step, sums);
          }
          x_row += tap_row;
          weight_row += kernel_row;
        }
      }
      weight += filter;
    }
    x_block += geometry.x_block;
  }
  if (geometry.trails)
    finish<kPixels, kVectors>(t, sums);
  else
    store<kPixels, kVectors>(t, sums);
}

using TileFunction = void (*)(const Tile&);

template <int kVectors, bool kPoint>
TileFunction tile_of(int64_t pixels) {
  // With AVX2 two blocks of channels leave registers for six pixels, with AVX-512 four for seven.
  if constexpr (kVectors == 1 || (kManyRegisters && kVectors == 2)) {
    if (pixels == 14) return conv_tile<14, kVectors, kPoint>;
    if (pixels == 12) return conv_tile<12, kVectors, kPoint>;
    if (pixels == 8) return conv_tile<8, kVectors, kPoint>;
  }
  if constexpr (kVectors == 1 || kManyRegisters) {
    if (pixels == 7) return conv_tile<7, kVectors, kPoint>;
  }
  if (pixels == 6) return conv_tile<6, kVectors, kPoint>;
  if (pixels == 4) return conv_tile<4, kVectors, kPoint>;
  return pixels == 2 ? conv_tile<2, kVectors, kPoint> : conv_tile<1, kVectors, kPoint>;
}

template <bool kPoint>
TileFunction tile_of(int64_t vectors, int64_t pixels) {
  if constexpr (kManyRegisters) {
    if (vectors == 4) return tile_of<4, kPoint>(HWY_MIN(pixels, 7));
    if (vectors == 3) return tile_of<3, kPoint>(HWY_MIN(pixels, 7));
  }
  return vectors == 2 ? tile_of<2, kPoint>(pixels) : tile_of<1, kPoint>(pixels);
}

// Copies x into the scratch, row by row, with zeros left and right.
void pad_input(const Launch& launch, const ConvGeometry& geometry, int threads) {
  const auto bytes = [&](int64_t pixels) {
    return static_cast<size_t>(pixels * geometry.block) * sizeof(float);
  };
  const size_t left = bytes(geometry.pad_left), row = bytes(geometry.w);
  const size_t right = bytes(geometry.padded_w - geometry.pad_left - geometry.w);
  base::parallel_for(threads, geometry.n * geometry.c_blocks, [&](int64_t plane) {
    const auto* from = launch.input<std::byte>(0) + static_cast<size_t>(plane * geometry.h) * row;
    auto* to = static_cast<std::byte*>(launch.scratch) +
               static_cast<size_t>(plane * geometry.x_block) * sizeof(float);
    for (int64_t y = 0; y < geometry.h; ++y) {
      std::memset(to, 0, left);
      std::memcpy(to + left, from, row);
      std::memset(to + left + row, 0, right);
      to += left + row + right;
      from += row;
    }
  });
}

/// Tiles [first, last) of a plane for one group of blocks of channels.
void run_tiles(const Launch& launch, const ConvGeometry& geometry, int64_t image_group,
               int64_t first, int64_t last, TileProgram::Workspace* workspace) {
  const int64_t groups = (geometry.o_blocks + geometry.vectors - 1) / geometry.vectors;
  const int64_t n = image_group / groups;
  const int64_t block = image_group % groups * geometry.vectors;
  const int64_t vectors = HWY_MIN(geometry.vectors, geometry.o_blocks - block);
  const bool point = geometry.kernel_h * geometry.kernel_w == 1 && !geometry.meets_edges;
  const TileFunction function =
      point ? tile_of<true>(vectors, geometry.tile) : tile_of<false>(vectors, geometry.tile);
  const float* x =
      (geometry.padded ? static_cast<const float*>(launch.scratch) : launch.input<float>(0)) +
      n * geometry.x_image + geometry.origin;
  float* y = launch.output<float>(0) +
             (n * geometry.o_blocks + block) * geometry.out_h * geometry.out_w * kLanes;
  Tile tile{.geometry = &geometry,
            .weight = launch.input<float>(1) +
                      block * geometry.filter_c * geometry.kernel_h * geometry.kernel_w * kLanes,
            .bias = has_input(*launch.call, 2) ? launch.input<float>(2) + block * kLanes : nullptr,
            .lanes = HWY_MIN(kLanes, geometry.o - (block + vectors - 1) * kLanes),
            .least = geometry.epilogue.least(),
            .greatest = geometry.epilogue.greatest(),
            .last_row = geometry.kernel_h,
            .last_column = geometry.kernel_w,
            .workspace = workspace};
  for (int64_t i = first; i < last; ++i) {
    const int64_t row = i / geometry.tiles_per_row;
    const int64_t column =
        HWY_MIN(i % geometry.tiles_per_row * geometry.tile, geometry.out_w - geometry.tile);
    tile.x = x + row * geometry.row_step + column * geometry.pixel_step;
    tile.y = y + (row * geometry.out_w + column) * kLanes;
    if (geometry.meets_edges) {
      find_taps(geometry.rows, row, row, tile.first_row, tile.last_row);
      find_taps(geometry.columns, column, column + geometry.tile - 1, tile.first_column,
                tile.last_column);
    }
    tile.skip = i % geometry.tiles_per_row * geometry.tile - column;
    if (geometry.trails) find_trailing(launch, tile, n, block, row, column);
    function(tile);
  }
}

void run_conv(const Launch& launch) noexcept {
  const auto& geometry = prepared<ConvGeometry>(launch);
  const int64_t groups = (geometry.o_blocks + geometry.vectors - 1) / geometry.vectors;
  const int64_t tiles = geometry.out_h * geometry.tiles_per_row;
  const int64_t pieces = (tiles + geometry.tiles_per_unit - 1) / geometry.tiles_per_unit;
  const int64_t units = geometry.n * groups * pieces;
  const int threads =
      units <= 2 ? 1 : launch.state->threads;  // so little is done before a thread has woken
  if (geometry.padded) pad_input(launch, geometry, threads);
  base::parallel_for(threads, units, [&](int64_t unit) {
    const int64_t first = unit % pieces * geometry.tiles_per_unit;
    const int64_t last = HWY_MIN(tiles, first + geometry.tiles_per_unit);
    TileProgram::Workspace workspace;
    geometry.epilogue.start(workspace);
    run_tiles(launch, geometry, unit / pieces, first, last, &workspace);
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
constexpr ConvTiling tiling() {
  return {.lanes = Unit::lanes,
          .functions = vector_functions<Unit>,
          .most_pixels = {0, 14, Unit::lanes == 16 ? 14 : 6, 7, 7}};
}

template <class Unit>
const char* reject_conv(const Call& call) {
  if (const char* reason = refuse_unit<Unit>(call)) return reason;
  return call.as<ir::Conv>().groups != 1 ? "it does not take groups" : reject_any_conv<Unit>(call);
}

// More blocks of channels read x once for all of them; fewer leave room for more pixels, which read
// the filters once.
template <class Unit>
std::vector<kernel::Tactic> conv_tactics(const Call& call, kernel::Backend&) {
  const kernel::Tactic one{std::string(conv_blocks[1])}, two{std::string(conv_blocks[2])};
  const int64_t channels = call.outputs[0].dims[1];
  if (channels <= 8) return {one};
  if (Unit::lanes < 16 || channels <= 2 * Unit::lanes || call.inputs[0].dims[1] <= 4)
    return {two, one};
  return {{std::string(conv_blocks[4])}, two};
}

template <class Unit>
kernel::Prepared prepare_conv(const Call& call, kernel::Backend&) {
  auto geometry = std::make_shared<const ConvGeometry>(make_conv_geometry(call, tiling<Unit>()));
  return {geometry, conv_scratch(*geometry)};
}

template <class Unit>
Kernel direct(std::string_view name, void (*run)(const Launch&) noexcept) {
  return {.name = name,
          .reject = reject_conv<Unit>,
          .layouts = conv_layouts<Unit>,
          .tactics = conv_tactics<Unit>,
          .pack = pack_conv<Unit>,
          .prepare = prepare_conv<Unit>,
          .run = run,
          .in_place = kernel::every_operand << ir::first_epilogue_operand};
}

}  // namespace

std::vector<Kernel> vector_conv_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    direct<Avx3>("cpu.conv.direct.avx3", N_AVX3::run_conv),
#endif
#if HWY_TARGETS & HWY_AVX2
        direct<Avx2>("cpu.conv.direct.avx2", N_AVX2::run_conv),
#endif
  };
}

}  // namespace tenon::cpu
#endif  // HWY_ONCE
