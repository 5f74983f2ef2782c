// Geometry of Winograd convolutions, and how they are cut into blocks.
#include "cpu/vector/winograd_geometry.h"

#include <algorithm>

#include "ir/ops/conv.h"

namespace tenon::cpu {

namespace {

constexpr int64_t kLine = 16;  // floats of a cache line

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// One line more than a power of two: points do not share a set of the cache.
int64_t apart(int64_t floats) { return ceil_div(floats, kLine) * kLine + kLine; }

}  // namespace

WinogradGeometry make_winograd_geometry(const Call& call, const WinogradTiling& tiling) {
  WinogradGeometry it{.conv = make_conv_geometry(call, tiling.conv)};
  it.tile_h = call.tactic[0] - '0';
  it.tile_w = call.tactic[2] - '0';
  it.points = (it.tile_h + 2) * (it.tile_w + 2);
  it.tiles_h = ceil_div(it.conv.out_h, it.tile_h);
  it.tiles_w = ceil_div(it.conv.out_w, it.tile_w);
  it.tiles = it.conv.n * it.tiles_h * it.tiles_w;
  // Small maps in one block, so that filters are read once; else blocks that the second cache
  // holds with their products.
  const int64_t block =
      it.tiles >= 16 * tiling.block_tiles ? tiling.block_tiles : tiling.block_tiles / 2;
  it.block_tiles = it.tiles <= 2 * tiling.block_tiles ? it.tiles : block;
  it.blocks = ceil_div(it.tiles, std::max<int64_t>(it.block_tiles, 1));
  it.group = tiling.group;
  it.groups = ceil_div(it.conv.o, it.group);
  it.input_point = apart(it.conv.c_blocks * it.block_tiles * tiling.conv.lanes);
  it.input_floats = it.points * it.input_point;
  it.product_point = apart(it.block_tiles * it.group);
  it.product_floats = it.points * it.product_point;
  it.shares_input = it.blocks < 4;
  it.slots = std::min(Slots::most, it.shares_input ? it.groups : it.blocks);
  return it;
}

size_t WinogradGeometry::scratch() const {
  const int64_t inputs = shares_input ? 1 : slots;
  return static_cast<size_t>(inputs * input_floats + slots * product_floats) * sizeof(float);
}

}  // namespace tenon::cpu
