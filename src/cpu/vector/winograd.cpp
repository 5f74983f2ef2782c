// f32 convolution with 3 x 3 taps by Winograd's minimal filtering: tiles of the input and the
// filters are transformed, multiplied point by point as matrices, and the products transformed
// back. Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2015).
//
// Against direct convolution the root of the mean squared error, relative, is up to 5e-7 with tiles
// of 2 x 2 results, 1e-6 with 4 x 2 and 3e-6 with 4 x 4; a value that is not finite reaches all
// results of its tiles.
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/winograd.cpp"
#include "cpu/kernel_parts.h"
#include "cpu/vector/vector_kernels.h"
#include "cpu/vector/winograd_geometry.h"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// After the targets are known:
#include "cpu/vector/conv_store-inl.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

constexpr int kGroupVectors = 2;
constexpr int64_t kGroup = kGroupVectors * kLanes;

HWY_INLINE Vector times(float factor, Vector value) {
  return hn::Mul(hn::Set(Tag(), factor), value);
}
HWY_INLINE Vector add_times(Vector sum, float factor, Vector value) {
  return hn::MulAdd(hn::Set(Tag(), factor), value, sum);
}

// Bᵀ along one axis: what a tile's inputs are at each point.
HWY_INLINE void input_points(const Vector (&x)[4], Vector (&at)[4]) {
  at[0] = hn::Sub(x[0], x[2]);
  at[1] = hn::Add(x[1], x[2]);
  at[2] = hn::Sub(x[2], x[1]);
  at[3] = hn::Sub(x[3], x[1]);
}

HWY_INLINE void input_points(const Vector (&x)[6], Vector (&at)[6]) {
  const Vector even = add_times(x[4], -4, x[2]), odd = add_times(x[3], -4, x[1]);
  const Vector far_even = hn::Sub(x[4], x[2]), far_odd = times(2, hn::Sub(x[3], x[1]));
  at[0] = add_times(add_times(x[4], -5, x[2]), 4, x[0]);
  at[1] = hn::Add(even, odd);
  at[2] = hn::Sub(even, odd);
  at[3] = hn::Add(far_even, far_odd);
  at[4] = hn::Sub(far_even, far_odd);
  at[5] = add_times(add_times(x[5], -5, x[3]), 4, x[1]);
}

// G along one axis: what three taps are at each point.
HWY_INLINE void filter_points(const Vector (&w)[3], Vector (&at)[4]) {
  const Vector ends = times(0.5f, hn::Add(w[0], w[2])), middle = times(0.5f, w[1]);
  at[0] = w[0];
  at[1] = hn::Add(ends, middle);
  at[2] = hn::Sub(ends, middle);
  at[3] = w[2];
}

HWY_INLINE void filter_points(const Vector (&w)[3], Vector (&at)[6]) {
  const Vector ends = times(-1.f / 6, hn::Add(w[0], w[2])), middle = times(-1.f / 6, w[1]);
  const Vector far = add_times(times(1.f / 24, w[0]), 1.f / 6, w[2]),
               far_middle = times(1.f / 12, w[1]);
  at[0] = times(0.25f, w[0]);
  at[1] = hn::Add(ends, middle);
  at[2] = hn::Sub(ends, middle);
  at[3] = hn::Add(far, far_middle);
  at[4] = hn::Sub(far, far_middle);
  at[5] = w[2];
}

// Aᵀ along one axis: a tile's results, of the products at each point.
HWY_INLINE void results_of(const Vector (&at)[4], Vector (&y)[2]) {
  y[0] = hn::Add(at[0], hn::Add(at[1], at[2]));
  y[1] = hn::Add(hn::Sub(at[1], at[2]), at[3]);
}

HWY_INLINE void results_of(const Vector (&at)[6], Vector (&y)[4]) {
  const Vector sum = hn::Add(at[1], at[2]), difference = hn::Sub(at[1], at[2]);
  const Vector far_sum = hn::Add(at[3], at[4]), far_difference = hn::Sub(at[3], at[4]);
  y[0] = hn::Add(at[0], hn::Add(sum, far_sum));
  y[1] = add_times(difference, 2, far_difference);
  y[2] = add_times(sum, 4, far_sum);
  y[3] = hn::Add(add_times(difference, 8, far_difference), at[5]);
}

