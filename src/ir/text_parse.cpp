// Parses graphs; types are inferred anew, those in the text are checked.
#include <charconv>
#include <functional>
#include <unordered_map>

#include "base/dtype.h"
#include "base/error.h"
#include "base/text.h"
#include "ir/elements.h"
#include "ir/enum_names.h"
#include "ir/text.h"
#include "ir/text_cursor.h"

namespace tenon::ir {
namespace {

constexpr size_t most_characters = size_t{16} << 20;
constexpr size_t most_dims = 32;  // a tensor's axes; more would let a short text make long types

// Runs a parser of a part of the text, and gives its errors the place in the whole.
template <class F>
auto placed(const Cursor& cursor, size_t position, F&& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::bad_file) throw;
    cursor.fail_at(position, error.what());
  }
}

// Items between `open` and `close`, with commas between them.
template <class F>
void parse_list(Cursor& cursor, std::string_view open, std::string_view close, F&& item) {
  cursor.expect(open);
  if (cursor.accept(close)) return;
  do {
    item();
  } while (cursor.accept(","));
  cursor.expect(close);
}

Dim parse_dim(Cursor& cursor) {
  cursor.peek();
  const size_t start = cursor.position();
  const std::string_view text = cursor.until(",]", "a dim");
  return placed(cursor, start, [&] { return Dim::parse(text); });
}

Dims parse_dims(Cursor& cursor) {
  Dims dims;
  parse_list(cursor, "[", "]", [&] {
    if (dims.size() == most_dims) cursor.fail(fmt::format("more than {} dims", most_dims));
    dims.push_back(parse_dim(cursor));
  });
  return dims;
}

Layout parse_layout(Cursor& cursor, size_t rank) {
  const size_t start = cursor.position();
  const std::string_view text = cursor.word("a layout");
  cursor.expect("}");
  return placed(cursor, start, [&] { return Layout::parse(text, rank); });
}

ValueType parse_value_type(Cursor& cursor);

ValueType parse_kind(Cursor& cursor, ValueKind kind) {
  cursor.expect("(");
  const ValueType type = parse_value_type(cursor);
  cursor.expect(")");
  const bool holds_sequence = kind == ValueKind::optional && type.kind == ValueKind::sequence;
  if (holds_sequence) return type.as(ValueKind::optional_sequence);
  if (!type.is_tensor()) cursor.fail("only tensors are in a sequence or optional");
  return type.as(kind);
}

ValueType parse_value_type(Cursor& cursor) {
  if (cursor.accept("seq")) return parse_kind(cursor, ValueKind::sequence);
  if (cursor.accept("optional")) return parse_kind(cursor, ValueKind::optional);
  if (cursor.accept("maps")) return parse_kind(cursor, ValueKind::maps);
  cursor.peek();
  const size_t start = cursor.position();
  const std::string_view word = cursor.word("a dtype");
  const std::optional<DType> dtype = base::parse_dtype(word);
  if (!dtype) cursor.fail_at(start, fmt::format("{} is not a dtype", base::quoted(word)));
  ValueType type;
  type.dtype = *dtype;
  if (cursor.accept("[...]")) return type;
  type.dims = parse_dims(cursor);
  if (cursor.accept("{")) type.layout = parse_layout(cursor, type.rank());
  return type;
}

// Reads field values of the alternative that the op's default holds.
struct FieldParser {
  Cursor& cursor;
  std::function<Graph()> parse_body;

  std::string_view token(std::string_view what) { return cursor.until(",]}", what); }

  void parse(bool& value) {
    const bool is_true = cursor.accept("true");
    if (!is_true) cursor.expect("false");
    value = is_true;
  }
  void parse(int64_t& value) { number(DType::i64, &value, "an integer"); }
  void parse(double& value) { number(DType::f64, &value, "a number"); }
  void parse(std::string& value) { value = cursor.name("a word or a quoted string"); }
  void parse(Dims& value) { value = parse_dims(cursor); }
  void parse(Expression& value) {
    cursor.peek();
    const size_t start = cursor.position();
    const std::string_view text = cursor.until("}", "an expression");
    value = placed(cursor, start, [&] { return Expression::parse(text); });
  }
  void parse(Body& value) { value = std::make_shared<const Graph>(parse_body()); }
  template <class T>
  void parse(std::vector<T>& values) {
    values.clear();
    parse_list(cursor, "[", "]", [&] {
      T value{};
      parse(value);
      values.push_back(std::move(value));
    });
  }

 private:
  void number(DType dtype, void* out, std::string_view what) {
    cursor.peek();
    const size_t start = cursor.position();
    if (!parse_element(dtype, token(what), static_cast<std::byte*>(out))) {
      cursor.fail_at(start, fmt::format("expected {}", what));
    }
  }
};

