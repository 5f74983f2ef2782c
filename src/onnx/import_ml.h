// What imports of ai.onnx.ml share.
#pragma once

#include <string_view>

#include "onnx/function.h"

namespace tenon::onnx {

/// A list of an attribute, or what is made of one, as a constant of `dtype`; it is a leaf, called
/// after the node and `name`, if that is not "".
ir::ValueId constant_of(NodeContext& node, std::string_view name, const TensorView& values,
                        DType dtype);

/// A list of any length as a constant.
ir::ValueId integers(NodeContext& node, const std::vector<int64_t>& list);
/// An attribute's list of floats, or of integers, as a leaf of its name.
ir::ValueId float_list(NodeContext& node, std::string_view name);
ir::ValueId integer_list(NodeContext& node, std::string_view name);

/// Labels of classes: integers, or texts of `classlabels_strings`.
ir::ValueId class_labels(NodeContext& node, std::string_view integers);

/// `y`, scores of [rows, targets], after ONNX's post_transform.
void transform_scores(NodeContext& node, Function& f, std::string_view transform);

}  // namespace tenon::onnx