/// Which tile of which image.
struct Position {
  int64_t image, row, column;  // of the first result

  Position(const WinogradGeometry& it, int64_t tile)
      : image(tile / (it.tiles_h * it.tiles_w)),
        row(tile / it.tiles_w % it.tiles_h * it.tile_h),
        column(tile % it.tiles_w * it.tile_w) {}
};

/// One tile of a block of channels, whose plane is [h][w][lanes], into `to`, one point
/// `point_step` behind the other. What lies outside of the plane is zero.
template <int kRows, int kColumns, bool kInside>
HWY_INLINE void transform_tile(const ConvGeometry& conv, const float* plane, int64_t row,
                               int64_t column, float* to, int64_t point_step) {
  const Tag tag;
  Vector half[kRows + 2][kColumns + 2];
  for (int j = 0; j < kColumns + 2; ++j) {
    Vector x[kRows + 2], at[kRows + 2];
    const float* first = plane + (row * conv.w + column + j) * kLanes;
    const bool reaches = kInside || (column + j >= 0 && column + j < conv.w);
    HWY_UNROLL(6)
    for (int i = 0; i < kRows + 2; ++i) {
      const bool inside = kInside || (reaches && row + i >= 0 && row + i < conv.h);
      x[i] = inside ? hn::LoadU(tag, first + i * conv.w * kLanes) : hn::Zero(tag);
    }
    input_points(x, at);
    HWY_UNROLL(6)
    for (int i = 0; i < kRows + 2; ++i) half[i][j] = at[i];
  }
  for (int i = 0; i < kRows + 2; ++i) {
    Vector at[kColumns + 2];
    input_points(half[i], at);
    HWY_UNROLL(6)
    for (int j = 0; j < kColumns + 2; ++j) {
      hn::StoreU(at[j], tag, to);
      to += point_step;
    }
  }
}

/// Tiles [first, last) of one block of channels.
template <int kRows, int kColumns>
HWY_NOINLINE void transform_input(const Launch& launch, const WinogradGeometry& it, int64_t first,
                                  int64_t last, int64_t c_block, float* to) {
  const ConvGeometry& conv = it.conv;
  to += c_block * it.block_tiles * kLanes;
  for (int64_t tile = first; tile < last; ++tile, to += kLanes) {
    const Position at(it, tile);
    const float* plane =
        launch.input<float>(0) + (at.image * conv.c_blocks + c_block) * conv.h * conv.w * kLanes;
    const int64_t row = at.row - conv.rows.pad, column = at.column - conv.columns.pad;
    const bool inside =
        row >= 0 && column >= 0 && row + kRows + 2 <= conv.h && column + kColumns + 2 <= conv.w;
    if (inside)
      transform_tile<kRows, kColumns, true>(conv, plane, row, column, to, it.input_point);
    else
      transform_tile<kRows, kColumns, false>(conv, plane, row, column, to, it.input_point);
  }
}

/// kTiles rows of one point's product with a group of filters, [c][group].
template <int kTiles>
HWY_NOINLINE void multiply(const WinogradGeometry& it, const float* x, const float* filters,
                           float* to) {
  const Tag tag;
  Vector sums[kTiles][kGroupVectors];
  HWY_UNROLL(14)
  for (int i = 0; i < kTiles; ++i) {
    HWY_UNROLL(2)
    for (int v = 0; v < kGroupVectors; ++v) sums[i][v] = hn::Zero(tag);
  }
  for (int64_t first = 0; first < it.conv.c; first += kLanes) {
    const int64_t channels = HWY_MIN(kLanes, it.conv.c - first);
    for (int64_t c = 0; c < channels; ++c) {
      Vector filter[kGroupVectors];
      HWY_UNROLL(2)
      for (int v = 0; v < kGroupVectors; ++v) filter[v] = hn::LoadU(tag, filters + v * kLanes);
      HWY_UNROLL(14)
      for (int i = 0; i < kTiles; ++i) {
        const Vector value = hn::Set(tag, x[i * kLanes + c]);
        HWY_UNROLL(2)
        for (int v = 0; v < kGroupVectors; ++v)
          sums[i][v] = hn::MulAdd(value, filter[v], sums[i][v]);
      }
      filters += kGroup;
    }
    x += it.block_tiles * kLanes;
  }
  HWY_UNROLL(14)
  for (int i = 0; i < kTiles; ++i) {
    HWY_UNROLL(2)
    for (int v = 0; v < kGroupVectors; ++v)
      hn::StoreU(sums[i][v], tag, to + i * kGroup + v * kLanes);
  }
}

