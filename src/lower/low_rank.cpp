// The nodes of a sum.
#include "lower/low_rank.h"

#include "ir/ops/cast.h"
#include "ir/ops/matmul.h"
#include "ir/ops/pointwise.h"
#include "ir/ops/reshape.h"

namespace tenon::lower {

DType sum_dtype(DType weight) { return weight == DType::f64 ? DType::f64 : DType::f32; }

ir::ValueId add_terms(
    ExecutableBuilder& builder, ir::ValueId weight, std::span<const LowRank> terms,
    const std::function<ir::ValueId(const std::string& name, ir::ValueType type)>& leaf) {
  const ir::ValueType type = builder.graph().type(weight);
  const Shape shape = type.shape();
  const int64_t rows = shape[0], columns = element_count(std::span(shape).subspan(1));
  const DType dtype = sum_dtype(type.dtype);
  const auto add = [&](const ir::Op& op, std::vector<ir::ValueId> inputs) {
    return builder.add_first(op, std::move(inputs), 1)[0];
  };
  const auto operand = [&](const std::string& name, ir::Dims dims) {
    return leaf(name, ir::ValueType(dtype, std::move(dims)));
  };
  const bool casts = dtype != type.dtype;
  ir::ValueId sum = casts ? add(ir::Cast{dtype}, {weight}) : weight;
  for (const LowRank& term : terms) {
    const ir::ValueId a = operand(term.a, {term.rank, columns});
    const ir::ValueId b = operand(term.b, {rows, term.rank});
    const ir::ValueId product = add(ir::Reshape{*type.dims}, {add(ir::MatMul{}, {b, a})});
    sum = add(ir::Pointwise{ir::Expression::parse("add(a, mul(b, c))")},
              {sum, product, operand(term.scale, {})});
  }
  return casts ? add(ir::Cast{type.dtype}, {sum}) : sum;
}

}  // namespace tenon::lower
