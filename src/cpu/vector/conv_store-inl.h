// How the kernels of convolutions store pixels: bias, bounds, epilogues. Included once for each
// vector unit.
#if defined(TENON_CONV_STORE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_CONV_STORE_INL
#undef TENON_CONV_STORE_INL
#else
#define TENON_CONV_STORE_INL
#endif

#include "cpu/vector/conv_geometry.h"
#include "hwy/highway.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

namespace hn = hwy::HWY_NAMESPACE;
using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;
constexpr int64_t kLanes = hn::MaxLanes(Tag());

/// Where one tile reads and writes.
struct Tile {
  const ConvGeometry* geometry;
  const float* x;       // the first pixel's first tap
  const float* weight;  // of the first block of output channels
  float* y;
  const float* bias;  // or null
  int64_t lanes;      // of the last block that are channels
  float least, greatest;
  // Taps of the kernel that meet the input: the others see padding only.
  int64_t first_row, last_row, first_column, last_column;
  int64_t skip;  // the first pixels, which the tile before this one has stored
  // Where the epilogue is more than bounds: its operands, and the scratch.
  TileInput trailing[ir::most_epilogue_operands];
  TileProgram::Workspace* workspace;
};

// Operands in this order let a NaN in the value pass on x86.
HWY_INLINE Vector bounded(const Tile& t, Vector value) {
  const Tag tag;
  return hn::Min(hn::Set(tag, t.greatest), hn::Max(hn::Set(tag, t.least), value));
}

// From sums, dense by block, to the result: what lies in other tiles is left alone, for the result
// may lie on an operand.
HWY_NOINLINE void finish_block(const Tile& t, const float* sums, int block, int64_t pixels,
                               int64_t lanes) {
  const Tag tag;
  const ConvGeometry& geometry = *t.geometry;
  const auto mask = hn::FirstN(tag, static_cast<size_t>(lanes));
  const int64_t count = pixels - t.skip;
  float* y = t.y + block * geometry.out_h * geometry.out_w * kLanes + t.skip * kLanes;
  TileInput inputs[1 + ir::most_epilogue_operands];
  inputs[0] = {reinterpret_cast<const std::byte*>(sums + t.skip * kLanes), kLanes, 1};
  for (int i = 0; i < geometry.trailing_operands; ++i) {
    const ConvGeometry::Trailing& operand = geometry.trailing[i];
    inputs[1 + i] = t.trailing[i];
    inputs[1 + i].from += (block * operand.block + t.skip * operand.pixel) * operand.bytes;
  }
  if (!geometry.epilogue.adds()) {
    if (geometry.epilogue.opens())
      geometry.epilogue.open(sums + t.skip * kLanes, y, count * kLanes);
    else
      geometry.epilogue.run(*t.workspace, inputs, y, kLanes, count, kLanes);
    if (lanes == kLanes) return;
    for (int64_t i = 0; i < count; ++i)
      hn::StoreU(hn::IfThenElseZero(mask, hn::LoadU(tag, y + i * kLanes)), tag, y + i * kLanes);
    return;
  }
  const float* sum = sums + t.skip * kLanes;
  const float* residual = reinterpret_cast<const float*>(inputs[1].from);
  for (int64_t i = 0; i < count * kLanes; i += kLanes) {
    const Vector value = hn::Add(hn::LoadU(tag, sum + i), hn::LoadU(tag, residual + i));
    hn::StoreU(hn::IfThenElseZero(mask, bounded(t, value)), tag, y + i);
  }
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

/// Where operands of the epilogue stand for the tile's first pixel.
void find_trailing(const Launch& launch, Tile& tile, int64_t n, int64_t block, int64_t row,
                   int64_t column) {
  for (int i = 0; i < tile.geometry->trailing_operands; ++i) {
    const ConvGeometry::Trailing& operand = tile.geometry->trailing[i];
    const int64_t at =
        n * operand.image + block * operand.block + row * operand.row + column * operand.pixel;
    tile.trailing[i] = {
        launch.input<std::byte>(static_cast<size_t>(ir::first_epilogue_operand + i)) +
            at * operand.bytes,
        operand.pixel, operand.lane};
  }
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS
#endif  // TENON_CONV_STORE_INL
