// Imports of ops that are leaves, or nothing at all, at inference.
#include <array>

#include "base/text.h"
#include "ir/ops/string.h"
#include "onnx/import_string.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

template <class Values>
weights::TensorSource source_of(const Values& values, DType dtype, Shape shape) {
  return weights::copy_of(TensorView(values.data(), dtype, std::move(shape)));
}

template <class Values>
weights::TensorSource vector_of(const Values& values, DType dtype) {
  return source_of(values, dtype, {static_cast<int64_t>(values.size())});
}

weights::TensorSource constant_source(NodeContext& node, const std::string& kind) {
  if (kind == "value_float") return source_of(std::array{node.number(kind, 0)}, DType::f32, {});
  if (kind == "value_int") return source_of(std::array{node.integer(kind, 0)}, DType::i64, {});
  if (kind == "value_floats") return vector_of(node.numbers(kind), DType::f32);
  if (kind == "value_ints") return vector_of(node.integers(kind), DType::i64);
  node.unsupported("attribute {}", base::quoted(kind));
}

}  // namespace

Outputs import_constant(NodeContext& node) {
  if (node.node().attributes.size() != 1 || node.node().outputs.size() != 1)
    node.fail("a constant has exactly one value and one output");
  const std::string& kind = node.node().attributes[0].name;
  if (kind == "value_string") return {node.add(ir::Strings{{node.text(kind, "")}, {}}, {})};
  if (kind == "value_strings") return {texts(node, node.texts(kind))};
  const std::string& name = node.node().outputs[0];
  if (kind == "value") return {tensor_or_texts(node, kind, name)};
  return {node.leaves().add_constant(node.builder(), name, constant_source(node, kind))};
}

Outputs import_identity(NodeContext& node) { return {node.input(0)}; }

// Else than in training the data passes, and the mask (from opset 10 on a bool) is true everywhere.
Outputs import_dropout(NodeContext& node) {
  if (node.opset() < 7 && !node.flag("is_test", false))
    node.unsupported("is_test=0; export the model for inference");
  if (node.opset() < 12) {
    node.ignore_attribute("ratio");
    if (node.has(1)) node.fail("operand 1 does not exist in opset {}", node.opset());
  }
  if (node.has(2)) {
    const ir::Value& training = node.builder().value(node.input(2)).value;
    const bool off = training.known && training.known->integers.size() == 1 &&
                     training.known->integers[0] == ir::Dim(0);
    if (!off) return import_dropout_of_training(node);
  }
  node.ignore_attribute("seed");
  Outputs outputs{node.input(0)};
  if (node.output_used(1) && node.opset() >= 10)
    outputs.push_back(node.pointwise("logical_not(less(a, a))", {node.input(0)}));
  return outputs;
}

}  // namespace tenon::onnx
