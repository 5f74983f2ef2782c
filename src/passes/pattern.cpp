// Small questions that several passes ask about nodes and values.
#include "passes/pattern.h"

#include <algorithm>
#include <cmath>

#include "base/dtype.h"

namespace tenon::passes {
namespace {

using ir::Origin;
using ir::Scalar;
using ir::ValueId;

// From 2^53 on, a double may stand for more than one integer.
constexpr double kExactIntegers = 9007199254740992.0;

std::optional<double> element(DType dtype, const std::byte* at) {
  const double value = base::dispatch(dtype, [&](auto tag) {
    return static_cast<double>(base::load<typename decltype(tag)::type>(at));
  });
  if (!is_floating(dtype) && std::abs(value) >= kExactIntegers) return std::nullopt;
  return value;
}

}  // namespace

ValueId operand(const ir::Node& node, size_t i) {
  return i < node.inputs.size() ? node.inputs[i] : ir::absent;
}

std::optional<std::array<ValueId, 2>> binary_operands(const ir::Node& node, Scalar op) {
  const auto* pointwise = node.as<ir::Pointwise>();
  if (!pointwise) return std::nullopt;
  const auto& code = pointwise->expression.instructions();
  if (code.size() != 3 || code[2].op != op) return std::nullopt;
  const auto& left = code[static_cast<size_t>(code[2].args[0])];
  const auto& right = code[static_cast<size_t>(code[2].args[1])];
  if (left.op != Scalar::input || right.op != Scalar::input) return std::nullopt;
  return std::array{operand(node, static_cast<size_t>(left.args[0])),
                    operand(node, static_cast<size_t>(right.args[0]))};
}

bool is_scalar_leaf(const ir::GraphBuilder& out, ValueId id) {
  const ir::GraphValue& leaf = out.value(id);
  if (leaf.origin != Origin::weight && leaf.origin != Origin::constant) return false;
  const ir::ValueType& type = leaf.value.type;
  return type.dims && std::ranges::all_of(*type.dims, [](const ir::Dim& d) { return d == 1; });
}

std::optional<double> scalar_value(const ir::GraphBuilder& out, ValueId id, Door& door) {
  if (!is_scalar_leaf(out, id)) return std::nullopt;
  const ir::GraphValue& leaf = out.value(id);
  const std::vector<std::byte>* bytes = leaf.bytes ? leaf.bytes.get() : door.peek(leaf.name);
  const DType dtype = leaf.value.type.dtype;
  if (!bytes || bytes->size() != byte_count(dtype, 1)) return std::nullopt;
  return element(dtype, bytes->data());
}

void guard_leaf(const ir::GraphBuilder& out, ValueId id, Door& door, std::string_view pass) {
  const ir::GraphValue& leaf = out.value(id);
  if (leaf.origin == Origin::weight) door.guard(leaf.name, pass);
}

ValueId reshaped(ir::GraphBuilder& out, ValueId id, const ir::Dims& dims) {
  if (out.type(id).dims == dims) return id;
  return out.add(ir::Reshape{dims}, {id});
}

}  // namespace tenon::passes
