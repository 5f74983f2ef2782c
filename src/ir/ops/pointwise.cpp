// Types and known values of element-wise expressions.
#include "ir/ops/pointwise.h"

#include <algorithm>

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

// One scalar while compiling: an integer (or bool) as a dim, or a float.
struct Element {
  bool floating = false;
  Dim integer;
  double number = 0;
};
using Answer = std::optional<Element>;  // nothing: it cannot be told

Element of(const Dim& value) { return {.integer = value}; }
Element of_bool(bool value) { return of(Dim(value ? 1 : 0)); }
Element of(double value) { return {.floating = true, .number = value}; }

// Whether a < b (or a <= b, with slack 1) for all values of the symbols.
Answer is_less(const Dim& a, const Dim& b, int64_t slack) {
  const Dim gap = a - b - slack;
  const auto low = gap.lower_bound(), high = gap.upper_bound();
  if (high && *high < 0) return of_bool(true);
  if (low && *low >= 0) return of_bool(false);
  return std::nullopt;
}

Answer is_equal(const Dim& a, const Dim& b) {
  if (a == b) return of_bool(true);
  const Dim gap = a - b;
  const auto low = gap.lower_bound(), high = gap.upper_bound();
  if ((low && *low > 0) || (high && *high < 0)) return of_bool(false);
  return std::nullopt;
}

bool is_not_negative(const Dim& value) {
  const auto low = value.lower_bound();
  return low && *low >= 0;
}

// Integer division truncates, as in C++; it is floor_div where neither side is negative.
Answer divide(const Dim& a, const Dim& b) {
  if (b == Dim(0)) return std::nullopt;
  if (is_not_negative(a) && is_not_negative(b)) return of(floor_div(a, b));
  const auto x = a.try_constant(), y = b.try_constant();
  if (!x || !y || (*x == INT64_MIN && *y == -1)) return std::nullopt;
  return of(Dim(*x / *y));
}

Answer unary(Scalar op, const Dim& a) {
  switch (op) {
    case Scalar::neg: return of(Dim(0) - a);
    case Scalar::abs:
      if (is_not_negative(a)) return of(a);
      return a.is_constant() ? Answer(of(Dim(0) - a)) : std::nullopt;
    case Scalar::relu: return of(max(a, 0));
    case Scalar::logical_not: return a.is_constant() ? Answer(of(Dim(1) - a)) : std::nullopt;
    default: return std::nullopt;
  }
}

Answer logical(Scalar op, const Dim& a, const Dim& b) {
  if (!a.is_constant() || !b.is_constant()) return std::nullopt;
  const bool x = a.constant() != 0, y = b.constant() != 0;
  if (op == Scalar::logical_and) return of_bool(x && y);
  return of_bool(op == Scalar::logical_or ? x || y : x != y);
}

Answer binary(Scalar op, const Dim& a, const Dim& b) {
  switch (op) {
    case Scalar::add: return of(a + b);
    case Scalar::sub: return of(a - b);
    case Scalar::mul: return of(a * b);
    case Scalar::div: return divide(a, b);
    case Scalar::mod: return b == Dim(0) ? std::nullopt : Answer(of(mod(a, b)));
    case Scalar::min: return of(min(a, b));
    case Scalar::max: return of(max(a, b));
    case Scalar::equal: return is_equal(a, b);
    case Scalar::less: return is_less(a, b, 0);
    case Scalar::less_equal: return is_less(a, b, 1);
    case Scalar::logical_and:
    case Scalar::logical_or:
    case Scalar::logical_xor: return logical(op, a, b);
    default: return std::nullopt;
  }
}

// Functions that every kernel computes with the same bits; the others are left to the run.
Answer unary(Scalar op, double a) {
  switch (op) {
    case Scalar::neg: return of(-a);
    case Scalar::abs: return of(std::abs(a));
    case Scalar::ceil: return of(std::ceil(a));
    case Scalar::floor: return of(std::floor(a));
    case Scalar::round: return of(std::nearbyint(a));
    case Scalar::sqrt: return of(std::sqrt(a));
    case Scalar::reciprocal: return of(1 / a);
    default: return std::nullopt;
  }
}

Answer binary(Scalar op, double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::nullopt;
  switch (op) {
    case Scalar::add: return of(a + b);
    case Scalar::sub: return of(a - b);
    case Scalar::mul: return of(a * b);
    case Scalar::div: return of(a / b);
    case Scalar::min: return of(std::min(a, b));
    case Scalar::max: return of(std::max(a, b));
    case Scalar::equal: return of_bool(a == b);
    case Scalar::less: return of_bool(a < b);
    case Scalar::less_equal: return of_bool(a <= b);
    default: return std::nullopt;
  }
}

