// What convolutions of floats and of integers read alike.
#pragma once

#include "ir/ops/conv.h"
#include "onnx/node_context.h"

namespace tenon::onnx {

/// The attributes of Conv and its kin over operands of `rank`.
ir::Conv conv_of(NodeContext& node, size_t rank);

}  // namespace tenon::onnx
