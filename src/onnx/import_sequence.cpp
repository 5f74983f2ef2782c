// Imports of sequences and optionals.
#include <algorithm>
#include <array>

#include "ir/ops/optional.h"
#include "ir/ops/sequence.h"
#include "ir/ops/slice.h"
#include "onnx/function.h"
#include "onnx/import_control.h"
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

bool is_optional(NodeContext& node) {
  const ir::ValueKind kind = node.builder().type(node.input(0)).kind;
  return kind == ir::ValueKind::optional || kind == ir::ValueKind::optional_sequence;
}

ir::ValueId truth(NodeContext& node, bool value) {
  return node.builder().constant(DType::bool_, {}, std::as_bytes(std::span(&value, 1)));
}

}  // namespace

std::vector<std::string> taken_symbols(ir::GraphBuilder& builder, ir::ValueId from) {
  std::vector<std::string> symbols;
  bool some = false;
  for (const ir::Dim& dim : builder.type(from).dims.value_or(ir::Dims())) {
    std::vector<std::string> used;
    dim.symbols(used);
    const bool differs = std::ranges::any_of(
        used, [](const std::string& symbol) { return symbol.starts_with(element_symbol); });
    symbols.push_back(differs ? builder.fresh_symbol("taken") : "");
    some |= differs;
  }
  return some ? symbols : std::vector<std::string>();
}

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
  return {node.add(ir::SequenceAt{taken_symbols(node.builder(), node.input(0))}, operands(node))};
}

Outputs import_sequence_insert(NodeContext& node) {
  return {node.add(ir::SequenceInsert{}, operands(node))};
}

Outputs import_sequence_length(NodeContext& node) {
  return {node.add(ir::SequenceLength{}, operands(node))};
}

Outputs import_sequence_erase(NodeContext& node) {
  return {node.add(ir::SequenceErase{}, operands(node))};
}

namespace {

// Sizes of the parts, whose number must be known while building.
ir::Dims part_sizes(NodeContext& node, const ir::Dim& extent) {
  if (node.has(1) && node.rank(1) == 1) return node.known_dims(1);
  if (!extent.is_constant())
    node.unsupported("{} elements in parts, the number of which must be known while building",
                     extent.text());
  const int64_t part = node.has(1) ? node.known_integer(1) : 1;
  if (part < 1) node.fail("parts have {} elements", part);
  ir::Dims sizes;
  for (int64_t left = extent.constant(); left > 0; left -= part)
    sizes.emplace_back(std::min(left, part));
  return sizes;
}

}  // namespace

// Parts of so many elements each, whose number only a run knows: a turn of a loop cuts one.
Outputs split_in_a_run(NodeContext& node, int64_t axis) {
  Function f(node, std::array<std::string_view, 2>{"x", "given"});
  f.set("axis", std::array{axis});
  f.run(R"(part = Cast <to = 7> (given)
           extent = Squeeze(Gather(Shape(x), axis), [0])
           turns = Div(Sub(Add(extent, part), 1), part))");
  const FunctionBody::Text text{.inputs = {"turn", "on", "parts"},
                                .statements = R"(
      start = Unsqueeze(Mul(turn, part), [0])
      end = Add(start, part)
      parts = SequenceInsert(parts, Slice(x, start, end, axis)))",
                                .outputs = {"on", "parts"}};
  const FunctionBody body(node, text, {{"part", f["part"]}, {"x", f["x"]}, {"axis", f["axis"]}});
  return add_loop(node, body, f["turns"], {node.add(ir::SequenceConstruct{node.dtype(0)}, {})});
}

// Axes of parts of one element are dropped where that is asked for and no sizes are given.
Outputs import_split_to_sequence(NodeContext& node) {
  const ir::Dims dims = node.dims(0);
  const int64_t axis = node.axis(node.integer("axis", 0), dims.size());
  const bool drops = !node.flag("keepdims", true) && !node.has(1);
  if (node.has(1) && node.rank(1) == 0 && !node.known(1)) return split_in_a_run(node, axis);
  const auto at = static_cast<size_t>(axis);
  ir::Slice part{ir::Dims(dims.size(), 0), dims, {}};
  std::vector<ir::ValueId> parts;
  for (const ir::Dim& size : part_sizes(node, dims[at])) {
    part.dims[at] = size;
    parts.push_back(node.add(part, {node.input(0)}));
    part.starts[at] = part.starts[at] + size;
    if (!drops) continue;
    ir::Dims left = dims;
    left.erase(left.begin() + axis);
    parts.back() = node.reshape(parts.back(), std::move(left));
  }
  node.require_equal(part.starts[at], dims[at], "the sum of the sizes and the extent");
  return {node.add(ir::SequenceConstruct{node.dtype(0)}, std::move(parts))};
}

Outputs import_concat_from_sequence(NodeContext& node) {
  ir::ConcatFromSequence join{node.integer("axis"), node.flag("new_axis", false)};
  if (node.builder().type(node.input(0)).dims)
    join.symbols.push_back(node.builder().fresh_symbol("joined"));
  return {node.add(std::move(join), operands(node))};
}

Outputs import_optional(NodeContext& node) {
  const ir::ValueType* type = node.type("type");
  if (node.has(0)) return {node.add(ir::Optional{}, operands(node))};
  if (!type) node.fail("an optional that holds nothing needs the attribute \"type\"");
  return {node.add(ir::Optional{.dtype = type->dtype,
                                .of_sequence = type->kind == ir::ValueKind::sequence,
                                .ranked = type->dims.has_value(),
                                .dims = type->dims.value_or(ir::Dims())},
                   {})};
}

// From opset 18 on, both take what is not optional too.
Outputs import_optional_get_element(NodeContext& node) {
  if (!is_optional(node)) return {node.input(0)};
  const ir::ValueType& type = node.builder().type(node.input(0));
  ir::OptionalGetElement op;
  if (type.kind == ir::ValueKind::optional)
    op.symbols = taken_symbols(node.builder(), node.input(0));
  return {node.add(std::move(op), operands(node))};
}

Outputs import_optional_has_element(NodeContext& node) {
  if (!node.has(0)) return {truth(node, false)};
  if (!is_optional(node)) return {truth(node, true)};
  return {node.add(ir::OptionalHasElement{}, operands(node))};
}

}  // namespace tenon::onnx
