// Control flow that is known while building vanishes: an If of known condition becomes its branch,
// what is put into a sequence or optional and taken out again is itself.
#include <algorithm>

#include "ir/ops.h"
#include "ir/rewrite.h"
#include "passes/pattern.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::GraphBuilder;
using ir::Node;
using ir::Replacement;
using ir::ValueId;

std::optional<int64_t> known_number(const GraphBuilder& out, ValueId id) {
  const auto& known = out.value(id).value.known;
  if (!known || known->integers.size() != 1) return std::nullopt;
  return known->integers[0].try_constant();
}

template <class T>
const Node* producer(const GraphBuilder& out, ValueId id) {
  const Node* node = out.producer(id);
  return node && node->as<T>() ? node : nullptr;
}

Replacement branch(GraphBuilder& out, const Node& node) {
  const ir::If choice = *node.as<ir::If>();
  const auto condition = known_number(out, node.inputs[0]);
  if (!condition) return std::nullopt;
  const ir::Graph& body = *condition == 0 ? *choice.else_body : *choice.then_body;
  return ir::splice_body(out, body, std::span(node.inputs).subspan(1));
}

Replacement element(GraphBuilder& out, const Node& node) {
  const Node* sequence = producer<ir::SequenceConstruct>(out, node.inputs[0]);
  const auto position = known_number(out, node.inputs[1]);
  if (!sequence || !position) return std::nullopt;
  const auto count = static_cast<int64_t>(sequence->inputs.size());
  const int64_t at = *position < 0 ? *position + count : *position;
  if (at < 0 || at >= count) return std::nullopt;  // the run says so
  return sequence->inputs[static_cast<size_t>(at)];
}

Replacement joined(GraphBuilder& out, const Node& node) {
  const ir::ConcatFromSequence op = *node.as<ir::ConcatFromSequence>();
  const Node* sequence = producer<ir::SequenceConstruct>(out, node.inputs[0]);
  if (!sequence || sequence->inputs.empty()) return std::nullopt;
  if (sequence->inputs.size() > ir::Concat::most_inputs) return std::nullopt;
  std::vector<ValueId> parts = sequence->inputs;
  for (ValueId& part : parts) {
    if (!out.type(part).dims) return std::nullopt;
    if (!op.new_axis) continue;
    ir::Dims dims = out.dims(part);
    const auto rank = static_cast<int64_t>(dims.size());
    dims.insert(dims.begin() + (op.axis < 0 ? op.axis + rank + 1 : op.axis), 1);
    part = out.add(ir::Reshape{std::move(dims)}, {part});
  }
  return out.add(ir::Concat{op.axis}, std::move(parts));
}

Replacement known_length(GraphBuilder& out, const Node& node) {
  const Node* sequence = producer<ir::SequenceConstruct>(out, node.inputs[0]);
  if (!sequence) return std::nullopt;
  const auto count = static_cast<int64_t>(sequence->inputs.size());
  return out.constant(DType::i64, {}, std::as_bytes(std::span(&count, 1)));
}

Replacement has_element(GraphBuilder& out, const Node& node) {
  const Node* optional = producer<ir::Optional>(out, node.inputs[0]);
  if (!optional) return std::nullopt;
  const bool holds = !optional->inputs.empty();
  return out.constant(DType::bool_, {}, std::as_bytes(std::span(&holds, 1)));
}

Replacement known_result(GraphBuilder& out, const Node& node) {
  if (node.as<ir::If>()) return branch(out, node);
  if (node.as<ir::SequenceAt>()) return element(out, node);
  if (node.as<ir::SequenceLength>()) return known_length(out, node);
  if (node.as<ir::ConcatFromSequence>()) return joined(out, node);
  if (node.as<ir::OptionalHasElement>()) return has_element(out, node);
  if (!node.as<ir::OptionalGetElement>()) return std::nullopt;
  const Node* optional = producer<ir::Optional>(out, node.inputs[0]);
  return optional && !optional->inputs.empty() ? Replacement(optional->inputs[0]) : std::nullopt;
}

// The extents that stand for symbols which a node that vanishes would have bound.
class KnownSymbols {
 public:
  void add(GraphBuilder& out, const Node& node, const std::vector<ValueId>& values) {
    const std::vector<std::string> bound = node.op.bound_symbols();
    if (bound.empty()) return;
    const auto old = out.infer(node.op, node.inputs, static_cast<int>(node.outputs.size()));
    for (size_t i = 0; i < old.size(); ++i) {
      const ir::ValueType &before = old[i].type, &after = out.type(values[i]);
      for (size_t axis = 0; axis < before.rank() && axis < after.rank(); ++axis) {
        const std::string symbol = (*before.dims)[axis].text();
        if (std::ranges::find(bound, symbol) == bound.end()) continue;
        known_.emplace(symbol, (*after.dims)[axis].substitute(known_));
      }
    }
  }
  ir::Graph apply(ir::Graph graph) const {
    return known_.empty() ? graph : ir::substitute(graph, known_);
  }

 private:
  std::map<std::string, ir::Dim> known_;
};

}  // namespace

ir::Graph resolve_control(const ir::Graph& graph, Door&) {
  KnownSymbols symbols;
  return symbols.apply(ir::rewrite(graph, [&](GraphBuilder& out, const Node& node) {
    Replacement known = known_result(out, node);
    if (!known.values.empty()) symbols.add(out, node, known.values);
    return known;
  }));
}

}  // namespace tenon::passes
