// conv or matmul -> relu or clip  becomes  the op with an epilogue.
#include "ir/rewrite.h"
#include "passes/pattern.h"
#include "passes/rewrites.h"

namespace tenon::passes {
namespace {

using ir::Activation;
using ir::Scalar;
using ir::ValueId;
using Code = std::vector<ir::Expression::Instruction>;

struct Epilogue {
  Activation act = Activation::none;
  double min = 0, max = 0;
};

struct Bound {
  size_t of = 0;  // the instruction that is bounded
  double value = 0;
};

// max(x, literal) or min(x, literal), either way round.
std::optional<Bound> bound(const Code& code, size_t i, Scalar op) {
  if (code[i].op != op) return std::nullopt;
  auto x = static_cast<size_t>(code[i].args[0]);
  auto limit = static_cast<size_t>(code[i].args[1]);
  if (code[limit].op != Scalar::literal) std::swap(x, limit);
  if (code[limit].op != Scalar::literal || code[x].op == Scalar::literal) return std::nullopt;
  return Bound{x, code[limit].value};
}

// min(max(input, lo), hi), or the other way round, which is the same while lo <= hi.
std::optional<Epilogue> clip(const Code& code, size_t root, Scalar outer, Scalar inner) {
  const auto last = bound(code, root, outer);
  const auto first = last ? bound(code, last->of, inner) : std::nullopt;
  if (!first || code[first->of].op != Scalar::input) return std::nullopt;
  const auto [lo, hi] = outer == Scalar::min ? std::pair(first->value, last->value)
                                             : std::pair(last->value, first->value);
  if (!(lo <= hi)) return std::nullopt;
  return Epilogue{Activation::clip, lo, hi};
}

// What a one-operand pointwise node does to each element, if a kernel's epilogue can do it.
std::optional<Epilogue> epilogue(const ir::Node& node) {
  const auto* pointwise = node.as<ir::Pointwise>();
  if (!pointwise || node.inputs.size() != 1) return std::nullopt;
  const Code& code = pointwise->expression.instructions();
  const size_t root = code.size() - 1;
  const auto is_input = [&](size_t i) { return code[i].op == Scalar::input; };
  if (code[root].op == Scalar::relu && is_input(static_cast<size_t>(code[root].args[0]))) {
    return Epilogue{Activation::relu};
  }
  const auto floor = bound(code, root, Scalar::max);
  if (floor && floor->value == 0 && is_input(floor->of)) return Epilogue{Activation::relu};
  if (const auto found = clip(code, root, Scalar::min, Scalar::max)) return found;
  return clip(code, root, Scalar::max, Scalar::min);
}

template <class T>
std::optional<ValueId> into(ir::GraphBuilder& out, ValueId x, const Epilogue& epilogue) {
  const auto producer = sole_producer<T>(out, x);
  if (!producer || !is_floating(out.type(x).dtype)) return std::nullopt;
  T fused = *producer->template as<T>();
  if (fused.act != Activation::none) return std::nullopt;
  fused.act = epilogue.act;
  fused.act_min = epilogue.min;
  fused.act_max = epilogue.max;
  return out.add(fused, producer->inputs, producer->name);
}

std::optional<ValueId> fuse(ir::GraphBuilder& out, const ir::Node& node) {
  const auto found = epilogue(node);
  if (!found) return std::nullopt;
  if (const auto id = into<ir::Conv>(out, node.inputs[0], *found)) return id;
  return into<ir::MatMul>(out, node.inputs[0], *found);
}

}  // namespace

ir::Graph fuse_activation(const ir::Graph& graph, Door&) { return ir::rewrite(graph, fuse); }

}  // namespace tenon::passes
