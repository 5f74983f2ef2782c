// Filters of 3 x 3 taps as Winograd's minimal filtering multiplies them.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// [o, c, 3, 3] -> [o, c, rows + 2, columns + 2], blocks of `block` filters innermost
/// (physically [o / block, rows + 2, columns + 2, c, block], padding zero), for tiles of
/// rows x columns results, each 2 or 4. Part of a pack; put in by lowering.
///
/// G w Gᵀ of Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2015), with the
/// points 0, ±1, ∞ for 2 results and 0, ±1, ±2, ∞ for 4.
struct WinogradFilter {
  int64_t rows = 4, columns = 4;
  int64_t block = 1;

  static constexpr OpInfo info{.name = "winograd_filter", .row_wise = true};
  static constexpr auto fields() {
    return std::tuple{Field{"rows", &WinogradFilter::rows},
                      Field{"columns", &WinogradFilter::columns},
                      Field{"block", &WinogradFilter::block}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
