// Which ONNX ops can be imported, and the function that imports each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace tenon::onnx {

class NodeContext;

/// The values that a node's outputs become, in order. Outputs beyond them must not be used.
using Outputs = std::vector<ir::ValueId>;
using ImportFunction = Outputs (*)(NodeContext& node);

inline constexpr int any_number = -1;

/// One ONNX op, with its domain where that is not the default one.
struct ImportEntry {
  std::string_view op_type;
  ImportFunction import = nullptr;
  int min_inputs = 1;
  int max_inputs = 1;
  uint32_t value_operands = 0;  ///< bit i: the function reads operand i's elements
};

/// The entry of an op (see full_op_type()), or nullptr for one that is not supported.
const ImportEntry* find_import(std::string_view op_type);
/// All that are supported, for messages.
std::vector<std::string> op_types();

/// The opsets of the default domain whose definitions the functions follow.
inline constexpr int64_t oldest_opset = 1;
inline constexpr int64_t newest_opset = 28;
/// The newest version of any domain that has ops here.
int64_t newest_version(std::string_view domain);

}  // namespace tenon::onnx
