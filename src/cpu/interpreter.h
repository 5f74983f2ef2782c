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
  explicit Interpreter(const kernel::Call& call, FunctionOf* function = tile_function);

  /// Computes all elements, by the launch's threads. Allocates nothing.
  void run(const kernel::Launch& launch) const noexcept;

 private:
  void run_range(const kernel::Launch& launch, int64_t begin, int64_t end) const noexcept;

  Walk walk_;  // the output, then the inputs
  TileProgram program_;
  int64_t tiles_per_row_ = 0;
};

}  // namespace tenon::cpu
