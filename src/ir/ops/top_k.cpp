// Types of the greatest elements.
#include "ir/ops/top_k.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> TopK::infer(Infer& in) const {
  if (in.dtype(0) == DType::bool_) in.fail("it is not defined for bool; cast the operand");
  Dims dims = in.dims(0);
  const auto along = static_cast<size_t>(in.axis(axis, dims.size()));
  require_count(in, k);
  in.require_at_least(dims[along], k[0],
                      fmt::format("the extent of axis {}, of which k are asked for,", along));
  dims[along] = k[0];
  std::vector<Value> values{{ValueType(in.dtype(0), dims), {}}};
  if (in.outputs() > 1) values.push_back({ValueType(DType::i64, dims), {}});
  return values;
}

}  // namespace tenon::ir
