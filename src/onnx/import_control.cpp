// Imports of control flow: graphs in attributes become bodies.
#include "onnx/import_control.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "ir/ops/gather.h"
#include "ir/ops/if.h"
#include "ir/ops/loop.h"
#include "ir/ops/optional.h"
#include "ir/ops/pointwise.h"
#include "ir/ops/sequence.h"
#include "ir/ops/slice.h"
#include "onnx/imports.h"
#include "tenon/error.h"

namespace tenon::onnx {
namespace {

using ir::Dim;
using ir::ValueId;
using ir::ValueType;

const Body& given_body(NodeContext& node, std::string_view name) {
  const Body* body = node.body(name);
  if (!body) node.fail("attribute \"{}\" is missing", name);
  return *body;
}

// The body as a graph of its own: inputs of these types, then what is captured around it.
using Wrap = std::function<ValueId(ir::GraphBuilder& inner, size_t output, ValueId id)>;

ir::Body graph_of(NodeContext& node, const Body& body, std::span<const ValueType> formals,
                  const std::vector<ValueId>& captured, const Wrap& wrap = nullptr) {
  ir::GraphBuilder inner = node.builder().body();
  std::vector<ValueId> inputs;
  size_t names = 0;
  const auto add_input = [&](const ValueType& type) {
    return inner.input(fmt::format("in{}", names++), type);
  };
  for (const ValueType& type : formals) inputs.push_back(add_input(type));
  std::map<ValueId, ValueId> copies;
  for (const ValueId id : captured) copies[id] = add_input(node.builder().type(id));
  for (const ValueId id : body.captures(formals.size())) inputs.push_back(copies.at(id));
  size_t outputs = 0;
  for (const ValueId id : body.import(inner, inputs, formals.size())) {
    inner.output(fmt::format("out{}", outputs), wrap ? wrap(inner, outputs, id) : id);
    ++outputs;
  }
  return std::make_shared<const ir::Graph>(inner.finish());
}

const ValueType& output_type(const ir::Body& body, size_t i) {
  return body->type(body->outputs()[i].value);
}

// ONNX takes one element in any shape where a scalar is meant.
ValueId scalar(NodeContext& node, ValueId id) {
  const auto& dims = node.builder().type(id).dims;
  return dims && dims->empty() ? id : node.reshape(id, {});
}

// Whether the one element of a value is true, where that is known while building.
std::optional<bool> truth(const ir::Value& value) {
  if (!value.known || value.known->integers.size() != 1) return std::nullopt;
  const auto number = value.known->integers[0].try_constant();
  return number ? std::optional(*number != 0) : std::nullopt;
}

/// What a loop begins with; trips and condition may be absent.
struct LoopStart {
  ValueId trips = ir::absent, condition = ir::absent;
  std::vector<ValueId> carried;
};

// One loop while its body's types are sought.
class LoopImport {
 public:
  LoopImport(NodeContext& node, const Body& body, LoopStart start)
      : node_(node),
        body_(body),
        start_(std::move(start)),
        carried_(start_.carried.size()),
        captured_(body.captures(carried_ + 2)) {
    types_ = {{DType::i64, {}}, {DType::bool_, {}}};
    for (const ValueId id : start_.carried) types_.push_back(node.builder().type(id));
    changing_.resize(types_.size());
    for (size_t i = 2; i < types_.size(); ++i) changing_[i].resize(types_[i].rank());
  }

  Outputs run() {
    const size_t leaves = node_.leaves().rows().size();
    do {
      node_.leaves().keep_first(leaves);
      loop_.body = graph_of(node_, body_, types_, captured_,
                            [this](ir::GraphBuilder& inner, size_t output, ValueId id) {
                              return as_optional(inner, output, id);
                            });
      if (loop_.body->outputs().size() < 1 + carried_)
        node_.fail("the body has {} outputs, and {} values are carried",
                   loop_.body->outputs().size(), carried_);
    } while (widen());
    loop_.carried = static_cast<int64_t>(carried_);
    loop_.turns = turns();
    name_extents();
    std::vector<ValueId> operands;
    for (const ValueId id : {start_.trips, start_.condition})
      operands.push_back(id == ir::absent ? id : scalar(node_, id));
    operands.insert(operands.end(), start_.carried.begin(), start_.carried.end());
    operands.insert(operands.end(), captured_.begin(), captured_.end());
    const auto outputs = static_cast<int>(loop_.body->outputs().size()) - 1;
    if (outputs == 0) node_.fail("gives nothing");
    Outputs results = node_.add_node(loop_, std::move(operands), outputs);
    for (const size_t i : opened_) results[i] = node_.add(ir::OptionalGetElement{}, {results[i]});
    return results;
  }

