// Types of pooled regions.
#include "ir/ops/roi.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

// Of `count` numbers a region.
Value pooled(Infer& in, int64_t count, int64_t height, int64_t width) {
  in.require_floating(0);
  require_same_dtype(in, 1);
  const Dims &x = in.dims(0), &regions = in.dims(1);
  if (x.size() != 4 || regions.size() != 2)
    in.fail(fmt::format("input and regions have rank {} and {}, and must have 4 and 2", x.size(),
                        regions.size()));
  in.require_equal(regions[1], count, "numbers of a region");
  if (height < 1 || width < 1 || height > INT32_MAX || width > INT32_MAX)
    in.fail(fmt::format("regions of {} x {} elements cannot be made", height, width));
  return {ValueType(in.dtype(0), {regions[0], x[1], height, width}), {}};
}

}  // namespace

std::vector<Value> RoiAlign::infer(Infer& in) const {
  if (sampling < 0 || sampling > INT16_MAX)
    in.fail(fmt::format("sampling_ratio {} is out of range", sampling));
  Value value = pooled(in, 4, height, width);
  in.require_dtype(2, DType::i64);
  if (in.dims(2).size() != 1)
    in.fail(fmt::format("the images' numbers have rank {}, and must have 1", in.dims(2).size()));
  in.require_equal(in.dims(1)[0], in.dims(2)[0], "regions and numbers of their images");
  return {value};
}

std::vector<Value> MaxRoiPool::infer(Infer& in) const { return {pooled(in, 5, height, width)}; }

}  // namespace tenon::ir
