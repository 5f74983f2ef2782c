// Numbers that become extents: the executor reads them from the result, a copy.
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

void bind_reference(const Launch& launch) noexcept {
  const auto& operand = launch.call->outputs[0];
  const auto bytes =
      byte_count(operand.dtype, static_cast<int64_t>(launch.call->as<ir::Bind>().symbols.size()));
  if (bytes > 0) std::memcpy(launch.output<std::byte>(0), launch.input<std::byte>(0), bytes);
}

}  // namespace

template <>
Kernels kernels<ir::Bind>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.bind.reference", .reject = plain_only, .run = bind_reference},
  };
  return list;
}

}  // namespace tenon::cpu
