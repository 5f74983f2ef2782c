// Types of convolutions.
#include "ir/ops/conv.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

void require_channels(Infer& in, const Dims& x, const Dims& weight, int64_t groups) {
  const Dim channels = weight[1] * groups;
  if (channels.is_constant() && x[1].is_constant() && !(channels == x[1])) {
    in.fail(fmt::format("weight has {} input channels, input has {} (groups={})", channels.text(),
                        x[1].text(), groups));
  }
  in.require_equal(x[1], channels, "channels of the input and of the weight");
  const Dim left_over = mod(weight[0], groups);
  if (left_over.is_constant() && !(left_over == Dim(0))) {
    in.fail(
        fmt::format("{} output channels cannot be cut into {} groups", weight[0].text(), groups));
  }
  in.require_equal(left_over, 0, "output channels left over by the groups");
}

}  // namespace

Window Conv::window(std::span<const int64_t> kernel) const {
  Window window{.kernel = {kernel.begin(), kernel.end()},
                .strides = strides,
                .pads = pads,
                .dilations = dilations,
                .auto_pad = auto_pad};
  fill_defaults(window);
  return window;
}

std::vector<Value> Conv::infer(Infer& in) const {
  in.require_floating(0);
  require_same_dtype(in, 1);
  require_same_dtype(in, 2);
  const Dims &x = in.dims(0), &weight = in.dims(1);
  if (x.size() < 3) in.fail(fmt::format("input has rank {}, and must have 3 or more", x.size()));
  if (weight.size() != x.size())
    in.fail(fmt::format("weight has rank {}, input has {}", weight.size(), x.size()));
  if (groups < 1 || groups > INT32_MAX) in.fail(fmt::format("groups={} is out of range", groups));
  require_channels(in, x, weight, groups);
  if (in.has(2)) {
    if (in.dims(2).size() != 1)
      in.fail(fmt::format("bias has rank {}, and must have 1", in.dims(2).size()));
    in.require_equal(weight[0], in.dims(2)[0],
                     "output channels of the weight and extent of the bias");
  }
  const Dims kernel(weight.begin() + 2, weight.end());
  if (!all_constant(kernel))
    in.fail(fmt::format("the kernel's extents {} must be constant", text(kernel)));
  Dims out{x[0], weight[0]};
  for (const Dim& extent : window_output(in, window(constants(kernel)), x)) out.push_back(extent);
  const ValueType result(in.dtype(0), out);
  require_epilogue(in, epilogue, result);
  return {{result, {}}};
}

}  // namespace tenon::ir
