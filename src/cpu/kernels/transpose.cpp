// A permutation of axes: a strided copy.
#include "cpu/strided_copy.h"
#include "cpu/vector/vector_kernels.h"

namespace tenon::cpu {

namespace {

kernel::Prepared prepare_transpose(const Call& call, kernel::Backend&) {
  const Strides in = strides_of(call.inputs[0]);
  Strides permuted;
  for (const int64_t axis : call.as<ir::Transpose>().permutation) {
    permuted.push_back(in[static_cast<size_t>(axis)]);
  }
  return prepare_strided_copy(call.outputs[0].dims, std::move(permuted));
}

}  // namespace

template <>
Kernels kernels<ir::Transpose>() {
  static const std::vector<Kernel> list = with_reference(
      vector_transpose_kernels(), strided_copy("cpu.transpose.reference", prepare_transpose));
  return list;
}

}  // namespace tenon::cpu
