// Types and known values of reshapes.
#include "ir/ops/reshape.h"

#include "base/error.h"

namespace tenon::ir {

std::vector<Value> Reshape::infer(Infer& in) const {
  for (size_t i = 0; i < dims.size(); ++i) {
    in.require_at_least(dims[i], 0, fmt::format("extent {} of the new shape", i));
  }
  const Dim before = product(in.dims(0)), after = product(dims);
  if (before.is_constant() && after.is_constant() && !(before == after)) {
    in.fail(fmt::format("{} elements of {} cannot be viewed as {}", before.text(), text(in.dims(0)),
                        text(dims)));
  }
  in.require_equal(before, after, "elements before and after");
  return {{ValueType(in.dtype(0), dims), in[0].known}};
}

}  // namespace tenon::ir
