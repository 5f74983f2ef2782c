// Batch normalisation with given statistics.
#include <cmath>

#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

// Statistics may have another floating dtype than x.
double element(const Launch& launch, size_t input, int64_t i) noexcept {
  double value = 0;
  dispatch_floating(launch.call->inputs[input].dtype, [&](auto tag) {
    value = launch.input<typename decltype(tag)::type>(input)[i];
  });
  return value;
}

template <class T>
void batch_norm_typed(const Launch& launch) noexcept {
  const auto& dims = launch.call->inputs[0].dims;
  const double epsilon = launch.call->as<ir::BatchNorm>().epsilon;
  const int64_t channels = dims[1];
  int64_t plane = 1;
  for (size_t a = 2; a < dims.size(); ++a) plane *= dims[a];
  parallel_ranges(launch, dims[0] * channels, grain_of(plane), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t c = i % channels;
      const double scale = element(launch, 1, c), bias = element(launch, 2, c);
      const double mean = element(launch, 3, c), variance = element(launch, 4, c);
      const double factor = scale / std::sqrt(variance + epsilon);
      const T* x = launch.input<T>(0) + i * plane;
      T* y = launch.output<T>(0) + i * plane;
      for (int64_t j = 0; j < plane; ++j) {
        y[j] = static_cast<T>(
            static_cast<Compute<T>>((static_cast<double>(x[j]) - mean) * factor + bias));
      }
    }
  });
}

void batch_norm_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->inputs[0].dtype,
                    [&](auto tag) { batch_norm_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::BatchNorm>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.batch_norm.reference", .reject = plain_only, .run = batch_norm_reference},
  };
  return list;
}

}  // namespace tenon::cpu
