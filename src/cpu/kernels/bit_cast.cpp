// The same bytes as another type: a copy.
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

void bit_cast_reference(const Launch& launch) noexcept {
  const kernel::Operand& y = launch.call->outputs[0];
  const int64_t count = y.elements();
  if (y.dtype == DType::bool_) {
    const auto* const x = launch.input<uint8_t>(0);
    for (int64_t i = 0; i < count; ++i) launch.output<bool>(0)[i] = x[i] != 0;
  } else if (count > 0) {
    std::memcpy(launch.output<std::byte>(0), launch.input<std::byte>(0),
                byte_count(y.dtype, count));
  }
}

}  // namespace

template <>
Kernels kernels<ir::BitCast>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.bit_cast.reference", .reject = plain_only, .run = bit_cast_reference},
  };
  return list;
}

}  // namespace tenon::cpu
