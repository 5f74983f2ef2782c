// Types of epilogues.
#include "ir/ops/epilogue.h"

#include <algorithm>

#include "base/error.h"
#include "ir/ops/conv.h"
#include "ir/ops/matmul.h"

namespace tenon::ir {
namespace {

constexpr auto first = static_cast<size_t>(first_epilogue_operand);

void require_dtype_kept(const Infer& in, const Expression& epilogue, DType result) {
  std::vector<DType> dtypes{result};
  for (size_t i = first; i < in.size(); ++i) dtypes.push_back(in.dtype(i));
  DType made = result;
  try {
    made = epilogue.infer(dtypes).back();
  } catch (const BuildError& error) {  // without the node's name
    in.fail(error.what());
  }
  if (made != result)
    in.fail(fmt::format("the epilogue makes {} of {}", to_string(made), to_string(result)));
}

void require_broadcast(Infer& in, size_t operand, const Dims& result) {
  const Dims& dims = in.dims(operand);
  const auto what = [&] { return fmt::format("extents of operand {} and of the result", operand); };
  if (dims.size() > result.size()) {
    in.fail(
        fmt::format("operand {} has rank {}, the result {}", operand, dims.size(), result.size()));
  }
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == Dim(1)) continue;
    in.require_equal(dims[i], result[result.size() - dims.size() + i], what());
  }
}

}  // namespace

const Expression* epilogue_of(const Op& op) {
  if (const auto* conv = op.as<Conv>()) return &conv->epilogue;
  const auto* matmul = op.as<MatMul>();
  return matmul ? &matmul->epilogue : nullptr;
}

Op with_epilogue(const Op& op, Expression epilogue) {
  const auto with = [&](auto copy) -> Op {
    copy.epilogue = std::move(epilogue);
    return copy;
  };
  if (const auto* conv = op.as<Conv>()) return with(*conv);
  return with(*op.as<MatMul>());
}

void require_epilogue(Infer& in, const Expression& epilogue, const ValueType& result) {
  const size_t operands = in.size() > first ? in.size() - first : 0;
  const auto wanted = static_cast<size_t>(std::max(epilogue.inputs(), 1) - 1);
  if (operands != wanted) {
    in.fail(fmt::format("the epilogue has {} operands beside the result, the node {}", wanted,
                        operands));
  }
  if (epilogue.empty()) return;
  require_dtype_kept(in, epilogue, result.dtype);
  for (size_t i = first; i < in.size(); ++i) require_broadcast(in, i, *result.dims);
}

}  // namespace tenon::ir