// Evaluates one expression for one element after another.
class Evaluator {
 public:
  Evaluator(const Expression& expression, std::vector<DType> dtypes)
      : instructions_(expression.instructions()), dtypes_(std::move(dtypes)) {}

  Answer run(std::span<const Element> inputs) {
    values_.clear();
    for (size_t i = 0; i < instructions_.size(); ++i) {
      Answer value = apply(i, inputs);
      if (value && !value->floating && !representable(dtypes_[i], value->integer)) value.reset();
      // f16 and bf16 are computed in f32. Rounding a double once more does no harm to + - * / sqrt.
      if (value && value->floating && dtypes_[i] != DType::f64)
        value->number = rounded(DType::f32, value->number);
      values_.push_back(std::move(value));
    }
    Answer result = values_.back();
    if (result && result->floating) result->number = rounded(dtypes_.back(), result->number);
    return result;
  }

 private:
  Answer apply(size_t i, std::span<const Element> inputs) const {
    const auto& [op, args, literal] = instructions_[i];
    if (op == Scalar::input) return inputs[static_cast<size_t>(args[0])];
    if (op == Scalar::literal)
      return is_floating(dtypes_[i]) ? of(literal) : of(Dim(static_cast<int64_t>(literal)));
    const Answer& a = values_[static_cast<size_t>(args[0])];
    if (!a) return std::nullopt;
    if (op == Scalar::where) {
      const auto condition = a->integer.try_constant();
      return condition ? values_[static_cast<size_t>(args[*condition != 0 ? 1 : 2])] : std::nullopt;
    }
    if (arity(op) == 1) return a->floating ? unary(op, a->number) : unary(op, a->integer);
    const Answer& b = values_[static_cast<size_t>(args[1])];
    if (!b || a->floating != b->floating) return std::nullopt;
    return a->floating ? binary(op, a->number, b->number) : binary(op, a->integer, b->integer);
  }

  const std::vector<Expression::Instruction>& instructions_;
  std::vector<DType> dtypes_;
  std::vector<Answer> values_;
};

// The element of a known operand that broadcasting puts at the flat index `at` of a result of
// extents `out`.
Element element(const Value& operand, const Shape& out, size_t at) {
  const size_t index = broadcast_index(operand.type.shape(), out, at);
  return is_floating(operand.type.dtype) ? of(operand.known->floats[index])
                                         : of(operand.known->integers[index]);
}

std::optional<Known> evaluate(const Expression& expression, const Infer& in,
                              const std::vector<DType>& dtypes, const Dims& dims) {
  const auto count = known_count(dims);
  if (!count) return std::nullopt;
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in[i].known) return std::nullopt;
  }
  const Shape shape = constants(dims);
  Evaluator evaluator(expression, dtypes);
  Known out;
  for (size_t at = 0; at < *count; ++at) {
    std::vector<Element> inputs;
    for (size_t i = 0; i < in.size(); ++i) inputs.push_back(element(in[i], shape, at));
    const Answer answer = evaluator.run(inputs);
    if (!answer) return std::nullopt;
    if (answer->floating) {
      out.floats.push_back(answer->number);
    } else {
      out.integers.push_back(answer->integer);
    }
  }
  return out;
}

}  // namespace

std::vector<Value> Pointwise::infer(Infer& in) const {
  if (in.size() != static_cast<size_t>(expression.inputs())) {
    in.fail(
        fmt::format("the expression has {} inputs, the node {}", expression.inputs(), in.size()));
  }
  std::vector<DType> inputs;
  for (size_t i = 0; i < in.size(); ++i) inputs.push_back(in.dtype(i));
  std::vector<DType> dtypes;
  try {
    dtypes = expression.infer(inputs);
  } catch (const BuildError& error) {  // without the node's name
    in.fail(error.what());
  }
  Value out;
  out.type.dtype = dtypes.back();
  Dims dims;
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in.type(i).dims) return {out};
    dims = in.broadcast(dims, in.dims(i));
  }
  out.type.dims = dims;
  try {
    out.known = evaluate(expression, in, dtypes, dims);
  } catch (const BuildError&) {  // more than 64 bits: the values stay unknown
    out.known.reset();
  }
  return {out};
}

}  // namespace tenon::ir
