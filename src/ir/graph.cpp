// Graphs and the builder that makes them.
#include "ir/graph.h"

#include <algorithm>

#include "base/convert.h"
#include "base/error.h"
#include "base/text.h"
#include "ir/elements.h"

namespace tenon::ir {
namespace {

using base::quoted;

[[noreturn]] void fail_build(const std::string& message) {
  base::throw_error(ErrorCode::build, message);
}

std::string_view origin_name(Origin origin) {
  switch (origin) {
    case Origin::input: return "an input";
    case Origin::weight: return "a weight";
    case Origin::constant: return "a constant";
    case Origin::slot: return "a slot";
    case Origin::node: break;
  }
  return "a node's output";
}

void check_bytes(const std::string& name, const ValueType& type, base::Bytes bytes) {
  if (bytes.size() != type.bytes()) {
    fail_build(fmt::format("constant {}: {} needs {} bytes, {} are given", quoted(name),
                           type.text(), type.bytes(), bytes.size()));
  }
}

ConstantBytes with_bools(const ValueType& type, ConstantBytes bytes) {
  if (!bytes || type.dtype != DType::bool_ || base::are_bools(bytes->data(), bytes->size())) {
    return bytes;
  }
  auto bools = std::make_shared<std::vector<std::byte>>(*bytes);
  base::make_bools(bools->data(), bools->size());
  return bools;
}

void check_extents(const std::string& name, const ValueType& type) {
  for (const Dim& dim : type.dims.value_or(Dims())) {
    if (dim.try_constant().value_or(0) >= 0) continue;
    fail_build(fmt::format("{} is {}; an extent cannot be negative", quoted(name), type.text()));
  }
}

bool small(const ConstantBytes& bytes) { return bytes && bytes->size() <= inline_constant_bytes; }

}  // namespace

std::vector<int> Graph::use_counts() const {
  std::vector<int> counts(values_.size());
  for (const Node& node : nodes_) {
    for (const ValueId id : node.inputs) {
      if (id != absent) ++counts[static_cast<size_t>(id)];
    }
  }
  for (const Output& output : outputs_) ++counts[static_cast<size_t>(output.value)];
  return counts;
}

std::vector<ValueId> Graph::leaves() const {
  std::vector<ValueId> ids;
  for (size_t i = 0; i < values_.size(); ++i) {
    const Origin origin = values_[i].origin;
    if (origin != Origin::input && origin != Origin::node) ids.push_back(static_cast<ValueId>(i));
  }
  return ids;
}

std::vector<std::string> symbols_of(const Graph& graph, const Node& node) {
  std::vector<std::string> symbols = node.op.bound_symbols();
  const auto add = [&](const Dims& dims) {
    for (const Dim& dim : dims) dim.symbols(symbols);
  };
  for (const auto& [name, field] : node.op.table().fields(node.op.data())) {
    if (const auto* dims = std::get_if<Dims>(&field)) add(*dims);
  }
  for (const ValueId id : node.outputs) add(graph.type(id).dims.value_or(Dims()));
  for (const Body& body : node.op.bodies()) {
    for (std::string& symbol : body->symbols()) symbols.push_back(std::move(symbol));
  }
  return symbols;
}

namespace {

void add_leaves(const Graph& graph, std::set<std::string_view>& seen,
                std::vector<const GraphValue*>& leaves) {
  for (const ValueId id : graph.leaves()) {
    const GraphValue& leaf = graph.value(id);
    if (seen.insert(leaf.name).second) leaves.push_back(&leaf);
  }
  for (const Node& node : graph.nodes()) {
    for (const Body& body : node.op.bodies()) add_leaves(*body, seen, leaves);
  }
}

}  // namespace

std::vector<std::string> bound_symbols(const Graph& graph) {
  std::vector<std::string> symbols;
  const auto add = [&](std::vector<std::string> more) {
    symbols.insert(symbols.end(), more.begin(), more.end());
  };
  for (const Node& node : graph.nodes()) {
    add(node.op.bound_symbols());
    for (const Body& body : node.op.bodies()) add(bound_symbols(*body));
  }
  return symbols;
}

std::vector<const GraphValue*> all_leaves(const Graph& graph) {
  std::set<std::string_view> seen;
  std::vector<const GraphValue*> leaves;
  add_leaves(graph, seen, leaves);
  return leaves;
}

size_t count_nodes(const Graph& graph) {
  size_t count = graph.nodes().size();
  for (const Node& node : graph.nodes()) {
    for (const Body& body : node.op.bodies()) count += count_nodes(*body);
  }
  return count;
}

std::vector<std::string> Graph::symbols() const {
  std::set<std::string> names;
  const auto add = [&](const Dim& dim) {
    std::vector<std::string> symbols;  // its own: it searches them
    dim.symbols(symbols);
    names.insert(symbols.begin(), symbols.end());
  };
  for (const GraphValue& value : values_) {
    if (value.value.type.dims) std::ranges::for_each(*value.value.type.dims, add);
  }
  for (const Constraint& constraint : constraints_) {
    add(constraint.left);
    add(constraint.right);
  }
  for (const Node& node : nodes_) {
    for (std::string& name : node.op.bound_symbols()) names.insert(std::move(name));
    for (const Body& body : node.op.bodies()) {
      for (std::string& name : body->symbols()) names.insert(std::move(name));
    }
  }
  return {names.begin(), names.end()};
}

ValueId GraphBuilder::add_value(GraphValue value, bool only_leaves) {
  graph_.values_.push_back(std::move(value));
  source_uses_.push_back(0);
  only_leaves_.push_back(only_leaves);
  return static_cast<ValueId>(graph_.values_.size() - 1);
}

ValueId GraphBuilder::input(std::string name, ValueType type) {
  check_extents(name, type);
  const ValueId id = add_value(
      {.origin = Origin::input, .name = std::move(name), .value = {std::move(type), {}}}, false);
  graph_.inputs_.push_back(id);
  return id;
}

// Whoever has a leaf of this name, here or in a body, means the same.
void GraphBuilder::keep_leaf_name(const GraphValue& leaf) {
  const auto [known, fresh] = names_->leaves.try_emplace(leaf.name, leaf);
  if (fresh) return;
  const GraphValue& old = known->second;
  if (old.origin != leaf.origin || old.value.type != leaf.value.type) {
    fail_build(fmt::format("{} is {} {} here and {} {} elsewhere; give one of them another name",
                           quoted(leaf.name), origin_name(leaf.origin), leaf.value.type.text(),
                           origin_name(old.origin), old.value.type.text()));
  }
  if (leaf.bytes && old.bytes && *leaf.bytes != *old.bytes) {
    fail_build(fmt::format("constant {} has two different values", quoted(leaf.name)));
  }
}

void GraphBuilder::reserve(const Graph& graph) {
  for (const GraphValue* leaf : all_leaves(graph)) keep_leaf_name(*leaf);
  for (std::string& symbol : graph.symbols()) names_->symbols.insert(std::move(symbol));
}

GraphBuilder GraphBuilder::body() {
  collect_symbols();
  GraphBuilder inner;
  inner.names_ = names_;
  return inner;
}

ValueId GraphBuilder::add_leaf(Origin origin, const std::string& name, ValueType type,
                               ConstantBytes bytes) {
  bytes = with_bools(type, std::move(bytes));
  keep_leaf_name({.origin = origin,
                  .name = name,
                  .value = {type, {}},
                  .bytes = small(bytes) ? bytes : nullptr});
  if (const auto found = leaf_ids_.find(name); found != leaf_ids_.end()) return found->second;
  if (type.dtype == DType::string) {
    fail_build(fmt::format("{} {} is {}; texts have no bytes that a file could give",
                           origin_name(origin).substr(2), quoted(name), type.text()));
  }
  if (!type.is_static()) {
    fail_build(fmt::format("{} {} is {}; the extents of a tensor with bytes must be numbers",
                           origin_name(origin).substr(2), quoted(name), type.text()));
  }
  check_extents(name, type);
  if (bytes) check_bytes(name, type, *bytes);
  Value known{std::move(type), {}};
  if (small(bytes) && known.type.layout.plain()) known.known = known_elements(known.type, *bytes);
  const ValueId id = add_value({.origin = origin,
                                .name = name,
                                .value = std::move(known),
                                .bytes = small(bytes) ? std::move(bytes) : nullptr},
                               origin != Origin::slot);
  leaf_ids_.emplace(name, id);
  return id;
}

ValueId GraphBuilder::weight(const std::string& name, ValueType type) {
  return add_leaf(Origin::weight, name, std::move(type), nullptr);
}

ValueId GraphBuilder::constant(const std::string& name, ValueType type, ConstantBytes bytes) {
  return add_leaf(Origin::constant, name, std::move(type), std::move(bytes));
}

ValueId GraphBuilder::slot(const std::string& name, ValueType type,
                           std::optional<ValueType> plain) {
  const ValueId id = add_leaf(Origin::slot, name, std::move(type), nullptr);
  if (plain) graph_.values_[static_cast<size_t>(id)].plain = Value{*std::move(plain), {}};
  return id;
}

ValueId GraphBuilder::constant(DType dtype, const Shape& shape, base::Bytes bytes) {
  if (bytes.size() > inline_constant_bytes) {
    fail_build(fmt::format("internal: an unnamed constant of {} bytes; at most {} live in a graph",
                           bytes.size(), inline_constant_bytes));
  }
  std::string name;
  do {
    name = fmt::format("#{}", names_->next_unnamed++);
  } while (names_->leaves.contains(name));
  return constant(name, {dtype, Dims(shape.begin(), shape.end())},
                  std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end()));
}

