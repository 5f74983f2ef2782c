// Imports of element-wise ops: each becomes a Pointwise node with its definition as an expression.
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "base/text.h"
#include "ir/ops/bit_cast.h"
#include "ir/ops/cast.h"
#include "onnx/import_string.h"
#include "onnx/imports.h"
#include "weights/onnx_wire.h"

namespace tenon::onnx {
namespace {

/// A floating attribute that a formula reads, with ONNX's default (f32).
struct Parameter {
  std::string_view name;
  float otherwise = 0;
};

/// An op's definition: operands are a, b, c; its parameters are the letters after them.
struct Formula {
  std::string_view op_type;
  std::string_view text;
  std::array<Parameter, 2> parameters{};
};

// The definitions are those of the ONNX operator reference, in its words where it has a formula.
constexpr Formula formulas[] = {
    {"Abs", "abs(a)"},
    {"Acos", "acos(a)"},
    {"Acosh", "acosh(a)"},
    {"Add", "add(a, b)"},
    {"And", "logical_and(a, b)"},
    {"Asin", "asin(a)"},
    {"Asinh", "asinh(a)"},
    {"Atan", "atan(a)"},
    {"Atanh", "atanh(a)"},
    {"BitwiseAnd", "bit_and(a, b)"},
    {"BitwiseNot", "bit_not(a)"},
    {"BitwiseOr", "bit_or(a, b)"},
    {"BitwiseXor", "bit_xor(a, b)"},
    {"Ceil", "ceil(a)"},
    {"Celu", "add(max(a, 0), min(mul(sub(exp(div(a, b)), 1), b), 0))", {{{"alpha", 1.0f}}}},
    {"Cos", "cos(a)"},
    {"Cosh", "cosh(a)"},
    {"Div", "div(a, b)"},
    {"Elu", "where(less(a, 0), mul(sub(exp(a), 1), b), a)", {{{"alpha", 1.0f}}}},
    {"Equal", "equal(a, b)"},
    {"Exp", "exp(a)"},
    {"Floor", "floor(a)"},
    {"Greater", "less(b, a)"},
    {"GreaterOrEqual", "less_equal(b, a)"},
    {"HardSigmoid", "max(min(add(mul(a, b), c), 1), 0)", {{{"alpha", 0.2f}, {"beta", 0.5f}}}},
    {"HardSwish", "mul(a, max(min(add(mul(a, 0.16666666666666666), 0.5), 1), 0))"},
    {"IsNaN", "is_nan(a)"},
    {"LeakyRelu", "where(less(a, 0), mul(a, b), a)", {{{"alpha", 0.01f}}}},
    {"Less", "less(a, b)"},
    {"LessOrEqual", "less_equal(a, b)"},
    {"Log", "log(a)"},
    {"Mish", "mul(a, tanh(softplus(a)))"},
    {"Mul", "mul(a, b)"},
    {"Neg", "neg(a)"},
    {"Not", "logical_not(a)"},
    {"Or", "logical_or(a, b)"},
    {"PRelu", "where(less(a, 0), mul(a, b), a)"},
    {"Reciprocal", "reciprocal(a)"},
    {"Relu", "relu(a)"},
    {"Round", "round(a)"},
    {"Selu",
     "mul(where(less_equal(a, 0), sub(mul(exp(a), b), b), a), c)",
     {{{"alpha", 1.67326319217681884765625f}, {"gamma", 1.05070102214813232421875f}}}},
    {"Sigmoid", "sigmoid(a)"},
    {"Sign", "sign(a)"},
    {"Sin", "sin(a)"},
    {"Sinh", "sinh(a)"},
    {"Softplus", "softplus(a)"},
    {"Softsign", "div(a, add(abs(a), 1))"},
    {"Sqrt", "sqrt(a)"},
    {"Sub", "sub(a, b)"},
    {"SwiGLU", "mul(mul(a, sigmoid(mul(a, c))), b)", {{{"alpha", 1.0f}}}},
    {"Swish", "mul(a, sigmoid(mul(a, b)))", {{{"alpha", 1.0f}}}},
    {"Tan", "tan(a)"},
    {"Tanh", "tanh(a)"},
    {"ThresholdedRelu", "where(less(b, a), a, 0)", {{{"alpha", 1.0f}}}},
    {"Where", "where(a, b, c)"},
    {"Xor", "logical_xor(a, b)"},
};

const Formula* find_formula(std::string_view op_type) {
  for (const Formula& formula : formulas)
    if (formula.op_type == op_type) return &formula;
  return nullptr;
}

// Up to opset 6 operand 1 was aligned with operand 0 from an axis on, if that was asked for, and
// PRelu's slopes were of channels.
ir::ValueId old_operand(NodeContext& node) {
  const bool slopes = node.node().op_type == "PRelu";
  if (!slopes && !node.flag("broadcast", false)) {
    node.ignore_attribute("axis");
    if (node.rank(0) != node.rank(1))
      node.fail("operands of rank {} and {} need broadcast=1 up to opset 6", node.rank(0),
                node.rank(1));
    for (size_t i = 0; i < node.rank(0); ++i)
      node.require_equal(node.dims(0)[i], node.dims(1)[i], "extents without broadcast=1");
    return node.input(1);
  }
  const size_t rank = node.rank(0), own = node.rank(1);
  if (own > rank) node.fail("operand 1 has rank {}, and operand 0 {}", own, rank);
  const bool is_one = ir::product(node.dims(1)) == ir::Dim(1);
  const int64_t suffix = static_cast<int64_t>(rank - own);
  const int64_t first = slopes ? (is_one || rank < 2 ? suffix : 1)
                               : node.axis(node.integer("axis", suffix), rank + 1);
  if (first > suffix) node.fail("operand 1 does not fit from axis {} on", first);
  ir::Dims dims = node.dims(1);
  dims.resize(rank - static_cast<size_t>(first), 1);
  return node.reshape(node.input(1), std::move(dims));
}

// "max(max(max(a, b), c), d)" for four operands.
std::string chain(std::string_view function, size_t operands) {
  std::string text = "a";
  for (size_t i = 1; i < operands; ++i)
    text = fmt::format("{}({}, {})", function, text, static_cast<char>('a' + i));
  return text;
}

// At most so many operands in one expression.
constexpr size_t most_operands = 8;

std::string_view variadic_function(std::string_view op_type) {
  return op_type == "Max" ? "max" : op_type == "Min" ? "min" : "add";
}

// Bounds that are attributes have a default: infinities are clipped to it.
Outputs clip_by_attributes(NodeContext& node) {
  constexpr float greatest = std::numeric_limits<float>::max();
  const std::array<double, 2> bounds{node.number("min", -greatest), node.number("max", greatest)};
  return {node.pointwise("min(max(a, b), c)", {node.input(0)}, bounds)};
}

// A bound is a scalar; one element on one axis passes too, as in ONNX Runtime.
ir::ValueId clip_bound(NodeContext& node, size_t i) {
  const ir::Dims& dims = node.dims(i);
  if (dims.empty()) return node.input(i);
  if (dims.size() > 1 || !(dims[0] == ir::Dim(1)))
    node.fail("bound {} is {}, expected a scalar", i, ir::text(dims));
  return node.rank(0) > 0 ? node.input(i) : node.reshape(node.input(i), {});
}

Outputs clip_by_operands(NodeContext& node) {
  std::string text = "a";
  std::vector<ir::ValueId> operands{node.input(0)};
  for (size_t i = 1; i <= 2; ++i) {
    if (!node.has(i)) continue;
    text = fmt::format("{}({}, {})", i == 1 ? "max" : "min", text,
                       static_cast<char>('a' + operands.size()));
    operands.push_back(clip_bound(node, i));
  }
  if (operands.size() == 1) return {node.input(0)};
  return {node.pointwise(text, operands)};
}

}  // namespace

Outputs import_formula(NodeContext& node) {
  const Formula& formula = *find_formula(node.node().op_type);
  std::vector<ir::ValueId> operands;
  for (size_t i = 0; i < node.inputs(); ++i) operands.push_back(node.input(i));
  if (node.opset() < 7 && operands.size() == 2) operands[1] = old_operand(node);
  std::vector<double> literals;
  for (const Parameter& parameter : formula.parameters)
    if (!parameter.name.empty())
      literals.push_back(node.number(parameter.name, parameter.otherwise));
  return {node.pointwise(formula.text, std::move(operands), literals)};
}

// Max, Mean, Min, Sum. Long lists become a chain: each further expression takes the result so far
// as its first operand. Sums of small floats would round, and overflow, between the expressions.
Outputs import_variadic(NodeContext& node) {
  const std::string_view op_type = node.node().op_type;
  const std::string_view function = variadic_function(op_type);
  const DType dtype = node.dtype(0);
  const bool small = is_floating(dtype) && byte_count(dtype, 1) < 4;
  const bool widens = small && function == "add" && node.inputs() > most_operands;
  const auto operand = [&](size_t i) {
    const bool same = node.dtype(i) == dtype;  // others are for infer() to refuse
    return widens && same ? node.cast(node.input(i), DType::f32) : node.input(i);
  };
  ir::ValueId result = operand(0);
  for (size_t next = 1; next < node.inputs();) {
    std::vector<ir::ValueId> operands{result};
    while (next < node.inputs() && operands.size() < most_operands)
      operands.push_back(operand(next++));
    std::string text = chain(function, operands.size());
    if (op_type == "Mean" && next == node.inputs())
      text = fmt::format("div({}, {})", text, node.inputs());
    result = node.pointwise(text, std::move(operands));
  }
  return {widens ? node.cast(result, dtype) : result};
}

Outputs import_clip(NodeContext& node) {
  return node.opset() < 11 ? clip_by_attributes(node) : clip_by_operands(node);
}

// The result has the base's dtype; the power is computed in a dtype that holds both.
Outputs import_pow(NodeContext& node) {
  const ir::ValueId exponent = node.opset() < 7 ? old_operand(node) : node.input(1);
  const DType base = node.dtype(0);
  const bool fractional = !is_floating(base) && is_floating(node.dtype(1));
  const DType computed = fractional ? DType::f64 : base;
  const ir::ValueId power = node.pointwise(
      "pow(a, b)", {node.cast(node.input(0), computed), node.cast(exponent, computed)});
  return {node.cast(power, base)};
}

Outputs import_mod(NodeContext& node) {
  const bool truncates = node.flag("fmod", false);
  if (!truncates && is_floating(node.dtype(0)) && node.opset() < 28)
    node.fail("a modulo of floating numbers needs fmod=1");
  return {node.pointwise(truncates ? "fmod(a, b)" : "mod(a, b)", {node.input(0), node.input(1)})};
}

Outputs import_bit_shift(NodeContext& node) {
  const std::string direction = node.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    node.fail("direction {} is neither LEFT nor RIGHT", base::quoted(direction));
  return {node.pointwise(direction == "LEFT" ? "shift_left(a, b)" : "shift_right(a, b)",
                         {node.input(0), node.input(1)})};
}

Outputs import_gelu(NodeContext& node) {
  const std::string approximate = node.text("approximate", "none");
  if (approximate == "none")  // x / 2 * (1 + erf(x / sqrt(2)))
    return {node.pointwise("mul(mul(a, 0.5), add(erf(mul(a, b)), 1))", {node.input(0)},
                           std::array{std::sqrt(0.5)})};
  if (approximate != "tanh")
    node.fail("approximate {} is neither none nor tanh", base::quoted(approximate));
  // x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))
  return {node.pointwise(
      "mul(mul(a, 0.5), add(tanh(mul(add(a, mul(mul(mul(a, a), a), 0.044715)), b)), 1))",
      {node.input(0)}, std::array{std::sqrt(2 / M_PI)})};
}

Outputs import_is_inf(NodeContext& node) {
  const bool negative = node.flag("detect_negative", true);
  const bool positive = node.flag("detect_positive", true);
  std::string_view text = "less(a, a)";  // false everywhere
  if (negative && positive)
    text = "logical_or(is_positive_infinity(a), is_negative_infinity(a))";
  else if (positive)
    text = "is_positive_infinity(a)";
  else if (negative)
    text = "is_negative_infinity(a)";
  return {node.pointwise(text, {node.input(0)})};
}

// Of integers too, in f32 as ONNX computes it: erf(4) is 1 there, and truncated it stays 1.
Outputs import_erf(NodeContext& node) {
  const DType dtype = node.dtype(0);
  const ir::ValueId x = is_floating(dtype) ? node.input(0) : node.cast(node.input(0), DType::f32);
  return {node.cast(node.pointwise("erf(a)", {x}), dtype)};
}

// Integers are shrunk as f64, for the bounds need not be whole.
Outputs import_shrink(NodeContext& node) {
  const DType dtype = node.dtype(0);
  const double bias = node.number("bias", 0.0f), bound = node.number("lambd", 0.5f);
  const ir::ValueId x = is_floating(dtype) ? node.input(0) : node.cast(node.input(0), DType::f64);
  const ir::ValueId shrunk =
      node.pointwise("where(less(a, b), add(a, d), where(less(c, a), sub(a, d), 0))", {x},
                     std::array{-bound, bound, bias});
  return {node.cast(shrunk, dtype)};
}

namespace {

DType dtype_of(NodeContext& node, int64_t to) {
  const int type = to == static_cast<int>(to) ? static_cast<int>(to) : 0;
  const auto dtype = weights::wire::dtype_of(type);
  if (!dtype) node.unsupported("cast to {}", weights::wire::data_type_name(type));
  return *dtype;
}

// What the attributes say of 8-bit floats. They must not make casts to other types differ.
ir::ValueId cast_as_told(NodeContext& node, DType to) {
  using base::PowerRounding;
  const bool saturate = node.flag("saturate", true);
  const std::string rounding = node.text("round_mode", "up");
  if (rounding != "up" && rounding != "down" && rounding != "nearest")
    node.fail("round_mode {} is unknown", base::quoted(rounding));
  if (to == DType::string || node.dtype(0) == DType::string)
    return cast_texts(node, node.input(0), to);
  if (!is_narrow(to) || node.dtype(0) == to) return node.cast(node.input(0), to);
  ir::Cast cast{.to = to, .saturate = saturate};
  if (to == DType::f8_e8m0)
    cast.rounding = rounding == "up"     ? PowerRounding::up
                    : rounding == "down" ? PowerRounding::down
                                         : PowerRounding::nearest;
  return node.add(cast, {node.input(0)});
}

}  // namespace

Outputs import_cast(NodeContext& node) {
  const int64_t to =
      node.opset() < 6 ? weights::wire::data_type_of(node.text("to", "")) : node.integer("to");
  return {cast_as_told(node, dtype_of(node, to))};
}

Outputs import_bit_cast(NodeContext& node) {
  const DType dtype = dtype_of(node, node.integer("to"));
  return {node.add(ir::BitCast{dtype}, {node.input(0)})};
}

Outputs import_cast_like(NodeContext& node) { return {cast_as_told(node, node.dtype(1))}; }

}  // namespace tenon::onnx
