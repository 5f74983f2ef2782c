// The legal graph, rule by rule.
#include "ir/verify.h"

#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace tenon::ir {
namespace {

using base::quoted;

template <class... Args>
void require(bool rule, fmt::format_string<Args...> format, Args&&... args) {
  if (rule) return;
  base::throw_error(ErrorCode::build,
                    "internal: " + fmt::format(format, std::forward<Args>(args)...));
}

class Verifier {
 public:
  using Names = std::map<std::string_view, const GraphValue*>;  // one space for all bodies

  Verifier(const Graph& graph, Names& names)
      : graph_(graph), defined_(graph.values().size()), names_(names) {}

  void run() {
    for (size_t i = 0; i < defined_.size(); ++i) check_value(static_cast<ValueId>(i));
    check_inputs();
    for (size_t i = 0; i < graph_.nodes().size(); ++i) check_node(graph_.nodes()[i], i);
    check_symbols();
    check_outputs();
    for (size_t i = 0; i < defined_.size(); ++i) require(defined_[i], "value {} is of no node", i);
  }

 private:
  void check_value(ValueId id) {
    const GraphValue& value = graph_.value(id);
    const ValueType& type = value.value.type;
    require(type.layout.plain() || (type.dims && type.layout.fits(type.rank())),
            "value {} has a layout that does not fit its rank", id);
    require(!value.plain || value.origin == Origin::slot, "value {} is packed and no slot", id);
    if (value.origin == Origin::node) return;
    require(value.node == -1, "value {} {} is a leaf and has a producer", id, quoted(value.name));
    define(id);
    if (value.origin != Origin::input) check_leaf(value);
  }

  void check_leaf(const GraphValue& leaf) {
    require(leaves_.insert(leaf.name).second, "two leaves are named {}", quoted(leaf.name));
    const GraphValue& known = *names_.emplace(leaf.name, &leaf).first->second;
    require(known.origin == leaf.origin && known.value.type == leaf.value.type &&
                (!known.bytes || !leaf.bytes || *known.bytes == *leaf.bytes),
            "{} is another leaf in a body", quoted(leaf.name));
    const ValueType& type = leaf.value.type;
    require(type.is_static(), "leaf {} is {}, which is not static", quoted(leaf.name), type.text());
    if (!leaf.bytes) return;
    const size_t size = leaf.bytes->size();
    require(leaf.origin == Origin::constant, "{} has bytes and is no constant", quoted(leaf.name));
    require(size == type.bytes() && size <= inline_constant_bytes, "constant {} of {} has {} bytes",
            quoted(leaf.name), type.text(), size);
  }

  void check_inputs() const {
    std::set<std::string_view> names;
    size_t count = 0;
    for (const GraphValue& value : graph_.values()) count += value.origin == Origin::input;
    for (const ValueId id : graph_.inputs()) {
      require(there(id) && graph_.value(id).origin == Origin::input, "input {} is none", id);
      require(names.insert(graph_.value(id).name).second, "two inputs are named {}",
              quoted(graph_.value(id).name));
    }
    require(count == names.size(), "{} inputs are values, {} are listed", count, names.size());
  }

  void check_node(const Node& node, size_t index) {
    const OpInfo& info = node.op.info();
    const std::string where = describe(node);
    const auto inputs = static_cast<int>(node.inputs.size());
    const auto outputs = static_cast<int>(node.outputs.size());
    require(inputs >= info.min_inputs && (info.max_inputs < 0 || inputs <= info.max_inputs),
            "{}: has {} inputs", where, inputs);
    require(outputs >= 1 && outputs <= info.max_outputs, "{}: has {} outputs", where, outputs);
    for (const ValueId id : node.inputs) {
      require(id == absent || (there(id) && defined_[static_cast<size_t>(id)]),
              "{}: value {} is used before it is defined", where, id);
      require(id == absent || info.any_kind || graph_.type(id).is_tensor(),
              "{}: value {} is no tensor", where, id);
    }
    for (const Body& body : node.op.bodies()) Verifier(*body, names_).run();
    check_types(node, where);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const GraphValue& value = graph_.value(node.outputs[i]);
      require(value.origin == Origin::node && value.node == static_cast<int>(index) &&
                  value.output == static_cast<int>(i),
              "{}: output {} names another producer", where, i);
      define(node.outputs[i]);
    }
  }

  void check_types(const Node& node, const std::string& where) const {
    std::vector<const Value*> operands;
    for (const ValueId id : node.inputs) {
      operands.push_back(id == absent ? nullptr : &graph_.value(id).inferred());
    }
    Infer infer("internal: " + where, std::move(operands), static_cast<int>(node.outputs.size()));
    const std::vector<Value> values = node.op.infer(infer);
    require(values.size() == node.outputs.size(), "{}: infer() gave {} outputs", where,
            values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      require(there(node.outputs[i]), "{}: there is no value {}", where, node.outputs[i]);
      const ValueType& type = graph_.type(node.outputs[i]);
      require(type.dtype == values[i].type.dtype && type.dims == values[i].type.dims &&
                  type.kind == values[i].type.kind,
              "{}: output {} is {}, infer() says {}", where, i, type.text(), values[i].type.text());
    }
  }

  // What a node binds is used by later ones only.
  void check_symbols() const {
    std::set<std::string> unbound;
    for (const Node& node : graph_.nodes()) unbound.merge(bound_by(node));
    if (unbound.empty()) return;
    for (const ValueId id : graph_.inputs()) {
      std::vector<std::string> symbols;
      for (const Dim& dim : graph_.type(id).dims.value_or(Dims())) dim.symbols(symbols);
      for (const std::string& symbol : symbols)
        require(!unbound.contains(symbol), "input {} has symbol {}, which a node binds",
                quoted(graph_.value(id).name), symbol);
    }
    for (const Node& node : graph_.nodes()) {
      for (const std::string& symbol : bound_by(node)) unbound.erase(symbol);
      for (const std::string& symbol : symbols_of(graph_, node)) {
        require(!unbound.contains(symbol), "{} {}: symbol {} is used before it is bound",
                node.op.info().name, quoted(node.name), symbol);
      }
    }
  }

  static std::set<std::string> bound_by(const Node& node) {
    const std::vector<std::string> symbols = node.op.bound_symbols();
    return {symbols.begin(), symbols.end()};
  }

  void check_outputs() const {
    std::set<std::string_view> names;
    for (const Output& output : graph_.outputs()) {
      require(there(output.value) && defined_[static_cast<size_t>(output.value)],
              "output {} has no value", quoted(output.name));
      require(names.insert(output.name).second, "two outputs are named {}", quoted(output.name));
    }
  }

  bool there(ValueId id) const { return id >= 0 && static_cast<size_t>(id) < defined_.size(); }

  void define(ValueId id) {
    require(!defined_[static_cast<size_t>(id)], "value {} is defined twice", id);
    defined_[static_cast<size_t>(id)] = true;
  }

  const Graph& graph_;
  std::vector<bool> defined_;
  std::set<std::string_view> leaves_;
  Names& names_;
};

}  // namespace

void verify(const Graph& graph) {
  Verifier::Names names;
  Verifier(graph, names).run();
}

}  // namespace tenon::ir