std::string describe(std::string_view op, std::string_view name) {
  return name.empty() ? std::string(op) : fmt::format("{} {}", op, quoted(name));
}

std::string GraphBuilder::where(const Op& op, std::span<const ValueId> inputs,
                                const std::string& name) const {
  std::vector<std::string> names;
  for (const ValueId id : inputs) {
    const bool there = id >= 0 && static_cast<size_t>(id) < graph_.values_.size();
    if (there && !value(id).name.empty()) names.push_back(quoted(value(id).name));
  }
  const std::string node = describe(op.info().name, name);
  return name.empty() && !names.empty() ? node + " of " + base::join(names, ", ") : node;
}

std::vector<const Value*> GraphBuilder::operands(const Op& op, std::span<const ValueId> inputs,
                                                 const std::string& where) const {
  const OpInfo& info = op.info();
  const int count = static_cast<int>(inputs.size());
  if (count < info.min_inputs || (info.max_inputs >= 0 && count > info.max_inputs)) {
    fail_build(fmt::format("{}: has {} inputs, takes {} to {}", where, count, info.min_inputs,
                           info.max_inputs < 0 ? "any number" : std::to_string(info.max_inputs)));
  }
  std::vector<const Value*> values;
  for (const ValueId id : inputs) {
    if (id != absent && (id < 0 || static_cast<size_t>(id) >= graph_.values_.size())) {
      fail_build(fmt::format("internal: {}: there is no value {}", where, id));
    }
    if (id != absent && !type(id).is_tensor() && !info.any_kind) {
      fail_build(fmt::format("{}: takes tensors, and {} is none", where, type(id).text()));
    }
    values.push_back(id == absent ? nullptr : &value(id).inferred());
  }
  return values;
}

