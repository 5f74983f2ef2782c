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

// In blocks of the joined axis a tensor of whole blocks is as many runs as in plain layout.
const char* reject_blocks(const Call& call) {
  const kernel::Operand& whole = call.outputs[0];
  const int64_t axis = call.as<ir::Concat>().axis;
  const auto rank = std::ssize(whole.dims);
  for (const kernel::Operand& operand : call.inputs) {
    if (operand.layout != whole.layout) return "its operands and its result have one layout";
    if (!operand.strides.empty()) return "it takes dense operands only";
  }
  if (whole.layout.plain()) return nullptr;
  const auto& splits = whole.layout.splits;
  if (!whole.layout.order.empty() || splits.size() != 1 ||
      splits[0].axis != (axis < 0 ? axis + rank : axis))
    return "it joins blocks along their axis";
  for (const kernel::Operand& operand : call.inputs) {
    if (operand.dims[static_cast<size_t>(splits[0].axis)] % splits[0].block != 0)
      return "it joins whole blocks";
  }
  return nullptr;
}

}  // namespace

template <>
Kernels kernels<ir::Concat>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.concat.blocked",
       .reject = reject_blocks,
       .layouts = [](const Call&) { return kernel::Layouts{.follow = true}; },
       .run = concat_reference},
      {.name = "cpu.concat.reference", .reject = plain_only, .run = concat_reference},
  };
  return list;
}

}  // namespace tenon::cpu
