// Functions of a model's own.
#pragma once

#include <map>
#include <string>

#include "tenon/error.h"
#include "weights/onnx_wire.h"

namespace tenon::weights::wire {

/// Why functions cannot be called, by their index in the model.
using Refusals = std::map<size_t, Error>;

/// Puts the nodes of the model's functions in the place of their calls, in all its graphs. What a
/// call makes inside is named `call/name`. Throws bad_file for a function that calls itself, or a
/// call that does not fit, and unsupported for more than 2^20 nodes; the
/// refusal of one that is called. Of others the log tells.
void inline_functions(Model& model, const Refusals& refusals, const std::string& file);

}  // namespace tenon::weights::wire
