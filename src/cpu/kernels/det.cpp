// Determinants by Gaussian elimination, in f64.
#include <cmath>

#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

kernel::Prepared prepare_det(const Call& call, kernel::Backend&) {
  return {nullptr, sizeof(double) * static_cast<size_t>(call.inputs[0].elements())};
}

// Rows are swapped for the greatest pivot; `a` is used up.
double det_of(double* a, int64_t n) noexcept {
  double det = 1;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i)
      if (std::fabs(a[i * n + k]) > std::fabs(a[pivot * n + k])) pivot = i;
    if (pivot != k) {
      std::swap_ranges(a + k * n, a + (k + 1) * n, a + pivot * n);
      det = -det;
    }
    det *= a[k * n + k];
    if (a[k * n + k] == 0) return 0;
    for (int64_t i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / a[k * n + k];
      for (int64_t j = k; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
    }
  }
  return det;
}

template <class T>
void det_typed(const Launch& launch) noexcept {
  const int64_t n = launch.call->inputs[0].dims.back();
  const auto run_matrix = [&](int64_t i) {
    double* const a = static_cast<double*>(launch.scratch) + i * n * n;
    const T* const x = launch.input<T>(0) + i * n * n;
    for (int64_t k = 0; k < n * n; ++k) a[k] = static_cast<double>(static_cast<Compute<T>>(x[k]));
    launch.output<T>(0)[i] = static_cast<T>(static_cast<Compute<T>>(det_of(a, n)));
  };
  parallel_ranges(launch, launch.call->outputs[0].elements(), grain_of(n * n * n),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i) run_matrix(i);
                  });
}

void det_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->inputs[0].dtype,
                    [&](auto tag) { det_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::Det>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.det.reference",
       .reject = plain_only,
       .prepare = prepare_det,
       .run = det_reference},
  };
  return list;
}

}  // namespace tenon::cpu
