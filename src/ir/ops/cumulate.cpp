// Types of cumulated tensors.
#include "ir/ops/cumulate.h"

#include "ir/ops/bodies.h"

namespace tenon::ir {

std::vector<Value> Cumulate::infer(Infer& in) const {
  if (in.dtype(0) == DType::bool_) in.fail("it is not defined for bool; cast the operand");
  in.axis(axis, in.dims(0).size());
  if (in.has(1)) require_scalar(in, in.type(1), DType::i64, "the axis");
  return {{ValueType(in.dtype(0), in.dims(0)), {}}};
}

}  // namespace tenon::ir
