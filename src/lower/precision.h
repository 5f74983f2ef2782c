// A program whose f32 tensors are computed in less.
#pragma once

#include "ir/program.h"
#include "kernel/precision.h"

namespace tenon::lower {

/// The same inputs and outputs, of the same types; between them what keeps its meaning in 16 bits
/// is narrow, weights among it, and the rest is f32 (squares, powers, sums, and whatever is not
/// known here). With tf32 no type changes: products are marked.
ir::Program at_precision(const ir::Program& program, kernel::Precision precision);

}  // namespace tenon::lower
