// x * 0.5 * (1 + erf(x / sqrt(2))) as exporters spell it, with its numbers in initializers: they
// become literals, under a guard, and the whole is one expression. The literals are the weights'
// own values, so results stay the model's.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "ir/ops/checks.h"
#include "ir/rewrite.h"
#include "passes/formula.h"
#include "passes/pattern.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::GraphBuilder;
using ir::Scalar;
using ir::ValueId;
using Code = std::vector<ir::Expression::Instruction>;

// How far a model's number may lie from the ideal one, beside the rounding to its dtype.
constexpr double kTolerance = 1e-6;

// An instruction that has to be a certain number.
struct Number {
  size_t at;
  double ideal;
};

// Matches an expression, instruction by instruction. Which number stands where is checked by the
// caller.
class GeluPattern {
 public:
  GeluPattern(const Code& code, std::vector<bool> scalar)
      : code_(code), scalar_(std::move(scalar)) {}

  /// The numbers of the whole expression, or nothing where it has another form.
  std::optional<std::vector<Number>> match() {
    std::vector<size_t> factors;
    collect_factors(code_.size() - 1, factors);
    if (factors.size() != 3) return std::nullopt;
    const auto fits = [&](size_t half, size_t x, size_t sum) {
      numbers_.clear();
      x_.reset();
      return number(factors[half], 0.5) && variable(factors[x]) && one_plus_erf(factors[sum]);
    };
    std::array<size_t, 3> order{0, 1, 2};
    do {
      if (fits(order[0], order[1], order[2])) return numbers_;
    } while (std::next_permutation(order.begin(), order.end()));
    return std::nullopt;
  }

 private:
  size_t argument(size_t i, size_t which) const {
    return static_cast<size_t>(code_[i].args[which]);
  }

  void collect_factors(size_t i, std::vector<size_t>& factors) const {
    if (code_[i].op != Scalar::mul || factors.size() > 3) {
      factors.push_back(i);
      return;
    }
    collect_factors(argument(i, 0), factors);
    collect_factors(argument(i, 1), factors);
  }

  bool number(size_t i, double ideal) {
    if (!scalar_[i]) return false;
    numbers_.push_back({i, ideal});
    return true;
  }

  bool variable(size_t i) {
    if (code_[i].op != Scalar::input || scalar_[i]) return false;
    if (!x_) x_ = code_[i].args[0];
    return *x_ == code_[i].args[0];
  }

  bool one_plus_erf(size_t i) {
    if (code_[i].op != Scalar::add) return false;
    const size_t a = argument(i, 0);
    const size_t b = argument(i, 1);
    return (number(a, 1) && erf(b)) || (number(b, 1) && erf(a));
  }

  bool erf(size_t i) {
    if (code_[i].op != Scalar::erf) return false;
    const size_t ratio = argument(i, 0);
    if (code_[ratio].op != Scalar::div && code_[ratio].op != Scalar::mul) return false;
    const size_t a = argument(ratio, 0);
    const size_t b = argument(ratio, 1);
    if (code_[ratio].op == Scalar::div) return variable(a) && number(b, std::numbers::sqrt2);
    constexpr double inverse = 1 / std::numbers::sqrt2;
    return (variable(a) && number(b, inverse)) || (number(a, inverse) && variable(b));
  }

  const Code& code_;
  std::vector<bool> scalar_;  // by instruction: a literal, or an operand that is a scalar leaf
  std::vector<Number> numbers_;
  std::optional<int> x_;
};

ValueId operand_of(const Formula& formula, size_t instruction) {
  const auto which = formula.expression.instructions()[instruction].args[0];
  return formula.operands[static_cast<size_t>(which)];
}

std::vector<bool> scalars(const GraphBuilder& out, const Formula& formula) {
  std::vector<bool> result;
  const Code& code = formula.expression.instructions();
  for (size_t i = 0; i < code.size(); ++i) {
    const bool leaf = code[i].op == Scalar::input && is_scalar_leaf(out, operand_of(formula, i));
    result.push_back(leaf || code[i].op == Scalar::literal);
  }
  return result;
}

// The scalar operands' values, by operand; nothing if one is unknown or not what gelu needs.
std::optional<std::map<ValueId, double>> values_of(const GraphBuilder& out, Door& door,
                                                   const Formula& formula,
                                                   const std::vector<Number>& numbers) {
  std::map<ValueId, double> values;
  const Code& code = formula.expression.instructions();
  const std::vector<DType> types = formula.types(out);
  for (const auto& [at, ideal] : numbers) {
    const bool literal = code[at].op == Scalar::literal;
    const auto value = literal ? code[at].value : scalar_value(out, operand_of(formula, at), door);
    if (!value || !is_floating(types[at])) return std::nullopt;
    if (!(std::abs(*value - ir::rounded(types[at], ideal)) <= kTolerance)) return std::nullopt;
    if (!literal) values.emplace(operand_of(formula, at), *value);
  }
  return values;
}

// The formula with each of these operands a literal; nothing where one cannot be.
std::optional<Formula> with_literals(const GraphBuilder& out, Formula formula,
                                     const std::map<ValueId, double>& values) {
  for (const auto& [id, value] : values) {
    const auto at = std::ranges::find(formula.operands, id) - formula.operands.begin();
    auto shorter = with_literal(out, formula, static_cast<int>(at), value);
    if (!shorter) return std::nullopt;
    formula = std::move(*shorter);
  }
  return formula;
}

std::optional<ValueId> recognise(GraphBuilder& out, Door& door, const ir::Node& node) {
  const auto formula = chain(out, node);
  if (!formula) return std::nullopt;
  GeluPattern pattern(formula->expression.instructions(), scalars(out, *formula));
  const auto numbers = pattern.match();
  if (!numbers) return std::nullopt;
  const auto values = values_of(out, door, *formula, *numbers);
  if (!values) return std::nullopt;
  const auto whole = with_literals(out, *formula, *values);
  if (!whole) return std::nullopt;
  for (const auto& [id, value] : *values) guard_leaf(out, id, door, "gelu");
  return whole->add_to(out, node.name);
}

}  // namespace

ir::Graph recognise_gelu(const ir::Graph& graph, Door& door) {
  return ir::rewrite(
      graph, [&](GraphBuilder& out, const ir::Node& node) { return recognise(out, door, node); });
}

}  // namespace tenon::passes
