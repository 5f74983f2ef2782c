// Average pooling: the definition.
#include "cpu/kernel_parts.h"
#include "cpu/vector/vector_kernels.h"
#include "cpu/window.h"

namespace tenon::cpu {

namespace {

kernel::Prepared prepare_average_pool(const Call& call, kernel::Backend&) {
  return {std::make_shared<const WindowGeometry>(window_geometry(
      call.as<ir::AveragePool>().window(), call.inputs[0].dims, call.outputs[0].dims))};
}

template <class T>
T average_at(const WindowGeometry& window, const T* plane, int64_t position,
             bool count_padding) noexcept {
  Sum<T> sum{};
  int64_t count = 0;
  window.for_taps(position, [&](int64_t, int64_t offset) {
    sum += widen(plane[offset]);
    ++count;
  });
  if (count_padding) count = window.taps_in_padded(position);
  return narrow<T>(sum / static_cast<Sum<T>>(count));
}

template <class T>
void average_pool_typed(const Launch& launch) noexcept {
  const auto& window = prepared<WindowGeometry>(launch);
  const auto& dims = launch.call->inputs[0].dims;
  const bool count_padding = launch.call->as<ir::AveragePool>().count_include_pad;
  const int64_t grain = grain_of(window.out_size * window.taps);
  parallel_ranges(launch, dims[0] * dims[1], grain, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const T* x = launch.input<T>(0) + plane * window.in_size;
      T* y = launch.output<T>(0) + plane * window.out_size;
      for (int64_t position = 0; position < window.out_size; ++position) {
        y[position] = average_at(window, x, position, count_padding);
      }
    }
  });
}

void average_pool_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->inputs[0].dtype,
                    [&](auto tag) { average_pool_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::AveragePool>() {
  static const std::vector<Kernel> list =
      with_reference(vector_average_pool_kernels(), {.name = "cpu.average_pool.reference",
                                                     .reject = plain_only,
                                                     .prepare = prepare_average_pool,
                                                     .run = average_pool_reference});
  return list;
}

}  // namespace tenon::cpu
