// Matrix products: the definition, with broadcast batches.
#include "cpu/epilogue.h"
#include "cpu/kernel_parts.h"
#include "cpu/matmul_geometry.h"
#include "cpu/vector/vector_kernels.h"

namespace tenon::cpu {

namespace {

struct ReferenceGeometry {
  MatMulGeometry product;
  ReferenceEpilogue epilogue;
};

kernel::Prepared prepare_matmul(const Call& call, kernel::Backend&) {
  return {std::make_shared<const ReferenceGeometry>(
      ReferenceGeometry{make_matmul_geometry(call), ReferenceEpilogue(call)})};
}

// One row of the result, in pieces whose sums stay in the first cache while k runs.
template <class T>
void matmul_row(const Launch& launch, const MatMulGeometry& geometry, const T* a, const T* b,
                T* y) noexcept {
  constexpr int64_t kColumns = 64;
  const T* bias = optional_input<T>(launch, 2);
  for (int64_t first = 0; first < geometry.n; first += kColumns) {
    const int64_t columns = std::min(kColumns, geometry.n - first);
    Sum<T> sums[kColumns] = {};
    for (int64_t k = 0; k < geometry.k; ++k) {
      const Sum<T> factor = widen(a[k * geometry.a_column]);
      const T* row = b + k * geometry.b_row + first * geometry.b_column;
      for (int64_t j = 0; j < columns; ++j) sums[j] += factor * widen(row[j * geometry.b_column]);
    }
    for (int64_t j = 0; j < columns; ++j) {
      if (bias) sums[j] += widen(bias[first + j]);
      y[first + j] = static_cast<T>(sums[j]);
    }
  }
}

template <class T>
void matmul_typed(const Launch& launch) noexcept {
  const MatMulGeometry& geometry = prepared<ReferenceGeometry>(launch).product;
  const int64_t rows = geometry.matrices() * geometry.m;  // of the result
  parallel_ranges(launch, rows, grain_of(geometry.n * geometry.k), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t i = row % geometry.m;
      geometry.at<T>(row / geometry.m, launch, [&](T* y, const T* a, const T* b, auto) {
        matmul_row(launch, geometry, a + i * geometry.a_row, b, y + i * geometry.y_row);
      });
    }
  });
}

void matmul_reference(const Launch& launch) noexcept {
  dispatch_numeric(launch.call->outputs[0].dtype,
                   [&](auto tag) { matmul_typed<typename decltype(tag)::type>(launch); });
  prepared<ReferenceGeometry>(launch).epilogue.run(launch);
}

}  // namespace

template <>
Kernels kernels<ir::MatMul>() {
  static const std::vector<Kernel> list =
      with_reference(vector_matmul_kernels(), {.name = "cpu.matmul.reference",
                                               .reject = plain_only,
                                               .prepare = prepare_matmul,
                                               .run = matmul_reference,
                                               .strided_inputs = matmul_views,
                                               .strided_output = true});
  return list;
}

}  // namespace tenon::cpu
