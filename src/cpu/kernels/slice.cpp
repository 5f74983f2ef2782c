// A part of a tensor: a strided copy.
#include "cpu/strided_copy.h"

namespace tenon::cpu {

namespace {

kernel::Prepared prepare_slice(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::Slice>();
  Strides strides = strides_of(call.inputs[0]);
  int64_t first = 0;
  for (size_t axis = 0; axis < strides.size(); ++axis) {
    first += op.starts[axis].constant() * strides[axis];
    strides[axis] *= op.step(axis);
  }
  return prepare_strided_copy(call.outputs[0].dims, std::move(strides), first);
}

}  // namespace

template <>
Kernels kernels<ir::Slice>() {
  static constexpr Kernel list[] = {strided_copy("cpu.slice.reference", prepare_slice)};
  return list;
}

}  // namespace tenon::cpu
