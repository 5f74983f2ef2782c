// Imports of control flow: graphs in attributes become bodies.
#include <algorithm>

#include "ir/ops/if.h"
#include "ir/ops/loop.h"
#include "onnx/imports.h"

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
ir::Body graph_of(NodeContext& node, const Body& body, std::span<const ValueType> formals,
                  const std::vector<ValueId>& captured) {
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
  for (const ValueId id : body.import(inner, inputs, formals.size()))
    inner.output(fmt::format("out{}", outputs++), id);
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

// Whether a value known while building is true.
bool is_true(const ir::Value& value) {
  return value.known && value.known->integers.size() == 1 && value.known->integers[0] == Dim(1);
}

// One loop while its body's types are sought.
class LoopImport {
 public:
  LoopImport(NodeContext& node, const Body& body)
      : node_(node),
        body_(body),
        carried_(node.inputs() - 2),
        captured_(body.captures(carried_ + 2)) {
    types_ = {{DType::i64, {}}, {DType::bool_, {}}};
    for (size_t i = 2; i < node.inputs(); ++i) types_.push_back(node.builder().type(node.input(i)));
    changing_.resize(types_.size());
    for (size_t i = 2; i < types_.size(); ++i) changing_[i].resize(types_[i].rank());
  }

  Outputs run() {
    const size_t leaves = node_.leaves().rows().size();
    do {
      node_.leaves().keep_first(leaves);
      loop_.body = graph_of(node_, body_, types_, captured_);
      if (loop_.body->outputs().size() < 1 + carried_)
        node_.fail("the body has {} outputs, and {} values are carried",
                   loop_.body->outputs().size(), carried_);
    } while (widen());
    loop_.carried = static_cast<int64_t>(carried_);
    loop_.turns = turns();
    name_extents();
    std::vector<ValueId> operands;
    for (size_t i = 0; i < 2; ++i)
      operands.push_back(node_.has(i) ? scalar(node_, node_.input(i)) : ir::absent);
    for (size_t i = 2; i < node_.inputs(); ++i) operands.push_back(node_.input(i));
    operands.insert(operands.end(), captured_.begin(), captured_.end());
    const auto outputs = static_cast<int>(loop_.body->outputs().size()) - 1;
    if (outputs == 0) node_.fail("gives nothing");
    return node_.add_node(loop_, std::move(operands), outputs);
  }

 private:
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
                         is_true(loop_.body->value(outputs[0].value).value);
    const bool begins = !node_.has(1) || is_true(node_.builder().value(node_.input(1)).value);
    if (!goes_on || !begins || !node_.has(0)) return -1;
    const auto& trips = node_.builder().value(node_.input(0)).value.known;
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
  size_t carried_;
  std::vector<ValueId> captured_;
  std::vector<ValueType> types_;                    // of the body's formal inputs
  std::vector<std::vector<std::string>> changing_;  // by formal input and axis
  ir::Loop loop_;
};

}  // namespace

Outputs import_if(NodeContext& node) {
  const Body &yes = given_body(node, "then_branch"), &no = given_body(node, "else_branch");
  std::vector<ValueId> captured = yes.captures(0);
  for (const ValueId id : no.captures(0))
    if (std::ranges::find(captured, id) == captured.end()) captured.push_back(id);
  ir::If op{graph_of(node, yes, {}, captured), graph_of(node, no, {}, captured)};
  const size_t outputs = op.then_body->outputs().size();
  if (op.else_body->outputs().size() != outputs)
    node.fail("one branch has {} outputs, the other {}", outputs, op.else_body->outputs().size());
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

Outputs import_loop(NodeContext& node) { return LoopImport(node, given_body(node, "body")).run(); }

}  // namespace tenon::onnx
