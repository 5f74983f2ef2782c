// Extents and strides of a convolution by Winograd's minimal filtering.
#pragma once

#include "cpu/slots.h"
#include "cpu/vector/conv_geometry.h"

namespace tenon::cpu {

/// Tiles of the input, transformed: [point][c / lanes][tile][lanes], for a block of tiles; their
/// products with a group of filters: [point][tile][group]. Strides are in elements.
struct WinogradGeometry {
  ConvGeometry conv;               ///< what both kinds of convolution know; nothing is padded
  int64_t tile_h = 4, tile_w = 4;  ///< results of a tile
  int64_t points = 36;
  int64_t tiles_h = 0, tiles_w = 0;  ///< of an image
  int64_t tiles = 0;                 ///< of all images
  int64_t block_tiles = 0, blocks = 0;
  int64_t group = 0, groups = 0;  ///< filters that one product makes, and how many products
  int64_t input_point = 0, input_floats = 0;
  int64_t product_point = 0, product_floats = 0;
  /// Few blocks: threads share one's input and part its filters. Else each takes blocks.
  bool shares_input = false;
  int64_t slots = 0;  ///< of scratch: as many threads may work at once

  size_t scratch() const;
};

/// How a vector unit cuts its products: rows that a register tile may have, greatest first.
struct WinogradTiling {
  ConvTiling conv;
  int64_t group = 32;
  int64_t block_tiles = 28;
};

WinogradGeometry make_winograd_geometry(const Call& call, const WinogradTiling& tiling);

}  // namespace tenon::cpu
