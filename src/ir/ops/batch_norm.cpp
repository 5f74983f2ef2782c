// Types of batch normalisation.
#include "ir/ops/batch_norm.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> BatchNorm::infer(Infer& in) const {
  static constexpr std::string_view names[] = {"x", "scale", "bias", "mean", "variance"};
  in.require_floating(0);
  Dims x = in.dims(0);
  if (x.size() < 2) in.fail(fmt::format("x has rank {}, and must have 2 or more", x.size()));
  for (size_t i = 1; i < 5; ++i) {
    in.require_dtype(i, in.dtype(0));
    const Dims& dims = in.dims(i);
    if (dims.size() != 1)
      in.fail(fmt::format("{} has rank {}, and must have 1", names[i], dims.size()));
    in.require_equal(x[1], dims[0], fmt::format("channels of x and extent of {}", names[i]));
  }
  // Of what must be equal the known one: a rewrite by pointwise ops tells it too, and the types of
  // branches may not change by it.
  if (in.dims(1)[0].is_constant()) x[1] = in.dims(1)[0];
  return {{ValueType(in.dtype(0), x), {}}};
}

}  // namespace tenon::ir
