// Types of transformed filters.
#include "ir/ops/winograd_filter.h"

namespace tenon::ir {

std::vector<Value> WinogradFilter::infer(Infer& in) const {
  const auto is_tile = [](int64_t extent) { return extent == 2 || extent == 4; };
  if (!is_tile(rows) || !is_tile(columns)) in.fail("a tile has 2 or 4 results along an axis");
  const Layout layout{.order = {0, 2, 3, 1}, .splits = {{0, static_cast<int>(block)}}};
  if (block < 1 || block > 4096 || !layout.fits(4)) in.fail("the block does not fit");
  Dims dims = in.dims(0);
  if (dims.size() != 4 || dims[2] != Dim(3) || dims[3] != Dim(3))
    in.fail("the filters have 3 x 3 taps");
  dims[2] = Dim(rows + 2);
  dims[3] = Dim(columns + 2);
  return {{ValueType(in.dtype(0), dims, layout), {}}};
}

}  // namespace tenon::ir
