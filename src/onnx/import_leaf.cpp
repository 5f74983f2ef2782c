// Imports of ops that are leaves, or nothing at all, at inference.
#include "base/text.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

weights::TensorSource constant_source(NodeContext& node, const wire::Attribute& attribute) {
  if (auto value = wire::constant_value(attribute)) return *std::move(value);
  if (attribute.name != "value") node.unsupported("attribute {}", base::quoted(attribute.name));
  if (attribute.type != wire::kTensor || !attribute.tensor)
    node.fail("attribute \"value\" holds no tensor");
  node.unsupported("a value of type {}", wire::data_type_name(attribute.tensor->data_type));
}

}  // namespace

Outputs import_constant(NodeContext& node) {
  if (node.node().attributes.size() != 1 || node.node().outputs.size() != 1)
    node.fail("a constant has exactly one value and one output");
  const wire::Attribute& value = node.node().attributes[0];
  node.ignore_attribute(value.name);  // constant_source() judges it
  return {node.leaves().add_constant(node.node().outputs[0], constant_source(node, value))};
}

// Exporters merge initializers that happen to be equal and write an Identity for each lost name:
// that name is a leaf of its own again.
Outputs import_identity(NodeContext& node) {
  const ir::ValueId input = node.input(0);
  const weights::TensorSource* source = node.leaves().initializer(node.node().inputs[0]);
  if (!source || node.node().outputs.empty()) return {input};
  const weights::TensorSource first_value = *source;
  return {node.leaves().add_initializer(node.node().outputs[0], first_value)};
}

// At inference the data passes, and the mask (from opset 10 on a bool) is true everywhere.
Outputs import_dropout(NodeContext& node) {
  node.ignore_attribute("seed");
  if (node.opset() < 12) {
    node.ignore_attribute("ratio");
    if (node.has(1)) node.fail("operand 1 does not exist in opset {}", node.opset());
  }
  if (node.has(2)) {
    const ir::Value& training = node.builder().value(node.input(2)).value;
    const bool off = training.known && training.known->integers.size() == 1 &&
                     training.known->integers[0] == ir::Dim(0);
    if (!off)
      node.unsupported("training_mode is not a constant false; export the model for inference");
  }
  Outputs outputs{node.input(0)};
  if (node.output_used(1) && node.opset() >= 10)
    outputs.push_back(node.pointwise("logical_not(less(a, a))", {node.input(0)}));
  return outputs;
}

}  // namespace tenon::onnx
