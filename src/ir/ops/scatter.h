// Rows of a tensor, replaced by index.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

enum class ScatterKind { replace, add, mul, max, min };

/// Operand 0, but the slices along axis 0 that operand 1 (i64) names are replaced by those of
/// operand 2, or combined with them; one named twice in turn, the last replacement stays. Operand 2
/// has the axes of operand 1, then those of a slice. An index outside is a data error.
struct Scatter {
  ScatterKind kind = ScatterKind::replace;

  static constexpr OpInfo info{.name = "scatter", .min_inputs = 3, .max_inputs = 3, .moves = true};
  static constexpr auto fields() { return std::tuple{Field{"kind", &Scatter::kind}}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
