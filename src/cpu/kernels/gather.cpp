// Slices picked by index: copies of runs of bytes.
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

template <class Index>
void gather_typed(const Launch& launch) noexcept {
  const auto& x = launch.call->inputs[0];
  const AroundAxis runs(x.dims, launch.call->as<ir::Gather>().axis);
  const int64_t bytes = static_cast<int64_t>(byte_count(x.dtype, runs.inner));
  const int64_t count = launch.call->inputs[1].elements();
  // The run of bytes that comes i-th in the output.
  const auto copy = [&](int64_t i) {
    int64_t index = launch.input<Index>(1)[i % count];
    if (index < 0) index += runs.extent;
    if (index < 0 || index >= runs.extent) return launch.fail("an index is outside the axis");
    if (bytes == 0) return;
    const int64_t from = i / count * runs.extent + index;
    std::memcpy(launch.output<std::byte>(0) + i * bytes, launch.input<std::byte>(0) + from * bytes,
                static_cast<size_t>(bytes));
  };
  parallel_ranges(launch, runs.outer * count, grain_of(bytes / 8), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) copy(i);
  });
}

void gather_reference(const Launch& launch) noexcept {
  if (launch.call->inputs[1].dtype == DType::i32) return gather_typed<int32_t>(launch);
  gather_typed<int64_t>(launch);
}

}  // namespace

template <>
Kernels kernels<ir::Gather>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.gather.reference", .reject = plain_only, .run = gather_reference},
  };
  return list;
}

}  // namespace tenon::cpu
