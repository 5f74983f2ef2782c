// What imports of ai.onnx.ml share.
#pragma once

#include <string_view>

#include "onnx/function.h"

namespace tenon::onnx {

/// A list of an attribute, or what is made of one, as a constant of `dtype`; it is a leaf, called
/// after the node and `name`, if that is not "".
ir::ValueId constant_of(NodeContext& node, std::string_view name, const TensorView& values,
                        DType dtype);

/// Labels of classes, which must be integers.
ir::ValueId class_labels(NodeContext& node, std::string_view integers);

/// `y`, scores of [rows, targets], after ONNX's post_transform.
void transform_scores(NodeContext& node, Function& f, std::string_view transform);

}  // namespace tenon::onnx
