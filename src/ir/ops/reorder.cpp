// Types of reorders.
#include "ir/ops/reorder.h"

#include "base/error.h"

namespace tenon::ir {

std::vector<Value> Reorder::infer(Infer& in) const {
  const Dims& x = in.dims(0);
  if (!layout.fits(x.size())) in.fail(fmt::format("the layout does not fit rank {}", x.size()));
  return {{ValueType(in.dtype(0), x, layout), in[0].known}};
}

}  // namespace tenon::ir
