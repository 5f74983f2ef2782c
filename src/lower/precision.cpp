// Casts where narrow and wide meet; those of weights move into the weights graph.
#include "lower/precision.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/copy.h"
#include "ir/ops.h"

namespace tenon::lower {
namespace {

using ir::Node;
using ir::ValueId;
using kernel::Precision;

/// How a node wants its f32 operands.
enum class Width { narrow, wide, any };

// A result that squares what it is given can leave the range of f16.
bool stays_in_range(const ir::Expression& expression) {
  if (expression.instructions().empty()) return true;
  const auto& [op, args, literal] = expression.instructions().back();
  switch (op) {
    case ir::Scalar::mul: return args[0] != args[1];
    case ir::Scalar::pow:
    case ir::Scalar::exp:
    case ir::Scalar::log:
    case ir::Scalar::sqrt:
    case ir::Scalar::reciprocal: return false;
    default: return true;
  }
}

bool is_mean_or_extreme(ir::ReduceKind kind) {
  return kind == ir::ReduceKind::mean || kind == ir::ReduceKind::max || kind == ir::ReduceKind::min;
}

Width width_of(const ir::Op& op) {
  const auto is = [&]<class... Ops>(ir::TypeList<Ops...>) { return (op.as<Ops>() || ...); };
  if (is(ir::TypeList<ir::Attention, ir::Conv, ir::LayerNorm, ir::MatMul, ir::Softmax,
                      ir::BatchNorm>{}))
    return Width::narrow;
  if (is(ir::TypeList<ir::Reshape, ir::Transpose, ir::Slice, ir::Concat, ir::MaxPool,
                      ir::AveragePool>{}))
    return Width::any;
  if (const auto* pointwise = op.as<ir::Pointwise>())
    return stays_in_range(pointwise->expression) ? Width::narrow : Width::wide;
  if (const auto* reduce = op.as<ir::Reduce>())
    return is_mean_or_extreme(reduce->kind) ? Width::any : Width::wide;
  return Width::wide;
}

bool is_wide(const ir::ValueType& type) { return type.is_tensor() && type.dtype == DType::f32; }

/// Slots of f32 that only narrow nodes read.
void find_narrow_slots(const ir::Graph& graph, std::set<std::string>& narrow,
                       std::set<std::string>& wide) {
  const auto slot = [&](ValueId id) {
    return id != ir::absent && graph.value(id).origin == ir::Origin::slot &&
           is_wide(graph.type(id));
  };
  for (const Node& node : graph.nodes()) {
    std::set<std::string>& names = width_of(node.op) == Width::narrow ? narrow : wide;
    for (const ValueId id : node.inputs) {
      if (slot(id)) names.insert(graph.value(id).name);
    }
    for (const ir::Body& body : node.op.bodies()) find_narrow_slots(*body, narrow, wide);
  }
  for (const ir::Output& output : graph.outputs()) {
    if (slot(output.value)) wide.insert(graph.value(output.value).name);
  }
}

/// The main graph, or a body: what crosses its border keeps its type.
class Narrowing final : public ir::GraphCopier {
 public:
  Narrowing(const ir::Graph& source, ir::GraphBuilder& out, DType narrow,
            const std::set<std::string>& slots)
      : GraphCopier(source, out), narrow_(narrow), slots_(slots) {}

 private:
  ValueId missing(ValueId id) override {
    ir::ValueType type = source().type(id);
    if (slots_.contains(source().value(id).name) && source().value(id).origin == ir::Origin::slot)
      type.dtype = narrow_;
    return copy_leaf(id, std::move(type));
  }

