// Extents and strides of a direct convolution over two spatial axes.
#pragma once

#include "cpu/kernels.h"
#include "cpu/vector/epilogue.h"

namespace tenon::cpu {

/// The tactics: how many blocks of output channels a register tile has.
inline constexpr std::string_view conv_blocks[] = {"", "one block", "two blocks", "",
                                                   "four blocks"};

/// x is [n, c / block, h, w, block], in the scratch with its padding where it has any; the weight
/// [o / lanes, filter_c, taps, lanes]; the result [n, o / lanes, out_h, out_w, lanes]. Strides are
/// in elements.
struct ConvGeometry {
  /// An operand of the epilogue: strides along the result, in elements of so many bytes.
  struct Trailing {
    int64_t bytes = 0;
    int64_t image = 0, block = 0, row = 0, pixel = 0, lane = 0;
  };

  /// Along one spatial axis.
  struct Axis {
    int64_t in = 1, kernel = 1, stride = 1, dilation = 1, pad = 0;
  };

  Epilogue epilogue;
  Axis rows, columns;
  bool trails = false;  ///< the epilogue is more than bounds
  int trailing_operands = 0;
  Trailing trailing[ir::most_epilogue_operands];
  bool depthwise = false;  ///< each channel has a filter of its own
  int64_t n = 0, c = 0, o = 0;
  int64_t filter_c = 0;  ///< channels that a filter sees
  int64_t block = 1, c_blocks = 0, o_blocks = 0;
  int64_t h = 0, w = 0, out_h = 0, out_w = 0, kernel_h = 1, kernel_w = 1;
  bool meets_edges = false;  ///< some windows see padding: their taps there are left out
  /// Tiles of several pixels read beyond the edges of a row: the scratch holds x with zeros left
  /// and right of its rows. Depthwise tiles do not.
  bool padded = false;
  int64_t padded_w = 0, pad_left = 0;
  int64_t x_row = 0, x_block = 0, x_image = 0;  ///< of what the tiles read
  int64_t origin =
      0;  ///< from its first element to the first tap of the first pixel; may be below 0
  int64_t row_step = 0, pixel_step = 0;  ///< from one output row, output pixel to the next
  int64_t tap_row = 0, tap = 0;          ///< from one tap to the next
  int64_t tile = 1;                      ///< output pixels that a tile computes at once
  int64_t vectors = 1;                   ///< blocks of output channels that it computes at once
  int64_t tiles_per_row = 0, tiles_per_unit = 1;
};

/// How a vector unit cuts its work: the register tile's greatest extent in pixels, by blocks of
/// channels.
struct ConvTiling {
  int lanes = 8;
  TileFunctions functions = {};
  int64_t most_pixels[5] = {0, 14, 14, 7, 7};  ///< by `vectors`
};

/// The filter before any pack(): [o, c / groups, taps…].
const kernel::Operand& plain_filter(const Call& call);

ConvGeometry make_conv_geometry(const Call& call, const ConvTiling& tiling);

/// Bytes for x with its padding; none where there is no padding.
size_t conv_scratch(const ConvGeometry& geometry);

}  // namespace tenon::cpu
