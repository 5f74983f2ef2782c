// Inputs for a run: of a file, or seeded random ones.
#pragma once

#include "options.h"
#include "tenon/context.h"

namespace tenon::cli {

using Arrays = std::map<std::string, Tensor>;

/// Random inputs: floats from 0 to 1, integers and bools 0 or 1 (so that indices are in range). The
/// same on every machine. A varying extent is its typical value in `shapes`, else 1.
Arrays random_inputs(const Engine& engine, const Shapes& shapes, uint64_t seed);

/// The extents of an input: a varying one is its typical value in `shapes`, else 1.
Shape shape_of(const Port& port, const Shapes& shapes);

std::map<std::string, TensorView> views(const Arrays& arrays);

}  // namespace tenon::cli
