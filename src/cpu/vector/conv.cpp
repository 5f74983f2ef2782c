// f32 convolution over one or two axes, direct: tiles of output pixels by blocks of output channels
// stay in registers. Depthwise ones read a vector of x where the others broadcast an element.
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/conv.cpp"
#include "cpu/kernel_parts.h"
#include "cpu/vector/conv_geometry.h"
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

/// One block of channels, each with a filter of its own.
template <int kPixels>
HWY_NOINLINE void depthwise_tile(const Tile& t) {
  const Tag tag;
  const ConvGeometry& geometry = *t.geometry;
  Vector sums[kPixels][1];
  HWY_UNROLL(16)
  for (int i = 0; i < kPixels; ++i) sums[i][0] = hn::Zero(tag);
  const int64_t pixel_step = geometry.pixel_step, tap = geometry.tap, tap_row = geometry.tap_row;
  for (int64_t kh = t.first_row; kh < t.last_row; ++kh) {
    const float* x = t.x + kh * tap_row;
    const float* weight = t.weight + kh * geometry.kernel_w * kLanes;
    for (int64_t kw = t.first_column; kw < t.last_column; ++kw) {
      const Vector filter = hn::LoadU(tag, weight + kw * kLanes);
      HWY_UNROLL(16)
      for (int i = 0; i < kPixels; ++i) {
        const Vector value = hn::LoadU(tag, x + kw * tap + i * pixel_step);
        sums[i][0] = hn::MulAdd(value, filter, sums[i][0]);
      }
    }
  }
  if (geometry.trails)
    finish<kPixels, 1>(t, sums);
  else
    store<kPixels, 1>(t, sums);
}

using TileFunction = void (*)(const Tile&);

TileFunction depthwise_tile_of(int64_t pixels) {
  if (pixels == 14) return depthwise_tile<14>;
  if (pixels == 12) return depthwise_tile<12>;
  if (pixels == 8) return depthwise_tile<8>;
  if (pixels == 7) return depthwise_tile<7>;
  if (pixels == 6) return depthwise_tile<6>;
  if (pixels == 4) return depthwise_tile<4>;
  return pixels == 2 ? depthwise_tile<2> : depthwise_tile<1>;
}

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

// Copies x into the scratch, plane by plane, with zeros around it. What no window reaches is left
// out: where strides are wide that may be all of x.
void pad_input(const Launch& launch, const ConvGeometry& geometry, int threads) {
  const int64_t row = geometry.w * geometry.block;
  const int64_t left = geometry.pad_left * geometry.block;
  const int64_t width = HWY_MIN(row, geometry.x_row - left);
  const int64_t rows = width > 0 ? HWY_MIN(geometry.h, geometry.padded_h - geometry.pad_top) : 0;
  base::parallel_for(threads, geometry.n * geometry.c_blocks, [&](int64_t plane) {
    const float* from = launch.input<float>(0) + plane * geometry.h * row;
    float* to = static_cast<float*>(launch.scratch) + plane * geometry.x_block;
    std::memset(to, 0, static_cast<size_t>(geometry.x_block) * sizeof(float));
    for (int64_t y = 0; y < rows; ++y) {
      std::memcpy(to + (y + geometry.pad_top) * geometry.x_row + left, from + y * row,
                  static_cast<size_t>(width) * sizeof(float));
    }
  });
}

/// The taps [first, last) of an axis that some of the pixels [begin, end] meet the input with.
void find_taps(const ConvGeometry::Axis& axis, int64_t begin, int64_t end, int64_t& first,
               int64_t& last) {
  const int64_t before = axis.pad - end * axis.stride;  // of the last pixel's first tap
  const int64_t behind = axis.in + axis.pad - begin * axis.stride;
  first = before <= 0 ? 0 : HWY_MIN(axis.kernel, (before + axis.dilation - 1) / axis.dilation);
  last = behind <= 0 ? 0 : HWY_MIN(axis.kernel, (behind + axis.dilation - 1) / axis.dilation);
  last = HWY_MAX(first, last);
}

