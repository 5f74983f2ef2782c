// A scalar expression as loops over tiles.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "cpu/scalar_functions.h"

namespace tenon::cpu {

/// Where a program reads an operand for a tile of rows: elements from one row, one column to the
/// next.
struct TileInput {
  const std::byte* from = nullptr;
  int64_t row_step = 0, step = 1;
};

/// An expression made ready for operands of these dtypes. Immutable.
class TileProgram {
 public:
  /// `dense`: bit i: what is read of operand i is one dense piece, and no tile of it is made.
  TileProgram(const ir::Expression& expression, std::span<const DType> operands, uint32_t dense,
              TileFunctions functions = {});

  static constexpr int64_t most_elements = 256;
  /// Elements of a tile, from 8 to most_elements.
  int64_t tile() const { return tile_; }
  size_t steps() const { return steps_.size(); }
  DType dtype() const { return steps_.back().dtype; }
  size_t operands() const { return operands_.size(); }
  DType operand_dtype(size_t i) const { return operands_[i]; }

  static constexpr int64_t tile_bytes = 32 * 1024;
  static constexpr size_t most_steps = 512;
  /// Scratch of one thread.
  struct Workspace {
    alignas(64) std::byte tiles[tile_bytes];
    const void* values[most_steps];
    /// What the tiles of operands hold that are repeated, by step.
    struct Loaded {
      const std::byte* from;
      int64_t step, columns, count;
    } loaded[most_steps];
    bool by_zero = false;  ///< an integer was divided by zero
  };
  /// Once for each workspace.
  void start(Workspace& workspace) const noexcept;
  /// rows * columns elements, at most tile(), to `out`, which is dense and may be the memory of a
  /// dense operand.
  void run(Workspace& workspace, const TileInput* inputs, std::byte* out, int64_t rows,
           int64_t columns) const noexcept;

 private:
  /// One instruction: where its arguments and its value are. A place below 0 is nowhere.
  struct Step {
    ir::Scalar op = ir::Scalar::input;
    DType dtype = DType::f32;  // of the value, as stored
    TileFunction function = nullptr;
    int args[3] = {-1, -1, -1};  // steps
    int slot = -1;               // tile that holds the value; -1: it is read or written in place
    int input = -1;
    double literal = 0;
    GateNumbers gate{};

    bool is_literal() const { return op == ir::Scalar::literal && args[0] < 0; }
  };

  void make_steps(const ir::Expression& expression, TileFunctions functions);
  void complete(Step& step, const ir::Expression::Instruction& instruction,
                const std::vector<int>& places, FunctionOf* function);
  void load(Workspace& workspace, size_t step, const TileInput& input, int64_t rows,
            int64_t columns) const noexcept;
  void place_values(uint32_t dense);

  std::vector<DType> operands_;
  std::vector<Step> steps_;
  int64_t tile_ = 0;
};

}  // namespace tenon::cpu
