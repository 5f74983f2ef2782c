// Which leaves' elements are read while a graph is built, and by what.
#pragma once

#include <map>
#include <string>

#include "ir/graph.h"

namespace tenon::passes {

/// Bit i: infer() reads operand i's elements; OpInfo::value_operands, or a test's own.
using ValueOperands = uint32_t (*)(const ir::Op&);
uint32_t value_operands(const ir::Op& op);

/// By leaf name: the node that reads the leaf's elements, directly or through nodes that depend on
/// leaves only.
std::map<std::string, std::string> read_while_building(const ir::Graph& graph,
                                                       ValueOperands operands = value_operands);

}  // namespace tenon::passes