/// Tiles [first, last) of a plane for one group of blocks of channels.
void run_tiles(const Launch& launch, const ConvGeometry& geometry, int64_t image_group,
               int64_t first, int64_t last, TileProgram::Workspace* workspace) {
  const int64_t groups = (geometry.o_blocks + geometry.vectors - 1) / geometry.vectors;
  const int64_t n = image_group / groups;
  const int64_t block = image_group % groups * geometry.vectors;
  const int64_t vectors = HWY_MIN(geometry.vectors, geometry.o_blocks - block);
  const bool point = geometry.kernel_h * geometry.kernel_w == 1;
  const TileFunction function = geometry.depthwise ? depthwise_tile_of(geometry.tile)
                                : point            ? tile_of<true>(vectors, geometry.tile)
                                                   : tile_of<false>(vectors, geometry.tile);
  const float* x =
      (geometry.padded ? static_cast<const float*>(launch.scratch) : launch.input<float>(0)) +
      n * geometry.x_image + (geometry.depthwise ? block * geometry.x_block : 0);
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
    if (geometry.padded && !point) {
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

// Of either kernel.
template <class Unit>
const char* reject_any_conv(const Call& call) {
  if (const char* reason = refuse_unit_and_dtype<Unit>(call)) return reason;
  const size_t rank = call.inputs[0].dims.size();
  if (rank != 3 && rank != 4) return "it runs over one or two spatial axes only";
  if (!call.inputs[1].weight) return "the filter is not a weight, so it cannot be packed";
  for (auto i = static_cast<size_t>(ir::first_epilogue_operand); i < call.inputs.size(); ++i) {
    if (call.inputs[i].dims.size() != rank && call.inputs[i].elements() != 1)
      return "operands of the epilogue have the result's rank or one element";
  }
  return refuse_epilogue(call);
}

template <class Unit>
const char* reject_conv(const Call& call) {
  if (const char* reason = refuse_unit<Unit>(call)) return reason;
  return call.as<ir::Conv>().groups != 1 ? "it does not take groups" : reject_any_conv<Unit>(call);
}

template <class Unit>
const char* reject_depthwise(const Call& call) {
  if (const char* reason = refuse_unit<Unit>(call)) return reason;
  const int64_t groups = call.as<ir::Conv>().groups;
  if (groups == 1 || groups != call.inputs[0].dims[1] || groups != call.outputs[0].dims[1])
    return "it takes one filter for each channel only";
  return reject_any_conv<Unit>(call);
}

template <class Unit>
ir::Layout blocked_channels() {
  return {.splits = {{1, Unit::lanes}}};
}

// Images of a few channels would be mostly padding.
template <class Unit>
kernel::Layouts conv_layouts(const Call& call) {
  std::vector<ir::Layout> inputs(call.inputs.size());
  if (call.inputs[0].dims[1] > 4 || call.as<ir::Conv>().groups != 1)
    inputs[0] = blocked_channels<Unit>();
  for (auto i = static_cast<size_t>(ir::first_epilogue_operand); i < inputs.size(); ++i) {
    if (call.inputs[i].dims.size() == call.outputs[0].dims.size())
      inputs[i] = blocked_channels<Unit>();
  }
  return {.inputs = inputs, .outputs = {blocked_channels<Unit>()}};
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
ir::Graph pack_conv(const Call& call) {
  const auto& dims = call.inputs[1].dims;
  ir::GraphBuilder graph;
  const auto w = graph.input("1", ir::ValueType(DType::f32, ir::Dims(dims.begin(), dims.end())));
  graph.output("1", graph.add(ir::Reorder{{.splits = {{0, Unit::lanes}}}}, {w}));
  return graph.finish();
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

template <class Unit>
Kernel depthwise(std::string_view name, void (*run)(const Launch&) noexcept) {
  Kernel kernel = direct<Unit>(name, run);
  kernel.reject = reject_depthwise<Unit>;
  kernel.tactics = nullptr;
  return kernel;
}

}  // namespace

std::vector<Kernel> vector_conv_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    direct<Avx3>("cpu.conv.direct.avx3", N_AVX3::run_conv),
        depthwise<Avx3>("cpu.conv.depthwise.avx3", N_AVX3::run_conv),
#endif
#if HWY_TARGETS & HWY_AVX2
        direct<Avx2>("cpu.conv.direct.avx2", N_AVX2::run_conv),
        depthwise<Avx2>("cpu.conv.depthwise.avx2", N_AVX2::run_conv),
#endif
  };
}

}  // namespace tenon::cpu
#endif  // HWY_ONCE
