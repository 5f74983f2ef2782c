// (x - mean) / sqrt(variance + epsilon) * scale + shift, as exporters spell it in nodes, becomes
// layer_norm; without the mean, too.
#include <algorithm>

#include "ir/rewrite.h"
#include "passes/formula.h"
#include "passes/pattern.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::GraphBuilder;
using ir::Node;
using ir::Scalar;
using ir::ValueId;
using Instruction = ir::Expression::Instruction;

/// An instruction of a formula; an operand that is pointwise itself is seen through.
class Term {
 public:
  Term(const GraphBuilder& out, Formula formula, int at)
      : out_(&out), formula_(std::move(formula)), at_(static_cast<size_t>(at)) {
    while (const auto id = value()) {
      const Node* producer = out.producer(*id);
      auto inner = producer ? Formula::of(*producer) : std::nullopt;
      if (!inner) break;
      formula_ = std::move(*inner);
      at_ = formula_.expression.instructions().size() - 1;
    }
  }

  const Instruction& instruction() const { return formula_.expression.instructions()[at_]; }
  bool is(Scalar op) const { return instruction().op == op; }
  Term argument(size_t i) const { return {*out_, formula_, instruction().args[i]}; }
  /// Which operand it is; nothing where it is computed here.
  std::optional<ValueId> value() const {
    if (!is(Scalar::input)) return std::nullopt;
    return formula_.operands[static_cast<size_t>(instruction().args[0])];
  }

 private:
  const GraphBuilder* out_;
  Formula formula_;
  size_t at_;
};

/// What is divided by the root of its mean square.
struct Deviation {
  ValueId of;
  double epsilon;
  ValueId epsilon_leaf = ir::absent;  // that has the number
};

// The operand of a mean over the last axis.
std::optional<ValueId> mean_of(const GraphBuilder& out, ValueId id) {
  const Node* node = out.producer(id);
  const auto* reduce = node ? node->as<ir::Reduce>() : nullptr;
  if (!reduce || reduce->kind != ir::ReduceKind::mean || reduce->axes.size() != 1 ||
      !reduce->keep_dims || !out.type(node->inputs[0]).dims)
    return std::nullopt;
  const auto rank = static_cast<int64_t>(out.type(node->inputs[0]).rank());
  if (reduce->axes[0] != -1 && reduce->axes[0] + 1 != rank) return std::nullopt;
  return node->inputs[0];
}

// The value whose square it is.
std::optional<ValueId> square_of(const GraphBuilder& out, ValueId id) {
  const Node* node = out.producer(id);
  const auto factors = node ? binary_operands(*node, Scalar::mul) : std::nullopt;
  if (factors) return (*factors)[0] == (*factors)[1] ? std::optional((*factors)[0]) : std::nullopt;
  const auto* pointwise = node ? node->as<ir::Pointwise>() : nullptr;
  if (!pointwise || pointwise->expression.text() != "mul(a, a)") return std::nullopt;
  return node->inputs[0];
}

// sqrt(mean of d² + epsilon): d and epsilon.
std::optional<Deviation> under_root(const GraphBuilder& out, Door& door, const Term& root) {
  if (!root.is(Scalar::sqrt) || !root.argument(0).is(Scalar::add)) return std::nullopt;
  const Term sum = root.argument(0);
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const Term variance = sum.argument(i), number = sum.argument(1 - i);
    const auto mean = variance.value() ? mean_of(out, *variance.value()) : std::nullopt;
    const auto of = mean ? square_of(out, *mean) : std::nullopt;
    if (!of) continue;
    if (number.is(Scalar::literal)) return Deviation{*of, number.instruction().value};
    const auto value = number.value() ? scalar_value(out, *number.value(), door) : std::nullopt;
    if (value) return Deviation{*of, *value, *number.value()};
  }
  return std::nullopt;
}

/// d / sqrt(…) or d * (1 / sqrt(…)), at an instruction of a formula.
std::optional<Deviation> normalised(const GraphBuilder& out, Door& door, const Formula& formula,
                                    const Instruction& instruction) {
  if (instruction.op != Scalar::div && instruction.op != Scalar::mul) return std::nullopt;
  const auto& code = formula.expression.instructions();
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const auto& by = code[static_cast<size_t>(instruction.args[i])];
    if (by.op != Scalar::input) continue;
    Term root(out, formula, instruction.args[1 - i]);
    if (instruction.op == Scalar::mul) {
      if (!root.is(Scalar::reciprocal)) continue;
      root = root.argument(0);
    } else if (i == 1) {
      break;  // the divisor is no dividend
    }
    const auto found = under_root(out, door, root);
    if (found && formula.operands[static_cast<size_t>(by.args[0])] == found->of) return found;
  }
  return std::nullopt;
}