using NamedFields = std::vector<std::pair<std::string, FieldValue>>;

class Parser {
 public:
  explicit Parser(Cursor& cursor, GraphBuilder builder = {}, int depth = 0)
      : cursor_(cursor), builder_(std::move(builder)), depth_(depth) {}

  Graph run() {
    cursor_.expect("graph");
    parse_list(cursor_, "(", ")", [&] { input(); });
    cursor_.expect("{");
    while (cursor_.peek() == '%') node();
    while (cursor_.accept("require")) requirement();
    cursor_.expect("}");
    cursor_.expect("->");
    parse_list(cursor_, "(", ")", [&] { output(); });
    return builder_.finish();
  }

 private:
  void input() {
    cursor_.peek();
    const size_t start = cursor_.position();
    const bool bare = cursor_.peek() != '"';
    const std::string name = cursor_.name("an input's name");
    cursor_.expect(":");
    define(key(name, bare), builder_.input(name, parse_value_type(cursor_)), start);
  }

  void output() {
    std::string name = cursor_.name("an output's name");
    cursor_.expect("=");
    const ValueId id = operand();
    if (id == absent) cursor_.fail("an output cannot be absent");
    builder_.output(std::move(name), id);
  }

  void node() {
    std::vector<std::pair<std::string, size_t>> results;
    do {
      cursor_.peek();
      const size_t start = cursor_.position();
      results.emplace_back(value_key(), start);
    } while (cursor_.accept(","));
    cursor_.expect("=");
    cursor_.peek();
    const size_t start = cursor_.position();
    const std::string_view op_name = cursor_.word("an op's name");
    std::vector<ValueId> inputs;
    parse_list(cursor_, "(", ")", [&] { inputs.push_back(operand()); });
    Op op = parse_op(op_name, start);
    const auto [types, types_start] = node_types();
    std::string name = cursor_.accept("#") ? cursor_.quoted_name("a node's name") : "";

    if (results.size() > static_cast<size_t>(op.info().max_outputs)) {
      cursor_.fail_at(start,
                      fmt::format("{} gives at most {} outputs", op_name, op.info().max_outputs));
    }
    const std::vector<ValueId> ids = builder_.add_node(
        std::move(op), std::move(inputs), static_cast<int>(results.size()), std::move(name));
    check_types(types, ids, types_start);
    for (size_t i = 0; i < ids.size(); ++i) define(results[i].first, ids[i], results[i].second);
  }

  // `n == 3 # "reason"`
  void requirement() {
    Constraint constraint;
    constraint.left = side("=~>");
    const std::string_view sign = cursor_.accept("~") ? "~" : cursor_.accept(">=") ? ">=" : "==";
    if (sign == "==") cursor_.expect(sign);
    constraint.kind = *parse_enum<Constraint::Kind>(sign);
    constraint.right = side("#");
    cursor_.expect("#");
    constraint.reason = cursor_.quoted_name("the reason");
    builder_.require({&constraint, 1});
  }

  Dim side(std::string_view stop) {
    cursor_.peek();
    const size_t start = cursor_.position();
    const std::string_view text = cursor_.until(stop, "a dim");
    return placed(cursor_, start, [&] { return Dim::parse(text); });
  }

  Graph body() {
    if (depth_ == deepest_body)
      cursor_.fail(fmt::format("bodies nested deeper than {}", deepest_body));
    return Parser(cursor_, builder_.body(), depth_ + 1).run();
  }

  Op parse_op(std::string_view name, size_t start) {
    const auto make = [&](const NamedFields& given) {
      return placed(cursor_, start, [&] { return make_op(name, given); });
    };
    const Op plain = make({});
    NamedFields fields;
    if (!cursor_.accept("{")) return plain;
    const FieldList defaults = plain.table().fields(plain.data());
    FieldParser parser{cursor_, [&] { return body(); }};
    const auto add_field = [&](const std::pair<std::string_view, FieldValue>& field) {
      fields.emplace_back(field);
      std::visit([&](auto& value) { parser.parse(value); }, fields.back().second);
    };
    if (!defaults.empty() && defaults[0].first.empty()) {
      add_field(defaults[0]);
    } else {
      do {
        add_field(find_field(name, defaults));
        if (fields.size() > defaults.size()) cursor_.fail("a field is given twice");
      } while (cursor_.accept(","));
    }
    cursor_.expect("}");
    return make(fields);
  }

  const std::pair<std::string_view, FieldValue>& find_field(std::string_view op,
                                                            const FieldList& defaults) {
    cursor_.peek();
    const size_t start = cursor_.position();
    const std::string_view name = cursor_.word("a field's name");
    cursor_.expect("=");
    for (const auto& field : defaults) {
      if (field.first == name) return field;
    }
    cursor_.fail_at(start, fmt::format("{} has no field {}", op, base::quoted(name)));
  }

