// Reads statements and imports the nodes that they name.
#include "onnx/function.h"

#include <array>
#include <cctype>
#include <charconv>

#include "ir/text_cursor.h"
#include "onnx/import_node.h"

namespace tenon::onnx {

class Function::Reader {
 public:
  Reader(Function& function, std::string_view text) : function_(function), cursor_(text) {}

  void read() {
    while (!cursor_.at_end()) {
      std::vector<std::string> names{name()};
      while (cursor_.accept(",")) names.push_back(name());
      cursor_.expect("=");
      const Outputs values = expression(names.size());
      for (size_t i = 0; i < names.size(); ++i) function_.set(names[i], values.at(i));
    }
  }

 private:
  std::string name() { return std::string(cursor_.word("a name")); }

  Outputs expression(size_t outputs) {
    const char first = cursor_.peek();
    if (first == '[') return {function_.node_.constant(integers())};
    if (first == '-' || std::isdigit(static_cast<unsigned char>(first))) return {scalar()};
    const std::string word = name();
    const char next = cursor_.peek();
    if (next == '(' || next == '<') return call(word, outputs);
    return {word == "_" ? ir::absent : function_[word]};
  }

  Outputs call(const std::string& op_type, size_t outputs) {
    const Node& whole = function_.node_.node();
    Node node{.op_type = op_type,
              .domain = "",
              .name = whole.name.empty() && !whole.outputs.empty() ? whole.outputs[0] : whole.name,
              .version = Function::function_opset,
              .inputs = {},
              .outputs = std::vector<std::string>(outputs),
              .wanted = std::vector<bool>(outputs, true),
              .attributes = {}};
    if (cursor_.accept("<")) {
      do {
        std::string attribute = name();
        cursor_.expect("=");
        node.attributes.push_back({std::move(attribute), value()});
      } while (cursor_.accept(","));
      cursor_.expect(">");
    }
    cursor_.expect("(");
    std::vector<ir::ValueId> inputs;
    while (!cursor_.accept(")")) {
      inputs.push_back(expression(1)[0]);
      if (cursor_.peek() != ')') cursor_.expect(",");
    }
    node.inputs.resize(inputs.size());
    if (!find_import(node)) cursor_.fail("internal: an op that is not supported");
    return import_node(node, function_.node_.state(), std::move(inputs));
  }

  AttributeValue value() {
    if (cursor_.peek() == '[') return integers();
    if (cursor_.peek() == '"') return cursor_.quoted_name("a string");
    const std::string text = number();
    if (text.find('.') != std::string::npos) return real(text);
    return whole(text);
  }

  std::vector<int64_t> integers() {
    cursor_.expect("[");
    std::vector<int64_t> list;
    while (!cursor_.accept("]")) {
      list.push_back(whole(number()));
      if (cursor_.peek() != ']') cursor_.expect(",");
    }
    return list;
  }

  ir::ValueId scalar() {
    const std::string text = number();
    NodeContext& node = function_.node_;
    if (text.find('.') == std::string::npos)
      return node.reshape(node.constant(std::array{whole(text)}), {});
    const float value = real(text);
    return node.builder().constant(DType::f32, {}, std::as_bytes(std::span(&value, 1)));
  }

  std::string number() {
    std::string text = cursor_.accept("-") ? "-" : "";
    return text += cursor_.word("a number");
  }

  int64_t whole(const std::string& text) { return parsed<int64_t>(text); }
  float real(const std::string& text) { return parsed<float>(text); }

  template <class T>
  T parsed(const std::string& text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) cursor_.fail("no number");
    return value;
  }

  Function& function_;
  ir::Cursor cursor_;
};

Function::Function(NodeContext& node, std::span<const std::string_view> names) : node_(node) {
  for (size_t i = 0; i < names.size(); ++i) set(names[i], node.has(i) ? node.input(i) : ir::absent);
}

void Function::set(std::string_view name, std::span<const int64_t> vector) {
  set(name, node_.constant(vector));
}

void Function::set(std::string_view name, double scalar) {
  const auto value = static_cast<float>(scalar);
  set(name, node_.builder().constant(DType::f32, {}, std::as_bytes(std::span(&value, 1))));
}

void Function::run(std::string_view statements) { Reader(*this, statements).read(); }

ir::ValueId Function::operator[](std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end())
    base::fail(ErrorCode::build, "internal: {} has no value in a function's body",
               base::quoted(std::string(name)));
  return found->second;
}

std::vector<ir::ValueId> FunctionBody::captures(size_t /*formals*/) const {
  std::vector<ir::ValueId> ids;
  for (const auto& [name, id] : around_) ids.push_back(id);
  return ids;
}

std::vector<ir::ValueId> FunctionBody::import(ir::GraphBuilder& builder,
                                              std::span<const ir::ValueId> inputs,
                                              size_t formals) const {
  ImportState state{builder, node_.leaves()};
  NodeContext inside(node_.node(), state, {});
  Function function(inside, {});
  for (size_t i = 0; i < formals; ++i) function.set(text_.inputs.at(i), inputs[i]);
  for (size_t i = formals; const auto& [name, id] : around_) function.set(name, inputs[i++]);
  function.run(text_.statements);
  std::vector<ir::ValueId> outputs;
  for (const std::string_view name : text_.outputs) outputs.push_back(function[name]);
  return outputs;
}

}  // namespace tenon::onnx
