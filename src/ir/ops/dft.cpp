// Types of transforms.
#include "ir/ops/dft.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> Dft::infer(Infer& in) const {
  in.require_floating(0);
  const Dims& x = in.dims(0);
  if (x.size() != 3) in.fail(fmt::format("operand 0 has rank {}, and must have 3", x.size()));
  if (!(x[2] == Dim(1)) && !(x[2] == Dim(2)))
    in.fail(fmt::format("a number has {} parts, and must have 1 or 2", x[2].text()));
  require_count(in, length);
  in.require_at_least(length[0], 1, "the length");
  const bool half = onesided && !inverse;
  if (half && !(x[2] == Dim(1))) in.fail("one side is given of real numbers only");
  const Dim out = half ? floor_div(length[0], 2) + 1 : length[0];
  return {{ValueType(in.dtype(0), {x[0], out, onesided && inverse ? 1 : 2}), {}}};
}

}  // namespace tenon::ir
