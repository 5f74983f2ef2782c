// Types of resized tensors.
#include "ir/ops/resize.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> Resize::infer(Infer& in) const {
  const Dims& x = in.dims(0);
  Dims out = x;
  if (axes.size() != dims.size())
    in.fail(fmt::format("{} extents are given for {} axes", dims.size(), axes.size()));
  if (in.dtype(0) == DType::bool_ && mode != Resampling::nearest)
    in.fail("bool can be resized by nearest elements only");
  int64_t last = -1;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] <= last || axes[i] >= std::ssize(x))
      in.fail(fmt::format("axes {} do not rise within rank {}", tenon::to_string(axes), x.size()));
    last = axes[i];
    const auto axis = static_cast<size_t>(axes[i]);
    in.require_at_least(dims[i], 0, "an extent");
    // Nothing can be made of an empty axis.
    in.require_at_least(x[axis], min(dims[i], 1), fmt::format("the extent of axis {}", axis));
    out[axis] = dims[i];
  }
  for (const size_t i : {1, 2}) {
    if (!in.has(i)) continue;
    in.require_dtype(i, DType::f32);
    const auto count = static_cast<int64_t>(axes.size()) * static_cast<int64_t>(i);
    if (in.dims(i).size() != 1)
      in.fail(fmt::format("operand {} has rank {}, and must have 1", i, in.dims(i).size()));
    in.require_equal(in.dims(i)[0], count, fmt::format("numbers in operand {} and axes", i));
  }
  if (coordinates == Coordinates::tf_crop_and_resize && !in.has(2))
    in.fail("tf_crop_and_resize needs the region, operand 2");
  return {{ValueType(in.dtype(0), out), {}}};
}

}  // namespace tenon::ir