/// All points of `tiles` tiles.
void multiply_points(const WinogradGeometry& it, const float* input, const float* filters,
                     int64_t tiles, float* product) {
  constexpr int64_t kMost = HWY_TARGET == HWY_AVX2 ? 6 : 14;
  for (int64_t point = 0; point < it.points; ++point) {
    const float* x = input + point * it.input_point;
    const float* weight = filters + point * it.conv.c * kGroup;
    float* to = product + point * it.product_point;
    for (int64_t left = tiles; left > 0;) {
      int64_t step = 1;
      if (kMost == 14 && left >= 14 && left != 16) {
        step = 14;
        multiply<kMost == 14 ? 14 : 1>(it, x, weight, to);
      } else if (kMost == 14 && left >= 8) {
        step = 8;
        multiply<kMost == 14 ? 8 : 1>(it, x, weight, to);
      } else if (kMost == 14 && left == 7) {
        step = 7;
        multiply<kMost == 14 ? 7 : 1>(it, x, weight, to);
      } else if (left >= 6 && left != 8) {
        step = 6;
        multiply<6>(it, x, weight, to);
      } else if (left >= 4) {
        step = 4;
        multiply<4>(it, x, weight, to);
      } else if (left >= 2) {
        step = 2;
        multiply<2>(it, x, weight, to);
      } else {
        multiply<1>(it, x, weight, to);
      }
      left -= step;
      x += step * kLanes;
      to += step * kGroup;
    }
  }
}

/// Stores `rows` x `columns` results of one tile and one block of filters:
/// [kRows][kColumns][lanes], the bias added.
template <int kColumns>
HWY_INLINE void store_tile(const Launch& launch, const WinogradGeometry& it, const Position& at,
                           int64_t block, int64_t rows, int64_t columns, const float* results,
                           Tile& tile) {
  const Tag tag;
  const ConvGeometry& conv = it.conv;
  const int64_t row_step = conv.out_w * kLanes;
  float* y = launch.output<float>(0) +
             (((at.image * conv.o_blocks + block) * conv.out_h + at.row) * conv.out_w + at.column) *
                 kLanes;
  const auto mask = hn::FirstN(tag, static_cast<size_t>(tile.lanes));
  for (int64_t i = 0; i < rows; ++i, y += row_step, results += kColumns * kLanes) {
    if (conv.trails) {
      tile.y = y;
      find_trailing(launch, tile, at.image, block, at.row + i, at.column);
      finish_block(tile, results, 0, columns, tile.lanes);
      continue;
    }
    for (int64_t j = 0; j < columns; ++j) {
      const Vector value = bounded(tile, hn::Load(tag, results + j * kLanes));
      hn::StoreU(hn::IfThenElseZero(mask, value), tag, y + j * kLanes);
    }
  }
}

