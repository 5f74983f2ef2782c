// What an import function sees: one node, its operands and attributes, and the graph under
// construction.
#include "onnx/node_context.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"
#include "ir/ops/bind.h"
#include "ir/ops/cast.h"
#include "ir/ops/concat.h"
#include "ir/ops/gather.h"
#include "ir/ops/pointwise.h"
#include "ir/ops/range.h"
#include "ir/ops/reshape.h"
#include "ir/ops/shape.h"
#include "ir/ops/transpose.h"

namespace tenon::onnx {
namespace {

std::string_view kind(const AttributeValue& value) {
  constexpr std::string_view kinds[] = {"of a kind that Tenon does not read",
                                        "an integer",
                                        "a number",
                                        "a string",
                                        "a list of integers",
                                        "a list of numbers",
                                        "a list of strings",
                                        "a tensor",
                                        "a graph",
                                        "a type"};
  static_assert(std::size(kinds) == std::variant_size_v<AttributeValue>);
  return kinds[value.index()];
}

// What is known of the elements of a vector of integers, joined of parts.
void add_told(const ir::GraphBuilder& builder, ir::ValueId id,
              std::vector<std::optional<ir::Dim>>& told) {
  const ir::Value& value = builder.value(id).value;
  const ir::Node* join = builder.producer(id);
  if (value.known) {
    told.insert(told.end(), value.known->integers.begin(), value.known->integers.end());
  } else if (join && join->as<ir::Concat>()) {
    for (const ir::ValueId part : join->inputs) add_told(builder, part, told);
  } else {
    told.resize(told.size() + static_cast<size_t>(element_count(value.type.shape())));
  }
}

}  // namespace

NodeContext::NodeContext(const Node& node, ImportState& state, std::vector<ir::ValueId> inputs)
    : node_(node), state_(state), inputs_(std::move(inputs)) {
  std::set<std::string_view> seen;
  for (const Attribute& attribute : node.attributes)
    if (!seen.insert(attribute.name).second)
      fail("attribute {} is there twice", base::quoted(attribute.name));
}

ir::ValueId NodeContext::input(size_t i) const {
  if (!has(i)) fail("operand {} is missing", i);
  return inputs_[i];
}

const ir::Dims& NodeContext::dims(size_t i) const {
  const ir::ValueType& type = state_.builder.type(input(i));
  if (!type.dims) unsupported("the rank of operand {} is not known", i);
  return *type.dims;
}

bool NodeContext::output_used(size_t i) const { return i < node_.wanted.size() && node_.wanted[i]; }

ir::Dims NodeContext::extents_of(ir::ValueId integers) {
  const ir::Value value = state_.builder.value(integers).value;
  if (value.type.dtype != DType::i64 && value.type.dtype != DType::i32)
    fail("{} is no tensor of integers", value.type.text());
  if (value.known) return value.known->integers;
  constexpr auto most = static_cast<int64_t>(ir::Known::limit);
  if (!value.type.is_static() || element_count(value.type.shape()) > most)
    unsupported("extents are read from {}; at most {} can be", value.type.text(), most);
  std::string hint = node_.op_type;
  std::ranges::transform(hint, hint.begin(), [](unsigned char c) { return std::tolower(c); });
  ir::Bind bind;
  for (int64_t i = 0; i < element_count(value.type.shape()); ++i)
    bind.symbols.push_back(state_.builder.fresh_symbol(hint));
  const std::vector<std::optional<ir::Dim>> known = told(integers);
  const ir::ValueId bound = add(std::move(bind), {integers});
  ir::Dims extents = state_.builder.value(bound).value.known->integers;
  for (size_t i = 0; i < extents.size(); ++i) extents[i] = known[i].value_or(extents[i]);
  return extents;
}

std::vector<std::optional<ir::Dim>> NodeContext::told(ir::ValueId integers) const {
  std::vector<std::optional<ir::Dim>> elements;
  add_told(state_.builder, integers, elements);
  return elements;
}

std::vector<int64_t> NodeContext::known_integers(size_t i) const {
  const ir::Value& value = state_.builder.value(input(i)).value;
  if (value.type.dtype != DType::i64 && value.type.dtype != DType::i32)
    fail("operand {} is {}, not integers", i, value.type.text());
  if (!value.known)
    unsupported("operand {} ({}) is not known while building", i, base::quoted(node_.inputs[i]));
  std::vector<int64_t> numbers;
  for (const ir::Dim& dim : value.known->integers) {
    if (!dim.is_constant())
      unsupported("operand {} ({}) depends on the symbolic dim {}", i,
                  base::quoted(node_.inputs[i]), dim.text());
    numbers.push_back(dim.constant());
  }
  return numbers;
}

int64_t NodeContext::known_integer(size_t i) const {
  const std::vector<int64_t> numbers = known_integers(i);
  if (numbers.size() != 1) fail("operand {} has {} elements, not 1", i, numbers.size());
  return numbers[0];
}

std::optional<std::vector<double>> NodeContext::known_numbers(size_t i) const {
  const ir::Value& value = state_.builder.value(input(i)).value;
  if (!is_floating(value.type.dtype))
    fail("operand {} is {}, not floating numbers", i, value.type.text());
  if (!value.known) return std::nullopt;
  return value.known->floats;
}

size_t NodeContext::length(size_t i) const {
  if (rank(i) != 1) fail("operand {} has rank {}, not 1", i, rank(i));
  if (!dims(i)[0].is_constant())
    unsupported("operand {} ({}) has {} elements, which must be known while building", i,
                base::quoted(node_.inputs[i]), dims(i)[0].text());
  return static_cast<size_t>(dims(i)[0].constant());
}

int64_t NodeContext::axis(int64_t axis, size_t rank) const {
  const auto limit = static_cast<int64_t>(rank);
  if (axis < -limit || axis >= limit) fail("axis {} is outside rank {}", axis, rank);
  return axis < 0 ? axis + limit : axis;
}

std::vector<int64_t> NodeContext::axes(std::span<const int64_t> axes, size_t rank) const {
  std::vector<int64_t> sorted;
  for (int64_t each : axes) sorted.push_back(axis(each, rank));
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
    fail("axis {} is there twice", *twice);
  return sorted;
}

bool NodeContext::has_attribute(std::string_view name) const {
  return std::any_of(node_.attributes.begin(), node_.attributes.end(),
                     [&](const Attribute& each) { return each.name == name; });
}

const AttributeValue* NodeContext::find(std::string_view name) {
  used_.insert(std::string(name));
  const auto found = std::ranges::find(node_.attributes, name, &Attribute::name);
  return found == node_.attributes.end() ? nullptr : &found->value;
}

template <class T>
const T* NodeContext::typed(std::string_view name) {
  const AttributeValue* found = find(name);
  const T* value = found ? std::get_if<T>(found) : nullptr;
  if (found && !value)
    fail("attribute {} is {}, not {}", base::quoted(name), kind(*found), kind(T{}));
  return value;
}

int64_t NodeContext::integer(std::string_view name, int64_t otherwise) {
  const auto* found = typed<int64_t>(name);
  return found ? *found : otherwise;
}

int64_t NodeContext::integer(std::string_view name) {
  if (!has_attribute(name)) fail("attribute {} is missing", base::quoted(name));
  return integer(name, 0);
}

float NodeContext::number(std::string_view name, float otherwise) {
  const AttributeValue* value = find(name);
  if (value && std::holds_alternative<int64_t>(*value))
    return static_cast<float>(std::get<int64_t>(*value));
  const auto* found = typed<float>(name);
  return found ? *found : otherwise;
}

std::string NodeContext::text(std::string_view name, std::string_view otherwise) {
  const auto* found = typed<std::string>(name);
  return found ? *found : std::string(otherwise);
}

std::vector<int64_t> NodeContext::integers(std::string_view name) {
  const auto* found = typed<std::vector<int64_t>>(name);
  return found ? *found : std::vector<int64_t>{};
}

std::vector<float> NodeContext::numbers(std::string_view name) {
  const AttributeValue* value = find(name);
  if (const auto* whole = value ? std::get_if<std::vector<int64_t>>(value) : nullptr)
    return {whole->begin(), whole->end()};
  const auto* found = typed<std::vector<float>>(name);
  return found ? *found : std::vector<float>{};
}

std::vector<std::string> NodeContext::texts(std::string_view name) {
  const auto* found = typed<std::vector<std::string>>(name);
  return found ? *found : std::vector<std::string>{};
}

const weights::TensorSource* NodeContext::tensor(std::string_view name) {
  const auto* found = typed<TensorValue>(name);
  if (!found) return nullptr;
  if (!found->source) unsupported("a {} of type {}", name, found->type);
  return &*found->source;
}

const TensorValue* NodeContext::tensor_value(std::string_view name) {
  return typed<TensorValue>(name);
}

const ir::ValueType* NodeContext::type(std::string_view name) { return typed<ir::ValueType>(name); }

const Body* NodeContext::body(std::string_view name) {
  const auto* found = typed<std::shared_ptr<const Body>>(name);
  return found ? found->get() : nullptr;
}

ir::ValueId NodeContext::add(ir::Op op, std::vector<ir::ValueId> inputs) {
  return add_node(std::move(op), std::move(inputs), 1)[0];
}

std::vector<ir::ValueId> NodeContext::add_node(ir::Op op, std::vector<ir::ValueId> inputs,
                                               int outputs) {
  return state_.builder.add_node(std::move(op), std::move(inputs), outputs, node_.name);
}

ir::ValueId NodeContext::pointwise(std::string_view text, std::vector<ir::ValueId> inputs,
                                   std::span<const double> literals) {
  ir::Expression expression = ir::Expression::parse(text);
  for (size_t i = 0; i < literals.size(); ++i)
    expression = expression.with_literal(static_cast<int>(inputs.size() + i), literals[i]);
  return add(ir::Pointwise{std::move(expression)}, std::move(inputs));
}

ir::ValueId NodeContext::cast(ir::ValueId value, DType to) {
  return state_.builder.type(value).dtype == to ? value : add(ir::Cast{to}, {value});
}

ir::ValueId NodeContext::reshape(ir::ValueId value, ir::Dims dims) {
  return add(ir::Reshape{std::move(dims)}, {value});
}

ir::ValueId NodeContext::constant(std::span<const int64_t> integers) {
  return builder().constant(DType::i64, {std::ssize(integers)}, std::as_bytes(integers));
}

ir::ValueId NodeContext::constant(std::span<const float> numbers) {
  return builder().constant(DType::f32, {std::ssize(numbers)}, std::as_bytes(numbers));
}

ir::ValueId NodeContext::scalar(int64_t number) {
  return builder().constant(DType::i64, {}, std::as_bytes(std::span(&number, 1)));
}

ir::ValueId NodeContext::extent(ir::ValueId value, size_t axis) {
  return add(ir::Gather{0}, {shape_of(value), scalar(static_cast<int64_t>(axis))});
}

ir::ValueId NodeContext::counting(const ir::Dim& count, size_t axis, size_t rank) {
  ir::Dims dims(rank, 1);
  dims[axis] = count;
  return reshape(add(ir::Range{{count}}, {scalar(0), scalar(1)}), std::move(dims));
}

ir::ValueId NodeContext::transpose(ir::ValueId value, std::vector<int64_t> permutation) {
  return add(ir::Transpose{std::move(permutation)}, {value});
}

ir::ValueId NodeContext::shape_of(ir::ValueId value) { return add(ir::ShapeOf{}, {value}); }

void NodeContext::require_equal(const ir::Dim& left, const ir::Dim& right, std::string_view what) {
  constexpr auto equal = ir::Constraint::Kind::equal;
  if (ir::decided(equal, left, right) == false)
    fail("{} are {} and {}, and must be equal", what, left.text(), right.text());
  const std::string reason = fmt::format("{}: {} must be equal", label(node_), what);
  builder().require(std::array{ir::Constraint{equal, left, right, reason}});
}

void NodeContext::require_dims(ir::ValueId result, const ir::Dims& dims, std::string_view what) {
  constexpr auto equal = ir::Constraint::Kind::equal;
  const ir::Dims got = builder().dims(result);
  const bool fits = std::ranges::equal(got, dims, [&](const ir::Dim& left, const ir::Dim& right) {
    return ir::decided(equal, left, right) != false;
  });
  if (!fits) fail("{} enlarges {} to {}", what, ir::text(dims), ir::text(got));
  for (size_t i = 0; i < dims.size(); ++i) {
    const std::string reason = fmt::format("{}: {} may not enlarge the result", label(node_), what);
    builder().require(std::array{ir::Constraint{equal, got[i], dims[i], reason}});
  }
}

void NodeContext::check_attributes_used() const {
  for (const Attribute& attribute : node_.attributes) {
    if (used_.contains(attribute.name)) continue;
    if (node_.version < 6 && attribute.name == "consumed_inputs") continue;  // a hint
    std::vector<std::string> known;
    for (const std::string& name : used_) known.push_back(base::quoted(name));
    unsupported("attribute {} is unknown (version {} takes {})", base::quoted(attribute.name),
                node_.version, known.empty() ? "none" : base::join(known, " and "));
  }
}

}  // namespace tenon::onnx
