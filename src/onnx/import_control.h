// Loops that import functions make for other ops.
#pragma once

#include "onnx/node_context.h"

namespace tenon::onnx {

/// So many turns of a body that is given the turn, a condition and the carried values, and gives
/// the condition and these.
Outputs add_loop(NodeContext& node, const Body& body, ir::ValueId turns,
                 std::vector<ir::ValueId> carried);

/// One turn of a body for each element of axis 0 of what is `read`: it is given the carried values
/// and these elements, and gives the carried values and what is laid together along axis 0.
Outputs add_scan(NodeContext& node, const Body& body, std::vector<ir::ValueId> carried,
                 std::vector<ir::ValueId> read);

}  // namespace tenon::onnx