namespace {

// 0 without bodies.
int depth_of(const Graph& graph) {
  int depth = 0;
  for (const Node& node : graph.nodes()) {
    for (const Body& body : node.op.bodies()) depth = std::max(depth, 1 + depth_of(*body));
  }
  return depth;
}

}  // namespace

std::vector<ValueId> GraphBuilder::add_node(Op op, std::vector<ValueId> inputs, int outputs,
                                            std::string name, std::span<const Layout> layouts) {
  const std::string where = this->where(op, inputs, name);
  if (outputs < 1 || outputs > op.info().max_outputs) {
    fail_build(
        fmt::format("{}: has {} outputs, gives 1 to {}", where, outputs, op.info().max_outputs));
  }
  for (const Body& body : op.bodies()) {
    if (depth_of(*body) + 1 > deepest_body)
      fail_build(fmt::format("{}: bodies nested deeper than {}", where, deepest_body));
    reserve(*body);
  }
  Infer infer(where, operands(op, inputs, where), outputs);
  std::vector<Value> values = op.infer(infer);
  if (values.size() != static_cast<size_t>(outputs)) {
    fail_build(
        fmt::format("internal: {}: infer() gave {} outputs for {}", where, values.size(), outputs));
  }
  for (size_t i = 0; i < layouts.size() && i < values.size(); ++i) {
    if (!layouts[i].fits(values[i].type.rank())) {
      fail_build(fmt::format("internal: {}: the layout does not fit output {}, {}", where, i,
                             values[i].type.text()));
    }
    values[i].type.layout = layouts[i];
  }
  const bool leaves = std::all_of(inputs.begin(), inputs.end(),
                                  [&](ValueId id) { return id == absent || only_leaves(id); });
  Node node{std::move(op), std::move(inputs), {}, std::move(name)};
  for (int i = 0; i < outputs; ++i) {
    node.outputs.push_back(add_value({.value = std::move(values[static_cast<size_t>(i)]),
                                      .bytes = nullptr,
                                      .node = static_cast<int>(graph_.nodes_.size()),
                                      .output = i},
                                     leaves));
  }
  graph_.nodes_.push_back(std::move(node));
  node_constraints_.push_back(infer.take_constraints());
  return graph_.nodes_.back().outputs;
}

std::vector<Value> GraphBuilder::infer(const Op& op, std::span<const ValueId> inputs,
                                       int outputs) const {
  const std::string node = where(op, inputs, "");
  Infer infer(node, operands(op, inputs, node), outputs);
  return op.infer(infer);
}

