// Whether a value of a graph is made row by row from leaves.
#pragma once

#include <map>
#include <optional>

#include "ir/graph.h"

namespace tenon::lower {

/// What the rows (axis 0) of one value need.
struct RowCut {
  std::map<ir::ValueId, bool> cut;  ///< by value: the same rows of it, or all of a leaf
  int64_t rows = 0;
  int64_t unit = 1;      ///< rows that cannot be parted: blocks of the layouts
  size_t row_bytes = 0;  ///< of the widest value

  /// A node where row i of the result needs row i of an operand; false for all of an operand.
  static bool cuts(const ir::Graph& graph, const ir::Node& node, ir::ValueId operand);
};

/// Nothing where some node mixes rows, computes what all rows need, or lays rows apart.
std::optional<RowCut> row_cut(const ir::Graph& graph, ir::ValueId target);

}  // namespace tenon::lower
