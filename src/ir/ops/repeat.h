// Tensors whose elements repeat.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// The input repeated along its axes of extent 1, and along axes before them, as NumPy's
/// broadcast_to.
struct Expand {
  Dims dims;

  static constexpr OpInfo info{.name = "expand", .enlarges = true, .moves = true};
  static constexpr auto fields() { return std::tuple{Field{"dims", &Expand::dims}}; }
  std::vector<Value> infer(Infer& in) const;
};

/// The input laid side by side `repeats[axis]` times along each axis, as NumPy's tile.
struct Tile {
  Dims repeats;

  static constexpr OpInfo info{.name = "tile", .enlarges = true, .moves = true};
  static constexpr auto fields() { return std::tuple{Field{"repeats", &Tile::repeats}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
