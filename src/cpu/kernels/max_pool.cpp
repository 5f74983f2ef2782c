// Max pooling: the definition, with indices.
#include <limits>

#include "cpu/kernel_parts.h"
#include "cpu/vector/vector_kernels.h"
#include "cpu/window.h"

namespace tenon::cpu {

namespace {

kernel::Prepared prepare_max_pool(const Call& call, kernel::Backend&) {
  return {std::make_shared<const WindowGeometry>(
      window_geometry(call.as<ir::MaxPool>().window(), call.inputs[0].dims, call.outputs[0].dims))};
}

// The flat index of the same element with the first spatial axis running fastest.
int64_t column_major(const WindowGeometry& window, int64_t offset) noexcept {
  int64_t index = 0;
  int64_t scale = window.in_size;
  for (size_t a = window.rank; a-- > 0;) {
    scale /= window.axes[a].in;
    index += offset % window.axes[a].in * scale;
    offset /= window.axes[a].in;
  }
  return index;
}

template <class T>
T lowest() noexcept {
  if constexpr (is_float<T>) {
    return static_cast<T>(-std::numeric_limits<float>::infinity());
  } else {
    return std::numeric_limits<T>::lowest();
  }
}

/// The greatest element of a window and where it lies in its plane.
template <class T>
struct Greatest {
  T value = lowest<T>();
  int64_t offset = -1;
};

// The first of equal ones; a NaN wins.
template <class T>
Greatest<T> greatest_at(const WindowGeometry& window, const T* plane, int64_t position) noexcept {
  Greatest<T> best;
  window.for_taps(position, [&](int64_t, int64_t offset) {
    const Compute<T> value = plane[offset];
    const Compute<T> so_far = best.value;
    if (best.offset < 0 || value > so_far || (value != value && so_far == so_far)) {
      best = {plane[offset], offset};
    }
  });
  return best;
}

template <class T>
void max_pool_typed(const Launch& launch) noexcept {
  const auto& window = prepared<WindowGeometry>(launch);
  const auto& dims = launch.call->inputs[0].dims;
  const bool by_columns = launch.call->as<ir::MaxPool>().storage_order == 1;
  const bool indexed = launch.call->outputs.size() > 1 && launch.call->outputs[1].present;
  int64_t* indices = indexed ? launch.output<int64_t>(1) : nullptr;
  const int64_t grain = grain_of(window.out_size * window.taps);
  parallel_ranges(launch, dims[0] * dims[1], grain, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const T* x = launch.input<T>(0) + plane * window.in_size;
      for (int64_t position = 0; position < window.out_size; ++position) {
        const Greatest<T> best = greatest_at(window, x, position);
        const int64_t at = plane * window.out_size + position;
        launch.output<T>(0)[at] = best.value;
        if (!indices) continue;
        indices[at] =
            plane * window.in_size + (by_columns ? column_major(window, best.offset) : best.offset);
      }
    }
  });
}

void max_pool_reference(const Launch& launch) noexcept {
  dispatch_numeric(launch.call->inputs[0].dtype,
                   [&](auto tag) { max_pool_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::MaxPool>() {
  static const std::vector<Kernel> list =
      with_reference(vector_max_pool_kernels(), {.name = "cpu.max_pool.reference",
                                                 .reject = plain_only,
                                                 .prepare = prepare_max_pool,
                                                 .run = max_pool_reference});
  return list;
}

}  // namespace tenon::cpu
