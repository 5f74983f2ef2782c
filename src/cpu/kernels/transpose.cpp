// A permutation of axes: a strided copy.
#include "cpu/kernel_parts.h"
#include "cpu/vector/vector_kernels.h"
#include "cpu/walk.h"

namespace tenon::cpu {

namespace {

kernel::Prepared prepare_transpose(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::Transpose>();
  const auto& out = call.outputs[0].dims;
  const kernel::Operand& x = call.inputs[0];
  const Strides in = x.strides.empty() ? dense_strides(x.dims) : x.strides;
  Strides permuted;
  for (const int64_t axis : op.permutation) permuted.push_back(in[static_cast<size_t>(axis)]);
  return {std::make_shared<const Walk>(out, std::vector{dense_strides(out), permuted})};
}

// `Bits` is an unsigned integer of the element's size.
template <class Bits>
void transpose_typed(const Launch& launch) noexcept {
  const auto& walk = prepared<Walk>(launch);
  const int64_t length = walk.row_length();
  const int64_t step = walk.step(1);
  parallel_ranges(launch, walk.rows(), grain_of(length), [&](int64_t begin, int64_t end) {
    walk.for_rows(begin, end, [&](const int64_t* offsets) {
      Bits* to = launch.output<Bits>(0) + offsets[0];
      const Bits* from = launch.input<Bits>(0) + offsets[1];
      for (int64_t i = 0; i < length; ++i) to[i] = from[i * step];
    });
  });
}

void transpose_reference(const Launch& launch) noexcept {
  switch (size_of(launch.call->outputs[0].dtype)) {
    case 1: return transpose_typed<uint8_t>(launch);
    case 2: return transpose_typed<uint16_t>(launch);
    case 4: return transpose_typed<uint32_t>(launch);
    default: return transpose_typed<uint64_t>(launch);
  }
}

}  // namespace

template <>
Kernels kernels<ir::Transpose>() {
  static const std::vector<Kernel> list =
      with_reference(vector_transpose_kernels(), {.name = "cpu.transpose.reference",
                                                  .reject = plain_only,
                                                  .prepare = prepare_transpose,
                                                  .run = transpose_reference,
                                                  .strided_inputs = 1});
  return list;
}

}  // namespace tenon::cpu
