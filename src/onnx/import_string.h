// Texts in the importer: as constants, and found in lists.
#pragma once

#include "ir/ops/string.h"
#include "onnx/node_context.h"

namespace tenon::onnx {

/// The texts as a vector.
ir::ValueId texts(NodeContext& node, std::vector<std::string> values);
/// A tensor in an attribute, which may hold texts; absent where there is none. Other elements
/// become a constant of the name.
ir::ValueId tensor_or_texts(NodeContext& node, std::string_view attribute, const std::string& name);
/// The op that makes a value, if that is constant texts.
const ir::Strings* constant_texts(NodeContext& node, ir::ValueId value);
/// By element of `x`, strings: where it stands in the list, the last time; -1 where it does not.
ir::ValueId find_texts(NodeContext& node, ir::ValueId x, const std::vector<std::string>& list);
/// `x` as numbers of `to`, or as texts, where one of the two is strings.
ir::ValueId cast_texts(NodeContext& node, ir::ValueId x, DType to);

}  // namespace tenon::onnx