 private:
  // A carried value may begin as an optional sequence and become a sequence; it is one type here,
  // and the last is opened.
  ValueId as_optional(ir::GraphBuilder& inner, size_t output, ValueId id) {
    const bool is_carried = output >= 1 && output <= carried_;
    if (!is_carried || types_[1 + output].kind != ir::ValueKind::optional_sequence ||
        inner.type(id).kind != ir::ValueKind::sequence)
      return id;
    opened_.insert(output - 1);
    return inner.add(ir::Optional{}, {id});
  }

  // Extents of carried values that the body changes become symbols; true where there is a new one.
  bool widen() {
    bool changed = false;
    for (size_t i = 0; i < carried_; ++i) {
      const ValueType& after = output_type(loop_.body, 1 + i);
      ValueType& before = types_[2 + i];
      if (!before.dims) continue;
      if (!after.dims || after.rank() != before.rank() || !before.is_tensor()) {
        if (after.dims == before.dims) continue;
        before.dims.reset();
        changing_[2 + i].clear();
        changed = true;
        continue;
      }
      for (size_t axis = 0; axis < before.rank(); ++axis)
        changed |= widen((*before.dims)[axis], (*after.dims)[axis], changing_[2 + i][axis]);
    }
    return changed;
  }

  bool widen(Dim& before, const Dim& after, std::string& symbol) {
    if (before == after || !symbol.empty()) return false;
    symbol = node_.builder().fresh_symbol("turn");
    before = Dim::symbol(symbol);
    return true;
  }

  // Known where the trip count is, and no condition can end it.
  int64_t turns() {
    const auto& outputs = loop_.body->outputs();
    const bool goes_on = outputs[0].value == loop_.body->inputs()[1] ||
                         truth(loop_.body->value(outputs[0].value).value).value_or(false);
    const bool begins = start_.condition == ir::absent ||
                        truth(node_.builder().value(start_.condition).value).value_or(false);
    if (!goes_on || !begins || start_.trips == ir::absent) return -1;
    const auto& trips = node_.builder().value(start_.trips).value.known;
    if (!trips || trips->integers.size() != 1 || !trips->integers[0].is_constant()) return -1;
    return std::max<int64_t>(trips->integers[0].constant(), 0);
  }

  void name_extents() {
    std::vector<std::string> inside = ir::bound_symbols(*loop_.body);
    for (size_t i = 2; i < types_.size(); ++i) {
      if (!types_[i].is_tensor()) continue;
      for (const std::string& symbol : changing_[i]) {
        loop_.changing.push_back(symbol);
        loop_.symbols.push_back(symbol.empty() ? "" : fresh());
        if (!symbol.empty()) inside.push_back(symbol);
      }
    }
    const std::string turns = loop_.turns < 0 ? node_.builder().fresh_symbol("turns") : "";
    for (size_t i = 1 + carried_; i < loop_.body->outputs().size(); ++i) {
      const auto& dims = output_type(loop_.body, i).dims;
      if (!dims) continue;
      loop_.symbols.push_back(turns);
      for (const Dim& dim : *dims) loop_.symbols.push_back(mentions(dim, inside) ? fresh() : "");
    }
  }

  static bool mentions(const Dim& dim, const std::vector<std::string>& symbols) {
    std::vector<std::string> used;
    dim.symbols(used);
    return std::ranges::find_first_of(used, symbols) != used.end();
  }

  std::string fresh() { return node_.builder().fresh_symbol("loop"); }

