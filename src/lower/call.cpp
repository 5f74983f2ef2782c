// Dims evaluated, constraints checked.
#include "lower/call.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace tenon::lower {
namespace {

std::vector<int64_t> extents(const ir::ValueType& type, const Bindings& bindings) {
  if (!type.dims) base::fail(ErrorCode::invalid_input, "a tensor's rank is not known; give shapes");
  std::vector<int64_t> result;
  for (const ir::Dim& dim : *type.dims) result.push_back(extent_at(dim, bindings));
  return result;
}

ir::Op op_at(const ir::Op& op, const Bindings& bindings) {
  if (bindings.empty()) return op;
  std::map<std::string, ir::Dim> dims;
  for (const auto& [symbol, value] : bindings) dims.emplace(symbol, value);
  return op.substitute(dims);
}

std::string_view relation(ir::Constraint::Kind kind) {
  switch (kind) {
    case ir::Constraint::Kind::equal: return "is not equal to";
    case ir::Constraint::Kind::broadcast: return "does not broadcast with";
    case ir::Constraint::Kind::at_least: break;
  }
  return "is less than";
}

std::string_view what_is(ir::Origin origin) {
  switch (origin) {
    case ir::Origin::input: return "input";
    case ir::Origin::slot: return "slot";
    case ir::Origin::weight: return "weight";
    case ir::Origin::constant: return "constant";
    case ir::Origin::node: break;
  }
  return "value";
}

bool relates(ir::Constraint::Kind kind, int64_t left, int64_t right) {
  if (kind == ir::Constraint::Kind::at_least) return left >= right;
  return left == right || (kind == ir::Constraint::Kind::broadcast && (left == 1 || right == 1));
}

void check(const ir::Constraint& constraint, const Bindings& bindings) {
  const int64_t left = constraint.left.evaluate(bindings);
  const int64_t right = constraint.right.evaluate(bindings);
  if (relates(constraint.kind, left, right)) return;
  base::fail(ErrorCode::invalid_input, "{}: {} {} {}", constraint.reason, left,
             relation(constraint.kind), right);
}

}  // namespace

kernel::Operand operand_at(const ir::ValueType& type, const Bindings& bindings, bool weight) {
  return {type.dtype, extents(type, bindings), type.layout, true, weight};
}

std::string describe(const ir::Graph& graph, ir::ValueId id, const Bindings& bindings) {
  const std::string type = operand_at(graph.type(id), bindings).text();
  const ir::GraphValue& value = graph.value(id);
  if (value.origin == ir::Origin::node) {
    return fmt::format("{} of {}", type, describe(graph.nodes()[static_cast<size_t>(value.node)]));
  }
  return fmt::format("{} of {} {}", type, what_is(value.origin), base::quoted(value.name));
}

namespace {

void require_rank(const ir::Graph& graph, const ir::Node& node, ir::ValueId id) {
  if (graph.type(id).dims) return;
  const std::string& name = graph.value(id).name;
  base::fail(
      ErrorCode::build,
      "{}: the rank of {} is told by a run only, and kernels are chosen by rank; give it one "
      "rank whatever the run",
      describe(node), name.empty() ? "an operand" : base::quoted(name));
}

}  // namespace

kernel::Call call_at(const ir::Graph& graph, const ir::Node& node, const Bindings& bindings,
                     const kernel::Target& target) {
  kernel::Call call{op_at(node.op, bindings), {}, {}, "", &target, {}};
  for (const ir::ValueId id : node.inputs) {
    if (id == ir::absent) {
      call.inputs.push_back({.present = false});
    } else {
      require_rank(graph, node, id);
      const bool weight = graph.value(id).origin == ir::Origin::slot;
      call.inputs.push_back(operand_at(graph.type(id), bindings, weight));
    }
  }
  for (const ir::ValueId id : node.outputs) {
    call.outputs.push_back(operand_at(graph.type(id), bindings));
  }
  return call;
}

kernel::Call call_of_step(const Executable& executable, const Step& step, const Bindings& bindings,
                          const kernel::Target& target) {
  kernel::Call call = call_at(executable.graph, executable.node_of(step), bindings, target);
  call.tactic = step.tactic;
  add_plain_inputs(executable, step, bindings, call);
  return call;
}

void add_plain_inputs(const Executable& executable, const Step& step, const Bindings& bindings,
                      kernel::Call& call) {
  const ir::Graph& graph = executable.graph;
  const std::vector<ir::ValueId>& inputs = executable.node_of(step).inputs;
  const bool packed = std::ranges::any_of(
      inputs, [&](ir::ValueId id) { return id != ir::absent && graph.value(id).plain; });
  for (size_t i = 0; packed && i < inputs.size(); ++i) {
    const kernel::Operand& operand = call.inputs[i];
    call.plain_inputs.push_back(operand);
    if (!operand.present) continue;
    ir::ValueType plain = graph.value(inputs[i]).inferred().type;
    plain.layout = {};
    call.plain_inputs.back() = operand_at(plain, bindings, operand.weight);
  }
}

void check_sizes(const ir::Graph& graph, const Bindings& bindings) {
  for (size_t i = 0; i < graph.values().size(); ++i) {
    const auto id = static_cast<ir::ValueId>(i);
    if (!graph.type(id).is_tensor() || !graph.type(id).dims) continue;
    if (operand_at(graph.type(id), bindings).bytes_if_possible()) continue;
    base::fail(ErrorCode::unavailable, "{} has more bytes than any memory; give smaller extents",
               describe(graph, id, bindings));
  }
}

bool holds(const ir::Constraint& constraint, const Bindings& bindings) {
  try {
    return relates(constraint.kind, constraint.left.evaluate(bindings),
                   constraint.right.evaluate(bindings));
  } catch (const Error&) {
    return false;
  }
}

void check_constraints(const ir::Graph& graph, const Bindings& bindings) {
  for (const ir::Constraint& constraint : graph.constraints()) check(constraint, bindings);
}

void check_constraints(const ir::Graph& graph, std::span<const int> numbers,
                       const Bindings& bindings) {
  for (const int i : numbers) check(graph.constraints()[static_cast<size_t>(i)], bindings);
}

}  // namespace tenon::lower
