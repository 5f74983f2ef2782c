// The same tensor in another layout.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// Copies into `layout`, padding lanes zero. The only op that changes a layout; put in by lowering.
struct Reorder {
  Layout layout;

  static constexpr OpInfo info{.name = "reorder", .row_wise = true, .moves = true};
  static constexpr auto fields() { return std::tuple{Field{"layout", &Reorder::layout}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
