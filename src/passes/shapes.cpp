// Shape arithmetic vanishes: known results become constants, and nodes that change nothing go.
#include <algorithm>
#include <map>

#include "ir/elements.h"
#include "ir/ops.h"
#include "ir/rewrite.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::GraphBuilder;
using ir::Node;
using ir::ValueId;

// What a reshape, and the reshapes before it, take their elements from.
std::optional<ValueId> shorter_reshape(GraphBuilder& out, const Node& node) {
  const auto* reshape = node.as<ir::Reshape>();
  if (!reshape) return std::nullopt;
  ValueId source = node.inputs[0];
  while (out.producer(source) && out.producer(source)->as<ir::Reshape>()) {
    source = out.producer(source)->inputs[0];
  }
  if (out.type(source).dims == reshape->dims) return source;
  if (source == node.inputs[0]) return std::nullopt;
  return out.add(*reshape, {source}, node.name);
}

bool is_identity(const std::vector<int64_t>& permutation) {
  for (size_t i = 0; i < permutation.size(); ++i) {
    if (permutation[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

bool changes_nothing(const GraphBuilder& out, const Node& node) {
  if (const auto* transpose = node.as<ir::Transpose>()) return is_identity(transpose->permutation);
  if (node.as<ir::Bind>()) return out.value(node.inputs[0]).value.known.has_value();
  const auto* cast = node.as<ir::Cast>();
  return cast && cast->to == out.type(node.inputs[0]).dtype;
}

// A node whose result is known becomes that constant.
std::optional<ValueId> constant_for(GraphBuilder& out, const Node& node) {
  if (node.outputs.size() != 1 || !node.op.info().pure) return std::nullopt;
  const ir::Value value = out.infer(node.op, node.inputs, 1)[0];
  const auto bytes = ir::known_bytes(value);
  if (!bytes) return std::nullopt;
  return out.constant(value.type.dtype, value.type.shape(), *bytes);
}

// One known index picks a part, which may be a view. A part of a leaf would be another leaf.
std::optional<ValueId> part_for(GraphBuilder& out, const Node& node) {
  const auto* gather = node.as<ir::Gather>();
  if (!gather || out.only_leaves(node.inputs[0])) return std::nullopt;
  const ir::Value& index = out.value(node.inputs[1]).value;
  const auto& whole = out.type(node.inputs[0]).dims;
  if (!whole || !index.known || index.type.rank() != 0) return std::nullopt;
  const auto axis = static_cast<size_t>(gather->axis);
  const auto extent = (*whole)[axis].try_constant();
  const auto picked = index.known->integers[0].try_constant();
  if (!extent || !picked || *picked < -*extent || *picked >= *extent) return std::nullopt;
  ir::Slice slice{.starts = ir::Dims(whole->size(), 0), .dims = *whole};
  slice.starts[axis] = *picked < 0 ? *picked + *extent : *picked;
  slice.dims[axis] = 1;
  ir::Dims dims = *whole;
  dims.erase(dims.begin() + static_cast<int64_t>(axis));
  const ValueId part = out.add(std::move(slice), {node.inputs[0]}, node.name);
  return out.add(ir::Reshape{std::move(dims)}, {part});
}

std::optional<ValueId> simplify(GraphBuilder& out, const Node& node) {
  if (changes_nothing(out, node)) return node.inputs[0];
  if (const auto id = shorter_reshape(out, node)) return id;
  if (const auto id = constant_for(out, node)) return id;
  return part_for(out, node);
}

// Symbols whose numbers are known after all, since an extent of an input was fixed.
void add_known_symbols(const ir::Graph& graph, std::map<std::string, ir::Dim>& known) {
  for (const Node& node : graph.nodes()) {
    for (const ir::Body& body : node.op.bodies()) add_known_symbols(*body, known);
    const auto* bind = node.as<ir::Bind>();
    const ir::Value* numbers = bind ? &graph.value(node.inputs[0]).value : nullptr;
    for (size_t i = 0; numbers && numbers->known && i < bind->symbols.size(); ++i) {
      known.emplace(bind->symbols[i], numbers->known->integers[i]);
    }
  }
}

}  // namespace

ir::Graph simplify_shapes(const ir::Graph& graph, Door&) {
  std::map<std::string, ir::Dim> known;
  add_known_symbols(graph, known);
  if (known.empty()) return ir::rewrite(graph, simplify);
  return ir::rewrite(ir::substitute(graph, known), simplify);
}

}  // namespace tenon::passes
