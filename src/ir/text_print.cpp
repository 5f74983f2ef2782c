// Prints graphs.
#include <fmt/core.h>

#include "base/text.h"
#include "ir/elements.h"
#include "ir/enum_names.h"
#include "ir/text.h"
#include "ir/text_cursor.h"

namespace tenon::ir {
namespace {

std::string quoted(std::string_view name) { return base::quoted(name, base::whole_name); }

// Words of fields (enums, dtypes, layouts) stand bare; other strings, and those that read like a
// value, are quoted.
std::string text_of(const std::string& value) {
  for (const std::string_view taken : {"true", "false", "nan", "inf"}) {
    if (value == taken) return quoted(value);
  }
  return name_text(value);
}
std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(int64_t value) { return std::to_string(value); }
std::string text_of(double value) { return double_text(value); }
std::string text_of(const Dims& value) { return text(value); }
std::string text_of(const Expression& value) { return value.text(); }
std::string text_of(const Body&) { return {}; }  // Printer has it, for it is indented
template <class T>
std::string text_of(const std::vector<T>& values) {
  std::string result = "[";
  for (const T& value : values) {
    if (result.size() > 1) result += ", ";
    result += text_of(value);
  }
  return result + "]";
}

class Printer {
 public:
  Printer(const Graph& graph, std::string indent)
      : graph_(graph), names_(graph.values().size()), indent_(std::move(indent)) {}

  std::string run() {
    name_values();
    header();
    for (const Node& node : graph_.nodes()) print_node(node);
    for (const Constraint& each : graph_.requirements()) print_requirement(each);
    out_ += indent_ + "} -> (";
    list(graph_.outputs(), [&](const Output& output) {
      out_ += name_text(output.name) + " = ";
      operand(output.value);
    });
    return std::move(out_) + ")";
  }

 private:
  void name_values() {
    size_t number = 0;
    for (size_t i = 0; i < names_.size(); ++i) {
      const GraphValue& value = graph_.values()[i];
      if (value.origin == Origin::input) names_[i] = fmt::format("%{}", name_text(value.name));
      if (value.origin == Origin::node) names_[i] = fmt::format("%{}", ++number);
    }
  }

  void header() {
    out_ += "graph (";
    list(graph_.inputs(), [&](ValueId id) {
      out_ += name_text(graph_.value(id).name) + ": " + graph_.type(id).text();
    });
    out_ += ") {\n";
  }

  void print_node(const Node& node) {
    out_ += indent_ + "  ";
    list(node.outputs, [&](ValueId id) { operand(id); });
    out_ += " = ";
    out_ += node.op.info().name;
    out_ += "(";
    list(node.inputs, [&](ValueId id) { operand(id); });
    out_ += ")";
    fields(node.op);
    out_ += " : ";
    list(node.outputs, [&](ValueId id) { out_ += graph_.type(id).text(); });
    if (!node.name.empty()) out_ += " # " + quoted(node.name);
    out_ += "\n";
  }

  void print_requirement(const Constraint& each) {
    out_ += fmt::format("{}  require {} {} {} # {}\n", indent_, each.left.text(),
                        enum_name(each.kind), each.right.text(), quoted(each.reason));
  }

  void fields(const Op& op) {
    const FieldList changed = op.table().changed_fields(op.data());
    if (changed.empty()) return;
    out_ += " {";
    list(changed, [&](const auto& field) {
      if (!field.first.empty()) out_ += std::string(field.first) + " = ";
      const Body* body = std::get_if<Body>(&field.second);
      out_ += body ? Printer(**body, indent_ + "  ").run()
                   : std::visit([](const auto& value) { return text_of(value); }, field.second);
    });
    out_ += "}";
  }

  void operand(ValueId id) {
    if (id == absent) {
      out_ += "_";
      return;
    }
    std::string& name = names_[static_cast<size_t>(id)];
    if (name.empty()) {
      name = leaf_name(graph_.value(id));
      out_ += name + ": " + graph_.type(id).text() + elements(graph_.value(id));
    } else {
      out_ += name;
    }
  }

  static std::string leaf_name(const GraphValue& leaf) {
    const char* kind = leaf.origin == Origin::constant ? "const " : "";
    return (leaf.origin == Origin::slot ? "@" : kind) + quoted(leaf.name);
  }

  static std::string elements(const GraphValue& leaf) {
    if (!leaf.bytes) return "";
    const DType dtype = leaf.value.type.dtype;
    std::string result = " = [";
    for (size_t at = 0; at < leaf.bytes->size(); at += byte_count(dtype, 1)) {
      if (at > 0) result += ", ";
      result += element_text(dtype, leaf.bytes->data() + at);
    }
    return result + "]";
  }

  template <class List, class F>
  void list(const List& items, F&& print_item) {
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += ", ";
      first = false;
      print_item(item);
    }
  }

  const Graph& graph_;
  std::vector<std::string> names_;  // by value; a leaf's is "" until its first use
  std::string indent_;
  std::string out_;
};

}  // namespace

std::string print(const Graph& graph) { return Printer(graph, "").run() + "\n"; }

}  // namespace tenon::ir
