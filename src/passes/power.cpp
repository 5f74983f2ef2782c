// pow with a known exponent of 2, 3, 1 or -1 becomes products, the base or a reciprocal. Not a root
// with 0.5: pow(-inf, 0.5) is inf and pow(-0.0, 0.5) is 0, the roots are NaN and -0.0.
#include "ir/rewrite.h"
#include "passes/formula.h"
#include "passes/pattern.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::Expression;
using ir::Scalar;
using ir::ValueId;
using Instruction = Expression::Instruction;

// Rebuilds one node's expression, noting whose values it relied on.
class PowerExpansion {
 public:
  PowerExpansion(const ir::GraphBuilder& out, Door& door, const Formula& formula)
      : out_(out), door_(door), formula_(formula), types_(formula.types(out)) {}

  /// The new formula, or nothing where no pow can be expanded.
  std::optional<Formula> run() {
    const auto& old = formula_.expression.instructions();
    for (size_t i = 0; i < old.size(); ++i) moved_.push_back(rebuild(i));
    if (!changed_) return std::nullopt;
    code_.resize(static_cast<size_t>(moved_.back()) + 1);  // the last instruction is the result
    return without_unused(out_, {Expression(code_), formula_.operands});
  }
  const std::vector<ValueId>& exponents() const { return exponents_; }

 private:
  int16_t emit(Instruction instruction) {
    code_.push_back(instruction);
    return static_cast<int16_t>(code_.size() - 1);
  }
  int16_t emit(Scalar op, int16_t a, int16_t b = 0) { return emit({.op = op, .args = {a, b, 0}}); }

  int16_t rebuild(size_t i) {
    Instruction instruction = formula_.expression.instructions()[i];
    if (instruction.op == Scalar::pow) {
      if (const auto expanded = expand(instruction)) return *expanded;
    }
    if (instruction.op == Scalar::input) return emit(instruction);
    for (int arg = 0; arg < ir::arity(instruction.op); ++arg) {
      int16_t& at = instruction.args[static_cast<size_t>(arg)];
      at = moved_[static_cast<size_t>(at)];
    }
    return emit(instruction);
  }

  std::optional<int16_t> expand(const Instruction& pow) {
    const auto base = static_cast<size_t>(pow.args[0]);
    if (!is_floating(types_[base])) return std::nullopt;
    const Instruction& exponent =
        formula_.expression.instructions()[static_cast<size_t>(pow.args[1])];
    const auto value = value_of(exponent);
    const auto result = value ? expand(moved_[base], *value) : std::nullopt;
    if (!result) return std::nullopt;
    changed_ = true;
    if (exponent.op == Scalar::input) exponents_.push_back(operand_of(exponent));
    return result;
  }

  std::optional<int16_t> expand(int16_t x, double exponent) {
    if (exponent == 1) return x;
    if (exponent == 2) return emit(Scalar::mul, x, x);
    if (exponent == 3) return emit(Scalar::mul, emit(Scalar::mul, x, x), x);
    if (exponent == -1) return emit(Scalar::reciprocal, x);
    return std::nullopt;
  }

  ValueId operand_of(const Instruction& input) const {
    return formula_.operands[static_cast<size_t>(input.args[0])];
  }
  std::optional<double> value_of(const Instruction& exponent) {
    if (exponent.op == Scalar::literal) return exponent.value;
    if (exponent.op != Scalar::input) return std::nullopt;
    return scalar_value(out_, operand_of(exponent), door_);
  }

  const ir::GraphBuilder& out_;
  Door& door_;
  const Formula& formula_;
  std::vector<DType> types_;
  std::vector<Instruction> code_;
  std::vector<int16_t> moved_;  // by old instruction: the new one
  std::vector<ValueId> exponents_;
  bool changed_ = false;
};

std::optional<ValueId> expand(ir::GraphBuilder& out, Door& door, const ir::Node& node) {
  const auto formula = Formula::of(node);
  if (!formula) return std::nullopt;
  PowerExpansion expansion(out, door, *formula);
  const auto expanded = expansion.run();
  if (!expanded) return std::nullopt;
  for (const ValueId id : expansion.exponents()) guard_leaf(out, id, door, "power");
  return expanded->add_to(out, node.name);
}

}  // namespace

ir::Graph expand_powers(const ir::Graph& graph, Door& door) {
  return ir::rewrite(
      graph, [&](ir::GraphBuilder& out, const ir::Node& node) { return expand(out, door, node); });
}

}  // namespace tenon::passes