  std::pair<std::vector<ValueType>, size_t> node_types() {
    std::vector<ValueType> types;
    if (!cursor_.accept(":")) return {types, cursor_.position()};
    cursor_.peek();
    const size_t start = cursor_.position();
    do {
      types.push_back(parse_value_type(cursor_));
    } while (cursor_.accept(","));
    return {std::move(types), start};
  }

  void check_types(const std::vector<ValueType>& types, const std::vector<ValueId>& ids,
                   size_t start) const {
    if (types.empty()) return;
    if (types.size() != ids.size()) {
      cursor_.fail_at(start, fmt::format("{} types for {} outputs", types.size(), ids.size()));
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      if (builder_.type(ids[i]) == types[i]) continue;
      cursor_.fail_at(start, fmt::format("the type is {}, not {}", builder_.type(ids[i]).text(),
                                         types[i].text()));
    }
  }

  ValueId operand() {
    if (cursor_.accept("_")) return absent;
    if (cursor_.peek() == '%') return value();
    const Origin origin = cursor_.accept("const") ? Origin::constant
                          : cursor_.accept("@")   ? Origin::slot
                                                  : Origin::weight;
    cursor_.peek();
    const size_t start = cursor_.position();
    std::string name = cursor_.quoted_name("an operand");
    if (cursor_.accept(":")) return new_leaf(origin, std::move(name));
    const auto found = leaves_.find(name);
    if (found == leaves_.end() || builder_.value(found->second).origin != origin) {
      cursor_.fail_at(start, fmt::format("{} has no type yet; give it one at its first use",
                                         base::quoted(name)));
    }
    return found->second;
  }

  ValueId new_leaf(Origin origin, std::string name) {
    ValueType type = parse_value_type(cursor_);
    ValueId id = absent;
    if (origin == Origin::weight) id = builder_.weight(name, std::move(type));
    if (origin == Origin::slot) id = builder_.slot(name, std::move(type));
    if (origin == Origin::constant) {
      ConstantBytes bytes = elements(type);
      id = builder_.constant(name, std::move(type), std::move(bytes));
    }
    leaves_.emplace(std::move(name), id);
    return id;
  }

  ConstantBytes elements(const ValueType& type) {
    if (!cursor_.accept("=")) return nullptr;
    const size_t size = byte_count(type.dtype, 1);
    auto bytes = std::make_shared<std::vector<std::byte>>();
    parse_list(cursor_, "[", "]", [&] {
      cursor_.peek();
      const size_t start = cursor_.position();
      const std::string_view text = cursor_.until(",]", "an element");
      if (bytes->size() + size > inline_constant_bytes) {
        cursor_.fail_at(start, fmt::format("more than {} bytes", inline_constant_bytes));
      }
      bytes->resize(bytes->size() + size);
      if (!parse_element(type.dtype, text, bytes->data() + bytes->size() - size)) {
        cursor_.fail_at(start,
                        fmt::format("{} is no {}", base::quoted(text), to_string(type.dtype)));
      }
    });
    return bytes;
  }

  // Numbers of node outputs and quoted names of inputs may read the same.
  static std::string key(const std::string& name, bool bare) {
    return (bare && !is_plain_name(name) ? "%" : "\"") + name;
  }

  std::string value_key() {
    cursor_.expect("%");
    const bool bare = cursor_.peek() != '"';
    return key(cursor_.name("a value's name"), bare);
  }

  ValueId value() {
    const size_t start = cursor_.position();
    const std::string name = value_key();
    const auto found = values_.find(name);
    if (found != values_.end()) return found->second;
    cursor_.fail_at(start, fmt::format("%{} is not defined above", name.substr(1)));
  }

  void define(std::string key, ValueId id, size_t position) {
    const auto [at, fresh] = values_.emplace(std::move(key), id);
    if (fresh) return;
    cursor_.fail_at(position, fmt::format("%{} is defined twice", at->first.substr(1)));
  }

  Cursor& cursor_;
  GraphBuilder builder_;
  int depth_;
  std::unordered_map<std::string, ValueId> values_;
  std::unordered_map<std::string, ValueId> leaves_;
};

}  // namespace

Graph parse(std::string_view text) {
  Cursor cursor(text);
  if (text.size() > most_characters) {
    cursor.fail(fmt::format("more than {} characters", most_characters));
  }
  Graph graph = Parser(cursor).run();
  if (!cursor.at_end()) cursor.fail("expected the end of the text");
  return graph;
}

ValueType parse_type(std::string_view text) {
  Cursor cursor(text);
  ValueType type = parse_value_type(cursor);
  if (!cursor.at_end()) cursor.fail("expected the end of the type");
  return type;
}

}  // namespace tenon::ir
