// Imports of sequences and optionals.
#include "ir/ops/optional.h"
#include "ir/ops/sequence.h"
#include "onnx/imports.h"
#include "weights/onnx_wire.h"

namespace tenon::onnx {
namespace {

std::vector<ir::ValueId> operands(const NodeContext& node) {
  std::vector<ir::ValueId> ids;
  for (size_t i = 0; i < node.inputs(); ++i)
    ids.push_back(node.has(i) ? node.input(i) : ir::absent);
  return ids;
}

ir::ValueKind kind(NodeContext& node) { return node.builder().type(node.input(0)).kind; }

ir::ValueId truth(NodeContext& node, bool value) {
  return node.builder().constant(DType::bool_, {}, std::as_bytes(std::span(&value, 1)));
}

}  // namespace

Outputs import_sequence_construct(NodeContext& node) {
  return {node.add(ir::SequenceConstruct{node.dtype(0)}, operands(node))};
}

Outputs import_sequence_empty(NodeContext& node) {
  const auto type = static_cast<int>(node.integer("dtype", 1));
  const auto dtype = weights::wire::dtype_of(type);
  if (!dtype) node.unsupported("a sequence of {}", weights::wire::data_type_name(type));
  return {node.add(ir::SequenceConstruct{*dtype}, {})};
}

Outputs import_sequence_at(NodeContext& node) {
  return {node.add(ir::SequenceAt{}, operands(node))};
}

Outputs import_sequence_insert(NodeContext& node) {
  return {node.add(ir::SequenceInsert{}, operands(node))};
}

Outputs import_sequence_length(NodeContext& node) {
  return {node.add(ir::SequenceLength{}, operands(node))};
}

Outputs import_concat_from_sequence(NodeContext& node) {
  ir::ConcatFromSequence join{node.integer("axis"), node.flag("new_axis", false)};
  if (node.builder().type(node.input(0)).dims)
    join.symbols.push_back(node.builder().fresh_symbol("joined"));
  return {node.add(std::move(join), operands(node))};
}

Outputs import_optional(NodeContext& node) {
  if (!node.has(0)) node.unsupported("an optional that holds nothing");
  if (kind(node) != ir::ValueKind::tensor) node.unsupported("an optional that holds no tensor");
  return {node.add(ir::Optional{}, operands(node))};
}

// From opset 18 on, both take what is not optional too.
Outputs import_optional_get_element(NodeContext& node) {
  if (kind(node) != ir::ValueKind::optional) return {node.input(0)};
  return {node.add(ir::OptionalGetElement{}, operands(node))};
}

Outputs import_optional_has_element(NodeContext& node) {
  if (!node.has(0)) return {truth(node, false)};
  if (kind(node) != ir::ValueKind::optional) return {truth(node, true)};
  return {node.add(ir::OptionalHasElement{}, operands(node))};
}

}  // namespace tenon::onnx