/// The results of tiles [first, last) and one group of filters, from their products.
template <int kRows, int kColumns>
HWY_NOINLINE void transform_products(const Launch& launch, const WinogradGeometry& it,
                                     int64_t first, int64_t last, int64_t group,
                                     const float* products, TileProgram::Workspace* workspace) {
  const Tag tag;
  const ConvGeometry& conv = it.conv;
  HWY_ALIGN float results[kRows * kColumns * kLanes];
  Tile tile{.geometry = &conv,
            .least = conv.epilogue.least(),
            .greatest = conv.epilogue.greatest(),
            .workspace = workspace};
  for (int v = 0; v < kGroupVectors; ++v) {
    const int64_t block = group * kGroupVectors + v;
    if (block >= conv.o_blocks) return;
    tile.lanes = HWY_MIN(kLanes, conv.o - block * kLanes);
    const auto mask = hn::FirstN(tag, static_cast<size_t>(tile.lanes));
    const Vector bias = has_input(*launch.call, 2)
                            ? hn::MaskedLoad(mask, tag, launch.input<float>(2) + block * kLanes)
                            : hn::Zero(tag);
    for (int64_t t = first; t < last; ++t) {
      const float* from = products + (t - first) * kGroup + v * kLanes;
      Vector half[kRows][kColumns + 2];
      for (int j = 0; j < kColumns + 2; ++j) {
        Vector at[kRows + 2], y[kRows];
        HWY_UNROLL(6)
        for (int i = 0; i < kRows + 2; ++i)
          at[i] = hn::LoadU(tag, from + (i * (kColumns + 2) + j) * it.product_point);
        results_of(at, y);
        HWY_UNROLL(4)
        for (int i = 0; i < kRows; ++i) half[i][j] = y[i];
      }
      for (int i = 0; i < kRows; ++i) {
        Vector y[kColumns];
        results_of(half[i], y);
        HWY_UNROLL(4)
        for (int j = 0; j < kColumns; ++j)
          hn::Store(hn::Add(y[j], bias), tag, results + (i * kColumns + j) * kLanes);
      }
      const Position at(it, t);
      store_tile<kColumns>(launch, it, at, block, HWY_MIN(kRows, conv.out_h - at.row),
                           HWY_MIN(kColumns, conv.out_w - at.column), results, tile);
    }
  }
}

/// One block of tiles and one group of filters.
template <int kRows, int kColumns>
void run_group(const Launch& launch, const WinogradGeometry& it, int64_t first, int64_t last,
               int64_t group, const float* input, float* products,
               TileProgram::Workspace* workspace) {
  const float* filters = launch.input<float>(1) + group * it.points * it.conv.c * kGroup;
  multiply_points(it, input, filters, last - first, products);
  transform_products<kRows, kColumns>(launch, it, first, last, group, products, workspace);
}

template <int kRows, int kColumns>
void run_tiles(const Launch& launch, const WinogradGeometry& it) {
  float* const scratch = static_cast<float*>(launch.scratch);
  const auto threads = static_cast<int>(HWY_MIN(launch.state->threads, it.slots));
  Slots slots(it.slots);
  if (it.shares_input) {
    for (int64_t block = 0; block < it.blocks; ++block) {
      const int64_t first = block * it.block_tiles;
      const int64_t last = HWY_MIN(it.tiles, first + it.block_tiles);
      base::parallel_for(threads, it.conv.c_blocks, [&](int64_t c_block) {
        transform_input<kRows, kColumns>(launch, it, first, last, c_block, scratch);
      });
      base::parallel_for(threads, it.groups, [&](int64_t group) {
        TileProgram::Workspace workspace;
        it.conv.epilogue.start(workspace);
        const int64_t slot = slots.take();
        run_group<kRows, kColumns>(launch, it, first, last, group, scratch,
                                   scratch + it.input_floats + slot * it.product_floats,
                                   &workspace);
        slots.give(slot);
      });
    }
    return;
  }
  base::parallel_for(threads, it.blocks, [&](int64_t block) {
    const int64_t first = block * it.block_tiles;
    const int64_t last = HWY_MIN(it.tiles, first + it.block_tiles);
    TileProgram::Workspace workspace;
    it.conv.epilogue.start(workspace);
    const int64_t slot = slots.take();
    float* const input = scratch + slot * (it.input_floats + it.product_floats);
    for (int64_t c_block = 0; c_block < it.conv.c_blocks; ++c_block)
      transform_input<kRows, kColumns>(launch, it, first, last, c_block, input);
    for (int64_t group = 0; group < it.groups; ++group)
      run_group<kRows, kColumns>(launch, it, first, last, group, input, input + it.input_floats,
                                 &workspace);
    slots.give(slot);
  });
}

void run_winograd(const Launch& launch) noexcept {
  const auto& it = prepared<WinogradGeometry>(launch);
  if (it.tile_h == 2) return run_tiles<2, 2>(launch, it);
  if (it.tile_w == 2) return run_tiles<4, 2>(launch, it);
  run_tiles<4, 4>(launch, it);
}

