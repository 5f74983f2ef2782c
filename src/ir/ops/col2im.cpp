// Types of windows laid back.
#include "ir/ops/col2im.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> Col2Im::infer(Infer& in) const {
  require_numeric(in, true, false);
  const Dims& x = in.dims(0);
  const size_t rank = dims.size();
  if (rank < 1 || rank > 8) in.fail(fmt::format("{} spatial axes are given, not 1 to 8", rank));
  if (x.size() != 3 + rank)
    in.fail(fmt::format("operand 0 has rank {}, and must have {}", x.size(), 3 + rank));
  const auto fits = [&](size_t count) { return count == 0 || count == rank; };
  if (kernel.size() != rank || !fits(strides.size()) || !fits(dilations.size()) ||
      !fits(pads.size()))
    in.fail(
        fmt::format("kernel, strides, dilations and pads have {}, {}, {} and {} numbers for {} "
                    "axes",
                    kernel.size(), strides.size(), dilations.size(), pads.size(), rank));
  Dim taps = 1;
  for (const std::vector<int64_t>* list : {&strides, &dilations})
    for (const int64_t value : *list)
      if (value < 1 || value > INT32_MAX) in.fail(fmt::format("{} is no extent or step", value));
  for (const Dim& extent : kernel) {
    in.require_at_least(extent, 1, "an extent of the kernel");
    taps = taps * extent;
  }
  in.require_equal(x[2], taps, "taps of the kernel and of the operand");
  Dims out{x[0], x[1]};
  for (const Dim& extent : dims) {
    in.require_at_least(extent, 0, "an extent of the result");
    out.push_back(extent);
  }
  return {{ValueType(in.dtype(0), out), {}}};
}

}  // namespace tenon::ir