ValueId GraphBuilder::add(Op op, std::vector<ValueId> inputs, std::string name) {
  return add_node(std::move(op), std::move(inputs), 1, std::move(name))[0];
}

void GraphBuilder::output(std::string name, ValueId value) {
  if (value < 0 || static_cast<size_t>(value) >= graph_.values_.size()) {
    fail_build(fmt::format("internal: output {}: there is no value {}", quoted(name), value));
  }
  graph_.outputs_.push_back({std::move(name), value});
}

void GraphBuilder::collect_symbols() {
  for (; symbols_end_ < graph_.values_.size(); ++symbols_end_) {
    const GraphValue& value = graph_.values_[symbols_end_];
    std::vector<std::string> symbols;
    if (value.node >= 0) {
      symbols = symbols_of(graph_, graph_.nodes_[static_cast<size_t>(value.node)]);
    } else {
      for (const Dim& dim : value.value.type.dims.value_or(Dims())) dim.symbols(symbols);
    }
    names_->symbols.insert(symbols.begin(), symbols.end());
  }
}

std::string GraphBuilder::fresh_symbol(std::string_view hint) {
  collect_symbols();
  std::string name(hint);
  int& last = names_->last_of_hint.try_emplace(name, 1).first->second;
  while (!names_->symbols.insert(name).second) name = fmt::format("{}_{}", hint, ++last);
  return name;
}

void GraphBuilder::require(std::span<const Constraint> constraints) {
  for (const Constraint& constraint : constraints) {
    const auto known = decided(constraint.kind, constraint.left, constraint.right);
    if (known == true) continue;
    if (known == false) {
      fail_build(fmt::format("{}: {} and {} do not go together", constraint.reason,
                             constraint.left.text(), constraint.right.text()));
    }
    requirements_.push_back(constraint);
  }
}

void GraphBuilder::name_value(ValueId id, std::string name) {
  GraphValue& value = graph_.values_[static_cast<size_t>(id)];
  if (value.origin != Origin::node) {
    fail_build(fmt::format("internal: {} {} cannot be renamed {}", origin_name(value.origin),
                           quoted(value.name), quoted(name)));
  }
  value.name = std::move(name);
}

void GraphBuilder::name_if_nameless(int node, const std::string& name) {
  std::string& current = graph_.nodes_[static_cast<size_t>(node)].name;
  if (current.empty()) current = name;
}

const Node* GraphBuilder::producer(ValueId id) const {
  const int node = id == absent ? -1 : value(id).node;
  return node < 0 ? nullptr : &graph_.nodes_[static_cast<size_t>(node)];
}

bool GraphBuilder::single_use(ValueId id) const {
  return source_uses_[static_cast<size_t>(id)] == 1;
}

bool GraphBuilder::only_leaves(ValueId id) const { return only_leaves_[static_cast<size_t>(id)]; }

GraphBuilder::Mark GraphBuilder::mark() const {
  return {.values = graph_.values_.size(),
          .nodes = graph_.nodes_.size(),
          .inputs = graph_.inputs_.size(),
          .outputs = graph_.outputs_.size(),
          .requirements = requirements_.size(),
          .unnamed = names_->next_unnamed};
}

void GraphBuilder::rewind(const Mark& mark) {
  const auto forget = [&](const GraphValue& leaf) { names_->leaves.erase(leaf.name); };
  for (const auto& [name, id] : leaf_ids_) {
    if (static_cast<size_t>(id) >= mark.values) forget(value(id));
  }
  for (size_t i = mark.nodes; i < graph_.nodes_.size(); ++i) {
    for (const Body& body : graph_.nodes_[i].op.bodies()) {
      for (const GraphValue* leaf : all_leaves(*body)) forget(*leaf);
    }
  }
  const auto cut = [](auto& list, size_t size) { list.erase(list.begin() + size, list.end()); };
  cut(graph_.values_, mark.values);
  cut(source_uses_, mark.values);
  cut(only_leaves_, mark.values);
  cut(graph_.nodes_, mark.nodes);
  cut(node_constraints_, mark.nodes);
  cut(graph_.inputs_, mark.inputs);
  cut(graph_.outputs_, mark.outputs);
  cut(requirements_, mark.requirements);
  std::erase_if(leaf_ids_,
                [&](const auto& leaf) { return static_cast<size_t>(leaf.second) >= mark.values; });
  names_->next_unnamed = mark.unnamed;
  symbols_end_ = std::min(symbols_end_, mark.values);
  // What nodes that went shared with those that stay.
  for (const ValueId id : graph_.leaves()) keep_leaf_name(value(id));
  for (const Node& node : graph_.nodes_) {
    for (const Body& body : node.op.bodies()) reserve(*body);
  }
}

}  // namespace tenon::ir
