// Tensors one after another: copies of runs of bytes.
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

void concat_reference(const Launch& launch) noexcept {
  const Call& call = *launch.call;
  const int64_t axis = call.as<ir::Concat>().axis;
  // Bytes from one index of the axes before `axis` to the next.
  const auto run_bytes = [&](const kernel::Operand& operand) {
    const AroundAxis parts(operand.dims, axis);
    return static_cast<int64_t>(byte_count(operand.dtype, parts.extent * parts.inner));
  };
  const int64_t outer = AroundAxis(call.outputs[0].dims, axis).outer;
  const int64_t out_run = run_bytes(call.outputs[0]);
  parallel_ranges(launch, outer, grain_of(out_run / 8), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      auto* to = launch.output<std::byte>(0) + row * out_run;
      for (size_t i = 0; i < call.inputs.size(); ++i) {
        const int64_t run = run_bytes(call.inputs[i]);
        if (run > 0)
          std::memcpy(to, launch.input<std::byte>(i) + row * run, static_cast<size_t>(run));
        to += run;
      }
    }
  });
}

}  // namespace

template <>
Kernels kernels<ir::Concat>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.concat.reference", .reject = plain_only, .run = concat_reference},
  };
  return list;
}

}  // namespace tenon::cpu
