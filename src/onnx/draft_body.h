// A network under construction as the graph in an attribute.
#pragma once

#include "onnx/node.h"
#include "onnx/onnx.h"

namespace tenon::onnx {

/// Whether bodies see a value of a graph around them without being given it.
bool seen_by_name(const ir::GraphValue& value);
/// The same value in the builder of a body; of one that is seen by name.
ir::ValueId see(const ir::GraphValue& value, ir::GraphBuilder& body);

/// A network that is a branch or the body of a loop, called `what` in messages. Its inputs after
/// the formal ones capture values of `around` that have their names; its leaves become leaves of
/// `around`, under their own. Both must outlive it. Throws build for what fits neither.
std::shared_ptr<const Body> body_of(const Draft& network, Draft& around, std::string what);

}  // namespace tenon::onnx
