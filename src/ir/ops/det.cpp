// Types of determinants.
#include "ir/ops/det.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> Det::infer(Infer& in) const {
  in.require_floating(0);
  const Dims& x = in.dims(0);
  if (x.size() < 2)
    in.fail(fmt::format("operand 0 has rank {}, and must have 2 or more", x.size()));
  in.require_equal(x[x.size() - 2], x.back(), "rows and columns");
  return {{ValueType(in.dtype(0), Dims(x.begin(), x.end() - 2)), {}}};
}

}  // namespace tenon::ir
