// Types of layer normalisation.
#include "ir/ops/layer_norm.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> LayerNorm::infer(Infer& in) const {
  in.require_floating(0);
  const Dims& x = in.dims(0);
  if (x.empty()) in.fail("x has rank 0, and must have 1 or more");
  for (size_t i = 1; i < in.size(); ++i) {
    if (!in.has(i)) continue;
    in.require_dtype(i, in.dtype(0));
    const std::string_view name = i == 1 ? "scale" : "shift";
    const Dims& dims = in.dims(i);
    if (dims.size() != 1)
      in.fail(fmt::format("{} has rank {}, and must have 1", name, dims.size()));
    in.require_equal(x.back(), dims[0], fmt::format("columns of x and extent of {}", name));
  }
  return {{ValueType(in.dtype(0), x), {}}};
}

}  // namespace tenon::ir
