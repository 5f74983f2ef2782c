// Runs a scalar expression over tensors, tile by tile.
#pragma once

#include "cpu/tile_program.h"
#include "cpu/walk.h"
#include "kernel/kernel.h"

namespace tenon::cpu {

/// Strides of an operand along the physical dims of a result to which it is broadcast: 0 where it
/// repeats. The layout is the result's; an operand of another rank than that of a result that is
/// not plain has one element.
Strides operand_strides(const kernel::Operand& operand, const kernel::Operand& result);

/// An expression made ready for one call. Immutable. The result's layout is that of all operands of
/// its rank; others have one element where it is not plain. Padding lanes get what the expression
/// makes of them.
class Interpreter {
 public:
  explicit Interpreter(const kernel::Call& call, TileFunctions functions = {});

  /// Computes all elements, by the launch's threads. Allocates nothing.
  void run(const kernel::Launch& launch) const noexcept;

 private:
  void run_range(const kernel::Launch& launch, int64_t begin, int64_t end) const noexcept;
  void run_rows(const kernel::Launch& launch, int64_t begin, int64_t end,
                TileProgram::Workspace& workspace) const noexcept;
  void run_planes(const kernel::Launch& launch, int64_t begin, int64_t end,
                  TileProgram::Workspace& workspace) const noexcept;
  std::byte* place(const kernel::Launch& launch, const int64_t* offsets, int64_t element,
                   TileInput* inputs) const noexcept;

  Walk walk_;            // the output, then the inputs
  bool stacks_ = false;  // rows are short and follow one another: a tile has several
  TileProgram program_;
  int64_t rows_per_tile_ = 1;
  int64_t tiles_ = 0;  // of a row, or of a plane of stacked rows
};

}  // namespace tenon::cpu
