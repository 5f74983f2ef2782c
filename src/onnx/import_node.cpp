// Imports one node by the function of its op.
#include "onnx/import_node.h"

#include <algorithm>

namespace tenon::onnx {
namespace {

void check_operands(const NodeContext& node, const ImportEntry& entry) {
  const auto count = static_cast<int>(node.inputs());
  const bool any = entry.max_inputs == any_number;
  if (count >= entry.min_inputs && (any || count <= entry.max_inputs)) return;
  const std::string takes = any ? fmt::format("{} or more", entry.min_inputs)
                            : entry.min_inputs == entry.max_inputs
                                ? std::to_string(entry.min_inputs)
                                : fmt::format("{} to {}", entry.min_inputs, entry.max_inputs);
  node.fail("has {} operands, takes {}", count, takes);
}

void name_output(ir::GraphBuilder& builder, ir::ValueId id, const std::string& name) {
  const ir::GraphValue& value = builder.value(id);
  if (value.origin == ir::Origin::node && value.name.empty()) builder.name_value(id, name);
}

// Elements that have become fields of an op.
void freeze_what_was_read(const NodeContext& node, const ImportEntry& entry, ImportState& state) {
  for (size_t i = 0; i < std::min<size_t>(node.inputs(), 32); ++i) {
    const bool read = node.has(i) && (entry.value_operands >> i & 1u);
    if (read && state.builder.value(node.input(i)).value.known)
      state.leaves.freeze(state.builder, node.input(i),
                          fmt::format("{}, operand {}", label(node.node()), i));
  }
}

}  // namespace

const ImportEntry* find_import(const Node& node) { return find_import(full_op_type(node)); }

Outputs import_node(const Node& node, ImportState& state, std::vector<ir::ValueId> inputs) {
  const ImportEntry& entry = *find_import(node);
  NodeContext context(node, state, std::move(inputs));
  check_operands(context, entry);
  Outputs outputs = entry.import(context);
  context.check_attributes_used();
  for (size_t i = node.outputs.size(); i-- > outputs.size();)
    if (context.output_used(i))
      context.unsupported("{} outputs are wanted, it gives {}", i + 1, outputs.size());
  freeze_what_was_read(context, entry, state);
  for (size_t i = 0; i < std::min(outputs.size(), node.outputs.size()); ++i)
    if (!node.outputs[i].empty()) name_output(state.builder, outputs[i], node.outputs[i]);
  return outputs;
}

}  // namespace tenon::onnx
