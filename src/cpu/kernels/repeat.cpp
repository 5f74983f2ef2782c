// What repeats, by broadcasting or side by side: strided copies.
#include "cpu/strided_copy.h"

namespace tenon::cpu {

namespace {

kernel::Prepared prepare_expand(const Call& call, kernel::Backend&) {
  const auto& x = call.inputs[0];
  const auto& dims = call.outputs[0].dims;
  Strides strides = strides_of(x);
  for (size_t axis = 0; axis < strides.size(); ++axis) {
    if (x.dims[axis] == 1) strides[axis] = 0;
  }
  strides.insert(strides.begin(), dims.size() - x.dims.size(), 0);
  return prepare_strided_copy(dims, std::move(strides));
}

// Each axis is two: its repeats and its extent.
kernel::Prepared prepare_tile(const Call& call, kernel::Backend&) {
  const auto& x = call.inputs[0].dims;
  const Strides own = strides_of(call.inputs[0]);
  std::vector<int64_t> dims;
  Strides strides;
  for (size_t axis = 0; axis < x.size(); ++axis) {
    dims.insert(dims.end(), {call.as<ir::Tile>().repeats[axis].constant(), x[axis]});
    strides.insert(strides.end(), {0, own[axis]});
  }
  return prepare_strided_copy(dims, std::move(strides));
}

}  // namespace

template <>
Kernels kernels<ir::Expand>() {
  static constexpr Kernel list[] = {strided_copy("cpu.expand.reference", prepare_expand)};
  return list;
}

template <>
Kernels kernels<ir::Tile>() {
  static constexpr Kernel list[] = {strided_copy("cpu.tile.reference", prepare_tile)};
  return list;
}

}  // namespace tenon::cpu