  NodeContext& node_;
  const Body& body_;
  LoopStart start_;
  size_t carried_;
  std::vector<ValueId> captured_;
  std::vector<ValueType> types_;                    // of the body's formal inputs
  std::vector<std::vector<std::string>> changing_;  // by formal input and axis
  std::set<size_t> opened_;                         // carried values that become sequences
  ir::Loop loop_;
};

// Of a branch that never runs: its weights stay names that a refit may give. It may be written for
// other ranks, so what does not fit there is no error.
void read_leaves(NodeContext& node, const Body& body) {
  const std::shared_ptr<void> forgiven = body.forgive();
  try {
    graph_of(node, body, {}, body.captures(0));
  } catch (const BuildError&) {  // leaves are read before nodes
  } catch (const Unsupported&) {
  }
}

}  // namespace

namespace {

Outputs take_branch(NodeContext& node, const Body& taken, const Body& left) {
  read_leaves(node, left);
  return taken.import(node.builder(), taken.captures(0), 0);
}

/// Two extents, where the condition is that they are equal.
std::optional<std::pair<Dim, Dim>> compared_extents(NodeContext& node) {
  static const auto equal = ir::Expression::parse("equal(a, b)");
  const ir::Node* producer = node.builder().producer(node.input(0));
  const auto* compare = producer ? producer->as<ir::Pointwise>() : nullptr;
  if (!compare || !(compare->expression == equal)) return std::nullopt;
  const auto& a = node.builder().value(producer->inputs[0]).value.known;
  const auto& b = node.builder().value(producer->inputs[1]).value.known;
  if (!a || !b || a->integers.size() != 1 || b->integers.size() != 1) return std::nullopt;
  return std::pair(a->integers[0], b->integers[0]);
}

// Where a node reads what may have one rank or another.
bool ranks_part(const Node& node, const ir::If& op) {
  for (size_t i = 0; i < std::min(node.read.size(), op.then_body->outputs().size()); ++i) {
    if (!node.read[i]) continue;
    const ValueType &a = output_type(op.then_body, i), &b = output_type(op.else_body, i);
    if (a.is_tensor() && a.dims && b.dims && a.rank() != b.rank()) return true;
  }
  return false;
}

}  // namespace

Outputs import_if(NodeContext& node) {
  const Body &yes = given_body(node, "then_branch"), &no = given_body(node, "else_branch");
  if (const auto known = truth(node.builder().value(node.input(0)).value))
    return *known ? take_branch(node, yes, no) : take_branch(node, no, yes);
  const size_t leaves = node.leaves().rows().size();
  std::vector<ValueId> captured = yes.captures(0);
  for (const ValueId id : no.captures(0))
    if (std::ranges::find(captured, id) == captured.end()) captured.push_back(id);
  ir::If op{graph_of(node, yes, {}, captured), graph_of(node, no, {}, captured)};
  const size_t outputs = op.then_body->outputs().size();
  if (op.else_body->outputs().size() != outputs)
    node.fail("one branch has {} outputs, the other {}", outputs, op.else_body->outputs().size());
  // What is behind needs one rank: a squeeze of an axis that has one element is meant to happen,
  // and runs with other extents are refused.
  if (const auto extents = ranks_part(node.node(), op) ? compared_extents(node) : std::nullopt) {
    node.leaves().keep_first(leaves);
    node.require_equal(extents->first, extents->second, "the extents that choose a branch");
    return take_branch(node, yes, no);
  }
  for (size_t i = 0; i < outputs; ++i) {
    const ValueType &a = output_type(op.then_body, i), &b = output_type(op.else_body, i);
    if (!a.is_tensor() || !a.dims || !b.dims || a.rank() != b.rank()) continue;
    for (size_t axis = 0; axis < a.rank(); ++axis) {
      const bool same = (*a.dims)[axis] == (*b.dims)[axis];
      op.symbols.push_back(same ? "" : node.builder().fresh_symbol("if"));
    }
  }
  std::vector<ValueId> operands{scalar(node, node.input(0))};
  operands.insert(operands.end(), captured.begin(), captured.end());
  return node.add_node(std::move(op), std::move(operands), static_cast<int>(outputs));
}

Outputs import_loop(NodeContext& node) {
  LoopStart start;
  if (node.has(0)) start.trips = node.input(0);
  if (node.has(1)) start.condition = node.input(1);
  for (size_t i = 2; i < node.inputs(); ++i) start.carried.push_back(node.input(i));
  return LoopImport(node, given_body(node, "body"), std::move(start)).run();
}

namespace {

/// A body that a Loop runs for another op: turn by turn it is given one element of each of `read`,
/// which come from outside whole.
class TurnBody : public Body {
 public:
  TurnBody(const Body& inner, std::vector<ValueId> read) : inner_(inner), read_(std::move(read)) {}

  std::vector<ValueId> captures(size_t formals) const override {
    std::vector<ValueId> ids = read_;
    for (const ValueId id : inner_.captures(inner_formals(formals))) ids.push_back(id);
    return ids;
  }

