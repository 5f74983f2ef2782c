// Tensors one after another: copies of runs of bytes.
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

// Bytes from one index of the axes before `axis` to the next.
int64_t run_bytes(const kernel::Operand& operand, size_t axis) noexcept {
  auto bytes = static_cast<int64_t>(size_of(operand.dtype));
  for (size_t a = axis; a < operand.dims.size(); ++a) bytes *= operand.dims[a];
  return bytes;
}

void concat_reference(const Launch& launch) noexcept {
  const Call& call = *launch.call;
  const auto& dims = call.outputs[0].dims;
  const int64_t given = call.as<ir::Concat>().axis;
  const auto axis =
      static_cast<size_t>(given < 0 ? given + static_cast<int64_t>(dims.size()) : given);
  int64_t outer = 1;
  for (size_t a = 0; a < axis; ++a) outer *= dims[a];
  const int64_t out_run = run_bytes(call.outputs[0], axis);
  parallel_ranges(launch, outer, grain_of(out_run / 8), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      auto* to = launch.output<std::byte>(0) + row * out_run;
      for (size_t i = 0; i < call.inputs.size(); ++i) {
        const int64_t run = run_bytes(call.inputs[i], axis);
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
