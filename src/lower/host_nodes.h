// What runs on the host beside a device.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace tenon::lower {

/// By node of a graph: small integer work of which only operands in host memory are made
/// (OpInfo::host_operands): counts and extents on their way to what binds them.
std::vector<bool> host_nodes(const ir::Graph& graph);

}  // namespace tenon::lower
