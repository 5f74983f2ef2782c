// Numbers at equal distances; integers wrap around.
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

template <class T>
void range_typed(const Launch& launch) noexcept {
  const Sum<T> start = widen(launch.input<T>(0)[0]);
  const Sum<T> delta = widen(launch.input<T>(1)[0]);
  T* const out = launch.output<T>(0);
  const int64_t count = launch.call->outputs[0].dims[0];
  parallel_ranges(launch, count, grain_of(1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      out[i] = narrow<T>(start + static_cast<Sum<T>>(i) * delta);
  });
}

void range_reference(const Launch& launch) noexcept {
  dispatch_numeric(launch.call->outputs[0].dtype,
                   [&](auto tag) { range_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::Range>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.range.reference", .reject = plain_only, .run = range_reference},
  };
  return list;
}

}  // namespace tenon::cpu