  std::vector<ValueId> import(ir::GraphBuilder& builder, std::span<const ValueId> inputs,
                              size_t formals) const override {
    const auto carried = inputs.subspan(2, formals - 2);
    const auto read = inputs.subspan(formals, read_.size());
    const auto captured = inputs.subspan(formals + read_.size());
    std::vector<ValueId> given = states(carried);
    for (const ValueId whole : read) given.push_back(element(builder, whole, inputs[0]));
    given.insert(given.end(), captured.begin(), captured.end());
    std::vector<ValueId> outputs = inner_.import(builder, given, inner_formals(formals));
    outputs = results(builder, carried, std::move(outputs));
    outputs.insert(outputs.begin(), inputs[1]);
    return outputs;
  }

 protected:
  /// The carried values that the inner body is given.
  virtual std::vector<ValueId> states(std::span<const ValueId> carried) const = 0;
  virtual ValueId element(ir::GraphBuilder& builder, ValueId whole, ValueId turn) const = 0;
  /// Carried values and scanned ones, of what the inner body gives.
  virtual std::vector<ValueId> results(ir::GraphBuilder& builder, std::span<const ValueId> carried,
                                       std::vector<ValueId> outputs) const = 0;

 private:
  size_t inner_formals(size_t formals) const {
    const std::vector<ValueId> carried(formals - 2, ir::absent);
    return states(carried).size() + read_.size();
  }

  const Body& inner_;
  std::vector<ValueId> read_;
};

/// Scan's: slices along axis 0.
class ScanBody : public TurnBody {
 public:
  using TurnBody::TurnBody;

 protected:
  std::vector<ValueId> states(std::span<const ValueId> carried) const override {
    return {carried.begin(), carried.end()};
  }
  ValueId element(ir::GraphBuilder& builder, ValueId whole, ValueId turn) const override {
    return builder.add_node(ir::Gather{0}, {whole, turn}, 1, "")[0];
  }
  std::vector<ValueId> results(ir::GraphBuilder&, std::span<const ValueId>,
                               std::vector<ValueId> outputs) const override {
    return outputs;
  }
};

/// SequenceMap's: tensors of sequences, each result at the end of a sequence.
class MapBody : public TurnBody {
 public:
  using TurnBody::TurnBody;

 protected:
  std::vector<ValueId> states(std::span<const ValueId>) const override { return {}; }
  ValueId element(ir::GraphBuilder& builder, ValueId whole, ValueId turn) const override {
    if (builder.type(whole).is_tensor()) return whole;
    return builder.add_node(ir::SequenceAt{taken_symbols(builder, whole)}, {whole, turn}, 1, "")[0];
  }
  std::vector<ValueId> results(ir::GraphBuilder& builder, std::span<const ValueId> carried,
                               std::vector<ValueId> outputs) const override {
    for (size_t i = 0; i < outputs.size(); ++i)
      outputs[i] = builder.add_node(ir::SequenceInsert{}, {carried[i], outputs[i]}, 1, "")[0];
    return outputs;
  }
};

// The value with the order of elements along axis 0 turned round.
ValueId reversed(NodeContext& node, ValueId value) {
  const ir::Dims dims = node.builder().dims(value);
  ir::Slice slice{ir::Dims(dims.size(), 0), dims, std::vector<int64_t>(dims.size(), 1)};
  slice.starts[0] = dims[0] - 1;
  slice.steps[0] = -1;
  return node.add(std::move(slice), {value});
}

// Axis `from` goes to `to`, all others keep their order.
ValueId axis_moved(NodeContext& node, ValueId value, size_t from, size_t to) {
  if (from == to) return value;
  std::vector<int64_t> order = axes_from(0, node.builder().dims(value).size());
  const int64_t axis = order[from];
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(from));
  order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), axis);
  return node.transpose(value, std::move(order));
}

// One number of a list that may be missing.
int64_t listed(NodeContext& node, std::string_view name, size_t i, size_t count) {
  const std::vector<int64_t> list = node.integers(name);
  if (!list.empty() && list.size() != count)
    node.fail("{} has {} numbers, and must have {}", name, list.size(), count);
  return list.empty() ? 0 : list[i];
}

}  // namespace

Outputs add_loop(NodeContext& node, const Body& body, ValueId turns, std::vector<ValueId> carried) {
  return LoopImport(node, body, {.trips = turns, .carried = std::move(carried)}).run();
}

Outputs add_scan(NodeContext& node, const Body& body, std::vector<ValueId> carried,
                 std::vector<ValueId> read) {
  const ValueId turns = node.extent(read[0], 0);
  return add_loop(node, ScanBody(body, std::move(read)), turns, std::move(carried));
}

