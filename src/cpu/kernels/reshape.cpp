// The same bytes under other extents: a copy, where the buffer cannot be shared.
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

void reshape_reference(const Launch& launch) noexcept {
  const auto& operand = launch.call->outputs[0];
  auto bytes = static_cast<int64_t>(byte_count(operand.dtype, 1));
  for (const int64_t extent : operand.dims) bytes *= extent;
  parallel_ranges(launch, bytes, int64_t{1} << 18, [&](int64_t begin, int64_t end) {
    std::memcpy(launch.output<std::byte>(0) + begin, launch.input<std::byte>(0) + begin,
                static_cast<size_t>(end - begin));
  });
}

}  // namespace

template <>
Kernels kernels<ir::Reshape>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.reshape.reference", .reject = plain_only, .run = reshape_reference},
  };
  return list;
}

}  // namespace tenon::cpu
