// Inputs out of files.
#pragma once

#include "inputs.h"

namespace tenon::cli {

/// Each text is a file of arrays by name (.npz, .safetensors), or "NAME=FILE" for one input; NAME
/// may be left out where the network has one input. FILE is an .npy, an image (PNG, PPM, PGM), or
/// raw little-endian bytes (.raw, .bin) that fill the input, whose varying extents `shapes` tells.
Arrays read_inputs(const Engine& engine, const Shapes& shapes,
                   const std::vector<std::string>& texts);

}  // namespace tenon::cli
