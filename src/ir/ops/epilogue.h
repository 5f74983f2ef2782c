// What a conv or matmul does to each element of its result before it stores it.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

// An epilogue is an expression of which `a` is the result after bias, in the result's dtype, and b,
// c, … are operands 3, 4, …, broadcast to the result. None is the empty expression.
inline constexpr int first_epilogue_operand = 3;
inline constexpr int most_epilogue_operands = 4;

/// The epilogue of a node's op; nullptr for ops that have no such field.
const Expression* epilogue_of(const Op& op);
/// The same op with another epilogue; it must have such a field.
Op with_epilogue(const Op& op, Expression epilogue);

/// Fails unless the operands behind the bias are those of the epilogue, broadcast to `result` and
/// leave its dtype. Operands that may have extent 1 or the result's must have the result's.
void require_epilogue(Infer& in, const Expression& epilogue, const ValueType& result);

}  // namespace tenon::ir