namespace {

// Version 8 runs over batches, of which one is no batch. Lengths of its own come first.
Outputs scan_of_one_sample(NodeContext& node) {
  const Body& body = given_body(node, "body");
  if (node.has(0)) node.unsupported("version 8 with lengths of its samples");
  const int64_t scans = node.integer("num_scan_inputs");
  const auto operands = static_cast<int64_t>(node.inputs()) - 1;
  if (scans < 1 || scans > operands)
    node.fail("num_scan_inputs is {}, and there are {} operands", scans, operands);
  for (const int64_t direction : node.integers("directions"))
    if (direction != 0) node.unsupported("version 8 from the end");
  std::vector<ValueId> carried, read;
  for (size_t i = 1; i < node.inputs(); ++i) {
    ir::Dims dims = node.dims(i);
    if (dims.empty() || !(dims[0] == Dim(1)))
      node.unsupported("version 8 over a batch of {}; it is taken of one sample",
                       dims.empty() ? "scalars" : dims[0].text());
    dims.erase(dims.begin());
    const bool scanned = static_cast<int64_t>(i) > operands - scans;
    (scanned ? read : carried).push_back(node.reshape(node.input(i), std::move(dims)));
  }
  Outputs outputs = add_scan(node, body, std::move(carried), std::move(read));
  for (ValueId& each : outputs) {
    ir::Dims dims = node.builder().dims(each);
    dims.insert(dims.begin(), 1);
    each = node.reshape(each, std::move(dims));
  }
  return outputs;
}

}  // namespace

Outputs import_scan(NodeContext& node) {
  if (node.opset() < 9) return scan_of_one_sample(node);
  const Body& body = given_body(node, "body");
  const int64_t given = node.integer("num_scan_inputs");
  if (given < 1 || given > static_cast<int64_t>(node.inputs()))
    node.fail("num_scan_inputs is {}, and there are {} operands", given, node.inputs());
  const auto scans = static_cast<size_t>(given), states = node.inputs() - scans;
  std::vector<ValueId> read;
  for (size_t i = 0; i < scans; ++i) {
    const size_t operand = states + i;
    const int64_t axis = listed(node, "scan_input_axes", i, scans);
    const auto at = static_cast<size_t>(node.axis(axis, node.rank(operand)));
    ValueId whole = axis_moved(node, node.input(operand), at, 0);
    if (listed(node, "scan_input_directions", i, scans) != 0) whole = reversed(node, whole);
    if (i > 0)
      node.require_equal(node.builder().dims(whole)[0], node.builder().dims(read[0])[0],
                         "extents of scanned axes");
    read.push_back(whole);
  }
  std::vector<ValueId> carried;
  for (size_t i = 0; i < states; ++i) carried.push_back(node.input(i));
  Outputs outputs = add_scan(node, body, std::move(carried), std::move(read));
  for (size_t i = states; i < outputs.size(); ++i) {
    const size_t count = outputs.size() - states;
    if (listed(node, "scan_output_directions", i - states, count) != 0)
      outputs[i] = reversed(node, outputs[i]);
    const int64_t axis = listed(node, "scan_output_axes", i - states, count);
    if (axis == 0) continue;
    const size_t rank = node.builder().dims(outputs[i]).size();
    outputs[i] = axis_moved(node, outputs[i], 0, static_cast<size_t>(node.axis(axis, rank)));
  }
  return outputs;
}

// What the body gives is asked for once before, for the types of the sequences.
Outputs import_sequence_map(NodeContext& node) {
  const Body& body = given_body(node, "body");
  const size_t leaves = node.leaves().rows().size();
  std::vector<ValueId> read;
  std::vector<ValueType> formals;
  for (size_t i = 0; i < node.inputs(); ++i) {
    read.push_back(node.input(i));
    formals.push_back(node.builder().type(read.back()).as(ir::ValueKind::tensor));
  }
  const ir::Body once = graph_of(node, body, formals, body.captures(formals.size()));
  node.leaves().keep_first(leaves);
  const ValueId turns = node.add(ir::SequenceLength{}, {read[0]});
  std::vector<ValueId> carried;
  for (size_t i = 0; i < once->outputs().size(); ++i)
    carried.push_back(node.add(ir::SequenceConstruct{output_type(once, i).dtype}, {}));
  return add_loop(node, MapBody(body, read), turns, std::move(carried));
}

}  // namespace tenon::onnx
