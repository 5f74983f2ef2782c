// Types of sampled tensors.
#include "ir/ops/grid_sample.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> GridSample::infer(Infer& in) const {
  const Dims &x = in.dims(0), &grid = in.dims(1);
  in.require_floating(1);
  if (in.dtype(0) == DType::bool_ && mode != Resampling::nearest)
    in.fail("bool can be sampled by nearest elements only");
  if (x.size() < 3 || x.size() > 8 || grid.size() != x.size())
    in.fail(fmt::format("input and grid have rank {} and {}, and must have the same, 3 to 8",
                        x.size(), grid.size()));
  in.require_equal(x[0], grid[0], "images and their grids");
  in.require_equal(grid.back(), static_cast<int64_t>(x.size()) - 2, "numbers of a place");
  Dims out{x[0], x[1]};
  out.insert(out.end(), grid.begin() + 1, grid.end() - 1);
  return {{ValueType(in.dtype(0), out), {}}};
}

}  // namespace tenon::ir
