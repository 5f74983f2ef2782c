// Loops over tiles, one for each function of ir/scalar.h and element type.
#pragma once

#include <cstdint>

#include "cpu/gate.h"
#include "ir/scalar.h"

namespace tenon::cpu {

/// What a loop works on: dense tiles that do not overlap, in the type they are computed in (f32 for
/// f16 and bf16, one byte for bool).
struct Tile {
  void* out;
  const void* a;
  const void* b;
  const void* c;
  int64_t count;
  bool* divided_by_zero;  ///< set by integer division
};

using TileFunction = void (*)(const Tile&) noexcept;

/// The loop for `op` on arguments of `dtype` (for where: of its branches), or nullptr where they do
/// not go together.
TileFunction tile_function(ir::Scalar op, DType dtype) noexcept;
using FunctionOf = TileFunction(ir::Scalar op, DType dtype) noexcept;
/// The loop over a gate of f32: `a` is x, `c` a GateNumbers.
using GateFunctionOf = TileFunction(Gate::Kind kind) noexcept;

/// Where a program has its loops from; those of gates may be missing.
struct TileFunctions {
  FunctionOf* of = tile_function;
  GateFunctionOf* gate = nullptr;
};

/// pow of a `dtype` to an exponent that is f64 by now, for exponents of another dtype.
TileFunction pow_of_f64(DType dtype) noexcept;

/// The dtype that values of `dtype` are computed in.
inline DType compute_dtype(DType dtype) noexcept {
  return dtype == DType::f16 || dtype == DType::bf16 ? DType::f32 : dtype;
}

/// Moves between memory and tiles; `step` in elements.
struct Mover {
  void (*load)(const void* from, int64_t step, void* tile, int64_t count) noexcept;
  void (*store)(const void* tile, void* to, int64_t count) noexcept;
  void (*fill)(double value, void* tile, int64_t count) noexcept;
  void (*to_f64)(const void* tile, void* out, int64_t count) noexcept;
};

const Mover& mover(DType dtype) noexcept;

}  // namespace tenon::cpu
