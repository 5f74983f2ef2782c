// Copying graphs, whole or in parts.
#include "ir/copy.h"

#include "base/error.h"

namespace tenon::ir {
namespace {

// Carries the model's name of a value over, unless the new one is no node's output or has a name.
void keep_name(GraphBuilder& out, const GraphValue& old, ValueId id) {
  if (old.name.empty() || id == absent) return;
  const GraphValue& value = out.value(id);
  if (value.origin == Origin::node && value.name.empty()) out.name_value(id, old.name);
}

}  // namespace

void GraphCopier::run() {
  copy_inputs();
  copy_nodes();
  copy_outputs();
  copy_requirements();
}

void GraphCopier::copy_inputs() {
  for (const ValueId id : source_.inputs()) (*this)(id);
}

void GraphCopier::copy_nodes() {
  for (const Node& node : source_.nodes()) copy(node);
}

void GraphCopier::copy(const Node& node) {
  Node mapped{copy_bodies(node.op), {}, node.outputs, node.name};
  for (const ValueId id : node.inputs) mapped.inputs.push_back((*this)(id));
  const std::vector<ValueId> made = copies(mapped);
  for (size_t i = 0; i < made.size(); ++i) {
    set(node.outputs[i], made[i]);
    keep_name(out_, source_.value(node.outputs[i]), made[i]);
  }
}

Op GraphCopier::copy_bodies(const Op& op) {
  return op.with_bodies([&](const Graph& body) {
    GraphBuilder inner = out_.body();
    for_body(body, inner)->run();
    return std::make_shared<const Graph>(inner.finish());
  });
}

void GraphCopier::copy_outputs() {
  for (const Output& output : source_.outputs()) out_.output(output.name, (*this)(output.value));
}

void GraphCopier::copy_requirements() {
  for (const Constraint& each : source_.requirements()) {
    const Constraint copy = requirement(each);
    out_.require({&copy, 1});
  }
}

ValueId GraphCopier::operator()(ValueId id) {
  if (id == absent) return absent;
  const auto known = copies_.find(id);
  return known != copies_.end() ? known->second : copies_[id] = missing(id);
}

std::vector<ValueId> GraphCopier::copies(const Node& node) {
  return out_.add_node(node.op, node.inputs, static_cast<int>(node.outputs.size()), node.name);
}

ValueId GraphCopier::copy_leaf(ValueId id, ValueType type) {
  const GraphValue& value = source_.value(id);
  switch (value.origin) {
    case Origin::input: return out_.input(value.name, std::move(type));
    case Origin::weight: return out_.weight(value.name, std::move(type));
    case Origin::constant: return out_.constant(value.name, std::move(type), value.bytes);
    case Origin::slot:
      return out_.slot(value.name, std::move(type),
                       value.plain ? std::optional(value.plain->type) : std::nullopt);
    case Origin::node: break;
  }
  base::fail(ErrorCode::build, "internal: a node's output is copied before its node");
}

}  // namespace tenon::ir