/// The formula with layer_norm in the place of instruction `at`, which may move on to what uses it.
struct Rewritten {
  const Formula& formula;
  int at;

  const std::vector<Instruction>& code() const { return formula.expression.instructions(); }

  /// The operand that `op` joins to it, if that is all that is done with it.
  std::optional<std::pair<ValueId, int>> joined_by(Scalar op) const {
    std::optional<std::pair<ValueId, int>> found;
    for (size_t i = 0; i < code().size(); ++i) {
      if (code()[i].op == Scalar::input) continue;
      const auto& args = code()[i].args;
      for (int a = 0; a < ir::arity(code()[i].op); ++a) {
        if (args[static_cast<size_t>(a)] != at) continue;
        if (found || code()[i].op != op) return std::nullopt;
        const auto& other = code()[static_cast<size_t>(args[static_cast<size_t>(1 - a)])];
        if (other.op != Scalar::input) return std::nullopt;
        found = {formula.operands[static_cast<size_t>(other.args[0])], static_cast<int>(i)};
      }
    }
    return found;
  }
};

// The value as [d], if it has that many elements, along its last axis.
std::optional<ValueId> row(GraphBuilder& out, ValueId id, const ir::ValueType& x) {
  const ir::ValueType& type = out.type(id);
  if (!type.dims || type.dims->empty() || type.dims->size() > x.rank() || type.dtype != x.dtype)
    return std::nullopt;
  const ir::Dims& dims = *type.dims;
  const bool alone =
      std::all_of(dims.begin(), dims.end() - 1, [](const auto& d) { return d == 1; });
  if (!alone || !(dims.back() == x.dims->back())) return std::nullopt;
  return reshaped(out, id, {dims.back()});
}

// What is subtracted from itself, if it is its mean.
std::optional<ValueId> centered(const GraphBuilder& out, ValueId deviation) {
  const Node* node = out.producer(deviation);
  const auto terms = node ? binary_operands(*node, Scalar::sub) : std::nullopt;
  if (!terms || mean_of(out, (*terms)[1]) != (*terms)[0]) return std::nullopt;
  return (*terms)[0];
}

std::optional<ValueId> rewrite_at(GraphBuilder& out, Door& door, const Node& node,
                                  const Formula& formula, size_t at) {
  const auto deviation = normalised(out, door, formula, formula.expression.instructions()[at]);
  if (!deviation || out.only_leaves(deviation->of)) return std::nullopt;
  const auto from = centered(out, deviation->of);
  const ValueId x = from.value_or(deviation->of);
  const ir::ValueType type = out.type(x);
  if (!is_floating(type.dtype) || out.type(deviation->of) != type) return std::nullopt;
  Rewritten rest{formula, static_cast<int>(at)};
  std::vector<ValueId> inputs{x};
  for (const Scalar op : {Scalar::mul, Scalar::add}) {
    const auto joined = rest.joined_by(op);
    const auto operand = joined ? row(out, joined->first, type) : std::nullopt;
    inputs.push_back(operand.value_or(ir::absent));
    if (operand) rest.at = joined->second;
  }
  while (inputs.back() == ir::absent) inputs.pop_back();
  Formula left = formula;
  left.operands.push_back(
      out.add(ir::LayerNorm{deviation->epsilon, from.has_value()}, std::move(inputs), node.name));
  std::vector<Instruction> code = rest.code();
  code[static_cast<size_t>(rest.at)] = {.op = Scalar::input,
                                        .args = {static_cast<int16_t>(left.operands.size() - 1)}};
  left.expression = ir::Expression(std::move(code));
  const auto pruned = without_unused(out, std::move(left));
  if (!pruned) return std::nullopt;
  if (deviation->epsilon_leaf != ir::absent)
    guard_leaf(out, deviation->epsilon_leaf, door, "layer_norm");
  return pruned->add_to(out);
}

std::optional<ValueId> recognise(GraphBuilder& out, Door& door, const Node& node) {
  const auto formula = Formula::of(node);
  if (!formula || formula->operands.size() == ir::Expression::max_inputs) return std::nullopt;
  for (size_t at = 0; at < formula->expression.instructions().size(); ++at) {
    if (const auto id = rewrite_at(out, door, node, *formula, at)) return id;
  }
  return std::nullopt;
}

}  // namespace

ir::Graph recognise_layer_norm(const ir::Graph& graph, Door& door) {
  return ir::rewrite(
      graph, [&](GraphBuilder& out, const Node& node) { return recognise(out, door, node); });
}

}  // namespace tenon::passes
