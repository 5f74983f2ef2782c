// Types of indices of what is not zero.
#include "ir/ops/non_zero.h"

#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> NonZero::infer(Infer& in) const {
  require_count(in, count);
  const auto rank = static_cast<int64_t>(in.dims(0).size());
  return {{ValueType(DType::i64, {rank, count[0]}), {}}};
}

}  // namespace tenon::ir
