// Weights of less than 8 bits, as callers have them.
#pragma once

#include <optional>

#include "runtime/engine_impl.h"

namespace tenon::runtime {

/// What stands for a weight of 6, 4 or 2 bits: its codes for integers of 8 bits within its range,
/// or for its packed bytes (a vector of u8, the first element in the lowest bits). Nothing where it
/// has the leaf's type already, or another that the check refuses; a number outside the range is a
/// refusal.
std::optional<Given> narrowed(const ir::Leaf& leaf, const Given& given);

}  // namespace tenon::runtime