  std::vector<ValueId> copies(const Node& node) override {
    Node own = node;
    const auto is_narrow = [&](ValueId id) {
      return id != ir::absent && was_wide_.contains(id) && out().type(id).dtype == narrow_;
    };
    Width width = width_of(node.op);
    if (width == Width::any)
      width = std::ranges::any_of(own.inputs, is_narrow) ? Width::narrow : Width::wide;
    for (ValueId& id : own.inputs) {
      if (id == ir::absent) continue;
      const ir::ValueType& type = out().type(id);
      if (width == Width::narrow && is_wide(type)) id = cast(id, narrow_);
      if (width == Width::wide && is_narrow(id)) id = cast(id, DType::f32);
    }
    std::vector<ValueId> made = GraphCopier::copies(own);
    for (size_t i = 0; i < made.size(); ++i) {
      if (made[i] != ir::absent && is_wide(source().type(node.outputs[i])))
        was_wide_.insert(made[i]);
    }
    return made;
  }
  std::unique_ptr<GraphCopier> for_body(const ir::Graph& body, ir::GraphBuilder& out) override {
    return std::make_unique<Narrowing>(body, out, narrow_, slots_);
  }

  void copy_outputs() override {
    for (const ir::Output& output : source().outputs()) {
      ValueId id = (*this)(output.value);
      const ir::ValueType& type = source().type(output.value);
      if (is_wide(type) && out().type(id).dtype != type.dtype) id = cast(id, type.dtype);
      out().output(output.name, id);
    }
  }

  ValueId cast(ValueId id, DType to) {
    was_wide_.insert(id);
    const auto [known, fresh] = casts_.try_emplace({id, to}, ir::absent);
    if (fresh) {
      known->second = out().add(ir::Cast{to}, {id});
      casts_[{known->second, out().type(id).dtype}] = id;
      was_wide_.insert(known->second);
    }
    return known->second;
  }

  const DType narrow_;
  const std::set<std::string>& slots_;
  std::map<std::pair<ValueId, DType>, ValueId> casts_;
  std::set<ValueId> was_wide_;  // values of `out` that stand for f32 ones
};

ir::Graph with_narrow_slots(const ir::Graph& weights, const std::set<std::string>& slots,
                            DType narrow) {
  ir::GraphBuilder out;
  ir::GraphCopier copier(weights, out);
  copier.copy_nodes();
  for (const ir::Output& output : weights.outputs()) {
    const ValueId id = copier(output.value);
    out.output(output.name, slots.contains(output.name) ? out.add(ir::Cast{narrow}, {id}) : id);
  }
  return out.finish();
}

/// Marks products.
class Tf32 final : public ir::GraphCopier {
 public:
  using GraphCopier::GraphCopier;

 private:
  std::vector<ValueId> copies(const Node& node) override {
    Node own = node;
    if (const auto* conv = node.op.as<ir::Conv>()) own.op = marked(*conv);
    if (const auto* matmul = node.op.as<ir::MatMul>()) own.op = marked(*matmul);
    if (const auto* attention = node.op.as<ir::Attention>()) own.op = marked(*attention);
    return GraphCopier::copies(own);
  }
  std::unique_ptr<GraphCopier> for_body(const ir::Graph& body, ir::GraphBuilder& out) override {
    return std::make_unique<Tf32>(body, out);
  }
  template <class Op>
  static ir::Op marked(Op op) {
    op.tf32 = true;
    return op;
  }
};

}  // namespace

ir::Program at_precision(const ir::Program& program, Precision precision) {
  ir::Program made = program;
  ir::GraphBuilder out;
  if (precision == Precision::tf32) {
    Tf32(program.main, out).run();
    made.main = out.finish();
  } else if (const DType narrow = narrow_type(precision); narrow != DType::f32) {
    std::set<std::string> slots, wide;
    find_narrow_slots(program.main, slots, wide);
    for (const std::string& name : wide) slots.erase(name);
    Narrowing(program.main, out, narrow, slots).run();
    made.main = out.finish();
    made.weights = with_narrow_slots(program.weights, slots, narrow);
  }
  ir::verify(made);
  return made;
}

}  // namespace tenon::lower
