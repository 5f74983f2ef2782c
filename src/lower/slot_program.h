// How each slot of a lowered main graph is made from leaves, whole or by tiles of rows.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lower/low_rank.h"

namespace tenon::lower {

/// Leaves -> one output, at fixed extents; no nodes where the output's bytes are the leaf's own.
struct SlotCode {
  Executable executable;  ///< its inputs are the leaves, in order, named by number
  std::shared_ptr<const Signature> signature;
  size_t bytes = 0;  ///< of the output
};

/// How a slot is made of its rows (axis 0), a tile at a time: row i needs row i of the leaves that
/// are cut, and all of the others. A tile's bytes follow those of the tile before.
struct RowTiles {
  static constexpr size_t bytes = size_t{512} << 10;  ///< of a tile, about: it stays in the cache

  std::vector<bool> cut;                 ///< by leaf
  int64_t rows = 0;                      ///< of the slot
  int64_t tile = 0;                      ///< rows of every tile but the last
  std::shared_ptr<const SlotCode> code;  ///< of a tile
  std::shared_ptr<const SlotCode> last;  ///< of what is left
};

/// How one slot of the main graph is made from leaves.
struct SlotProgram {
  std::string name;                      ///< the slot's name in `main`
  ir::ValueType type;                    ///< as the main graph reads it, packed
  std::vector<std::string> leaves;       ///< the leaves it needs, in the order of the code's inputs
  std::shared_ptr<const SlotCode> code;  ///< slots that are made in one way have the same
  std::optional<RowTiles> tiles;         ///< of a large slot that is made row by row

  /// The slot's bytes are the leaf's own: they may be shared.
  bool is_source() const { return code->executable.graph.nodes().empty(); }
};

/// `slot "0", f32[3, 4] made of "a", "b"`, for an error.
std::string describe(const SlotProgram& slot);

/// Cuts slots out of a weights graph: each node run by the first kernel that accepts. Refers to the
/// graph and the backend. With terms, weights are read as sums.
class SlotPrograms {
 public:
  SlotPrograms(const ir::Graph& weights, kernel::Backend& backend, LowRanks terms = {});
  /// The output of that name.
  SlotProgram of(const std::string& slot);
  /// A weight with its terms, plain, under its own name.
  SlotProgram sum(const std::string& weight);

 private:
  class Extraction;
  SlotProgram program(const std::string& name, ir::ValueId value);
  bool is_sum(ir::ValueId leaf) const;
  std::shared_ptr<const SlotCode> code(Executable executable);
  std::optional<RowTiles> tiles(ir::ValueId target, const SlotProgram& whole);

  const ir::Graph& weights_;
  kernel::Backend& backend_;
  LowRanks terms_;
  std::map<std::string, ir::ValueId> outputs_;
  std::map<std::string, std::shared_ptr<const SlotCode>> codes_;  // by text
};

}  // namespace tenon::lower