/// One block of filters, for all channels; beyond `filters`, which may be none, are zeros: reads 3
/// x 3 taps of each filter by gathers, and writes whole vectors past the caches, for a refit writes
/// far more than they hold.
template <int kRows, int kColumns>
HWY_NOINLINE void transform_filters(const float* from, int64_t filters, int64_t channels,
                                    int64_t block, float* to) {
  const Tag tag;
  const hn::RebindToSigned<Tag> index_tag;
  const auto mask = hn::FirstN(tag, static_cast<size_t>(filters));
  HWY_ALIGN int32_t steps[kLanes];
  for (int64_t i = 0; i < kLanes; ++i)
    steps[i] = static_cast<int32_t>(HWY_MAX(HWY_MIN(i, filters - 1), 0) * channels * 9);
  const auto index = hn::Load(index_tag, steps);
  for (int64_t c = 0; c < channels; ++c, from += 9, to += block) {
    Vector half[kRows + 2][3];
    for (int j = 0; j < 3; ++j) {
      Vector w[3], at[kRows + 2];
      HWY_UNROLL(3)
      for (int i = 0; i < 3; ++i)
        w[i] = hn::IfThenElseZero(mask, hn::GatherIndex(tag, from + i * 3 + j, index));
      filter_points(w, at);
      HWY_UNROLL(6)
      for (int i = 0; i < kRows + 2; ++i) half[i][j] = at[i];
    }
    float* out = to;
    for (int i = 0; i < kRows + 2; ++i) {
      Vector at[kColumns + 2];
      filter_points(half[i], at);
      HWY_UNROLL(6)
      for (int j = 0; j < kColumns + 2; ++j) {
        hn::Stream(at[j], tag, out);
        out += channels * block;
      }
    }
  }
}

