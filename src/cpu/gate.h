// Products of a value and a gate that it opens: SiLU, GELU, hard-swish and their kin.
#pragma once

#include <optional>
#include <vector>

#include "ir/scalar.h"

namespace tenon::cpu {

/// factor · x · g(scale · x + offset), where g is the logistic function, 1 + erf, or the argument
/// between two bounds.
struct Gate {
  enum class Kind { sigmoid, one_plus_erf, bounds };

  Kind kind = Kind::sigmoid;
  double factor = 1, scale = 1, offset = 0, least = 0, greatest = 0;
  int16_t x = 0;  ///< the instruction that makes it
};

/// The same as loops read it.
struct GateNumbers {
  float factor, scale, offset, least, greatest;
};
GateNumbers numbers_of(const Gate& gate);

/// The gate that an instruction is, if it is one.
std::optional<Gate> gate_at(const std::vector<ir::Expression::Instruction>& code, size_t at);

}  // namespace tenon::cpu
