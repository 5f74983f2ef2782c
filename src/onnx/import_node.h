// Imports one node by the function of its op.
#pragma once

#include "onnx/node_context.h"

namespace tenon::onnx {

/// The entry of the node's op; nullptr for one that is not supported.
const ImportEntry* find_import(const Node& node);

/// Adds a node of a supported op to the graph and gives its outputs their names; `inputs` are its
/// operands' values. Throws Unsupported, and BuildError for what is wrong.
Outputs import_node(const Node& node, ImportState& state, std::vector<ir::ValueId> inputs);

}  // namespace tenon::onnx