void run_filters(const Launch& launch) noexcept {
  const auto& op = launch.call->as<ir::WinogradFilter>();
  const auto& dims = launch.call->inputs[0].dims;
  const int64_t o = dims[0], c = dims[1];
  const int64_t points = (op.rows + 2) * (op.columns + 2);
  const int64_t padded = (o + op.block - 1) / op.block * op.block;
  base::parallel_for(launch.state->threads, padded / kLanes, [&](int64_t unit) {
    const int64_t first = unit * kLanes;
    const float* from = launch.input<float>(0) + HWY_MIN(first, o - 1) * c * 9;
    const int64_t filters = HWY_MAX(HWY_MIN(kLanes, o - first), 0);
    float* to =
        launch.output<float>(0) + first / op.block * points * c * op.block + first % op.block;
    if (op.rows == 2)
      transform_filters<2, 2>(from, filters, c, op.block, to);
    else if (op.columns == 2)
      transform_filters<4, 2>(from, filters, c, op.block, to);
    else
      transform_filters<4, 4>(from, filters, c, op.block, to);
    hwy::FlushStream();  // before another thread reads
  });
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS

#if HWY_ONCE
namespace tenon::cpu {

namespace {

constexpr int64_t kLeastChannels = 16, kLeastExtent = 4;

template <class Unit>
constexpr int64_t kGroupOf = 2 * Unit::lanes;

template <class Unit>
const char* reject_winograd(const Call& call) {
  if (const char* reason = refuse_unit_and_dtype<Unit>(call)) return reason;
  const auto& conv = call.as<ir::Conv>();
  const auto& w = plain_filter(call).dims;
  const auto& y = call.outputs[0].dims;
  if (w.size() != 4 || w[2] != 3 || w[3] != 3 || conv.groups != 1)
    return "it takes 3 x 3 taps, ungrouped, only";
  const auto is_one = [](int64_t step) { return step == 1; };
  if (!std::all_of(conv.strides.begin(), conv.strides.end(), is_one) ||
      !std::all_of(conv.dilations.begin(), conv.dilations.end(), is_one))
    return "it takes neither strides nor dilations";
  if (!call.inputs[1].weight) return "the filter is not a weight, so it cannot be transformed";
  if (w[0] < kLeastChannels || w[1] < kLeastChannels) return "too few channels to pay";
  if (y[2] < kLeastExtent || y[3] < kLeastExtent) return "the map is smaller than a tile";
  for (auto i = static_cast<size_t>(ir::first_epilogue_operand); i < call.inputs.size(); ++i) {
    if (call.inputs[i].dims.size() != 4 && call.inputs[i].elements() != 1)
      return "operands of the epilogue have the result's rank or one element";
  }
  return refuse_epilogue(call);
}

template <class Unit>
kernel::Layouts winograd_layouts(const Call& call) {
  const ir::Layout blocked{.splits = {{1, Unit::lanes}}};
  std::vector<ir::Layout> inputs(call.inputs.size());
  inputs[0] = blocked;
  for (auto i = static_cast<size_t>(ir::first_epilogue_operand); i < inputs.size(); ++i) {
    if (call.inputs[i].dims.size() == 4) inputs[i] = blocked;
  }
  return {.inputs = inputs, .outputs = {blocked}};
}

// Great tiles do the least arithmetic, but on small maps they read four times the filter's bytes
// for few results each.
std::vector<kernel::Tactic> winograd_tactics(const Call& call, kernel::Backend&) {
  const auto& y = call.outputs[0].dims;
  if (y[2] >= 12 && y[3] >= 12) return {{"4x4"}, {"2x2"}};
  return {{"4x2"}, {"2x2"}};
}

template <class Unit>
ir::Graph pack_winograd(const Call& call) {
  const auto& dims = call.inputs[1].dims;
  ir::GraphBuilder graph;
  const auto w = graph.input("1", ir::ValueType(DType::f32, ir::Dims(dims.begin(), dims.end())));
  const ir::WinogradFilter filter{call.tactic[0] - '0', call.tactic[2] - '0', kGroupOf<Unit>};
  graph.output("1", graph.add(filter, {w}));
  return graph.finish();
}

template <class Unit>
kernel::Prepared prepare_winograd(const Call& call, kernel::Backend&) {
  auto made = std::make_shared<const WinogradGeometry>(make_winograd_geometry(
      call, {.conv = {.lanes = Unit::lanes, .functions = vector_functions<Unit>},
             .group = kGroupOf<Unit>,
             .block_tiles = Unit::lanes == 16 ? 28 : 24}));
  return {made, made->scratch()};
}

template <class Unit>
Kernel winograd(std::string_view name, void (*run)(const Launch&) noexcept) {
  return {.name = name,
          .reject = reject_winograd<Unit>,
          .layouts = winograd_layouts<Unit>,
          .tactics = winograd_tactics,
          .pack = pack_winograd<Unit>,
          .prepare = prepare_winograd<Unit>,
          .run = run,
          .in_place = kernel::every_operand << ir::first_epilogue_operand};
}

// Offsets of gathers are of 32 bits.
template <class Unit>
const char* reject_filters(const Call& call) {
  if (const char* reason = refuse_unit_and_dtype<Unit>(call)) return reason;
  if (call.as<ir::WinogradFilter>().block % Unit::lanes != 0) return "blocks are whole vectors";
  const auto& w = call.inputs[0].dims;
  return w[0] == 0 || w[1] > INT32_MAX / 9 / Unit::lanes ? "no filters, or too many channels"
                                                         : nullptr;
}

template <class Unit>
Kernel filters(std::string_view name, void (*run)(const Launch&) noexcept) {
  return {.name = name, .reject = reject_filters<Unit>, .run = run};
}

}  // namespace

std::vector<Kernel> vector_winograd_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    winograd<Avx3>("cpu.conv.winograd.avx3", N_AVX3::run_winograd),
#endif
#if HWY_TARGETS & HWY_AVX2
        winograd<Avx2>("cpu.conv.winograd.avx2", N_AVX2::run_winograd),
#endif
  };
}

std::vector<Kernel> vector_winograd_filter_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    filters<Avx3>("cpu.winograd_filter.avx3", N_AVX3::run_filters),
#endif
#if HWY_TARGETS & HWY_AVX2
        filters<Avx2>("cpu.winograd_filter.avx2", N_AVX2::run_filters),
#endif
  };
}

}  // namespace tenon::cpu
#endif  // HWY_ONCE
