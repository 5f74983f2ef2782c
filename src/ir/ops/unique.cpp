// Types of what tells rows apart.
#include "ir/ops/unique.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> Unique::infer(Infer& in) const {
  const Dims& x = in.dims(0);
  if (x.size() != 2) in.fail(fmt::format("operand 0 has rank {}, and must have 2", x.size()));
  if (in.outputs() != 4) in.fail("it has four outputs");
  const Value rows{ValueType(DType::i64, {x[0]}), {}};
  return {rows, rows, rows, {ValueType(DType::i64, {1}), {}}};
}

}  // namespace tenon::ir
