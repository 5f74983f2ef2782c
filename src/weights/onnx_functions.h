// Functions of a model's own.
#pragma once

#include <string>

#include "weights/onnx_wire.h"

namespace tenon::weights::wire {

/// Puts the nodes of the model's functions in the place of their calls, in all its graphs. What a
/// call makes inside is named `call/name`. Throws bad_file for a function that calls itself, or a
/// call that does not fit, and unsupported for more than 2^20 nodes.
void inline_functions(Model& model, const std::string& file);

}  // namespace tenon::weights::wire
