// Matrix products: the definition, with broadcast batches.
#include "cpu/activation.h"
#include "cpu/kernel_parts.h"
#include "cpu/walk.h"

namespace tenon::cpu {

namespace {

struct MatMulPlan {
  Walk batches;  // a row of it: matrices of the result, a, b, counted in matrices
  int64_t m = 0, n = 0, k = 0;
  int64_t a_row = 0, a_column = 0, b_row = 0, b_column = 0;  // strides
};

std::span<const int64_t> batch_dims(const std::vector<int64_t>& dims) {
  return std::span(dims).first(dims.size() - 2);
}

std::shared_ptr<const void> prepare_matmul(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::MatMul>();
  const auto& a = call.inputs[0].dims;
  const auto& b = call.inputs[1].dims;
  const auto& y = call.outputs[0].dims;
  MatMulPlan plan;
  plan.m = y[y.size() - 2];
  plan.n = y[y.size() - 1];
  plan.k = a[a.size() - (op.transpose_a ? 2 : 1)];
  plan.a_row = op.transpose_a ? 1 : plan.k;
  plan.a_column = op.transpose_a ? plan.m : 1;
  plan.b_row = op.transpose_b ? 1 : plan.n;
  plan.b_column = op.transpose_b ? plan.k : 1;
  const auto batch = batch_dims(y);
  plan.batches = Walk(batch, {dense_strides(batch), broadcast_strides(batch_dims(a), batch),
                              broadcast_strides(batch_dims(b), batch)});
  return std::make_shared<const MatMulPlan>(std::move(plan));
}

// One row of the result, in pieces whose sums stay in the first cache while k runs.
template <class T>
void matmul_row(const Launch& launch, const MatMulPlan& plan, const T* a, const T* b,
                T* y) noexcept {
  constexpr int64_t kColumns = 64;
  const Bounds<Compute<T>> bounds(launch.call->as<ir::MatMul>());
  const T* bias = has_input(*launch.call, 2) ? launch.input<T>(2) : nullptr;
  for (int64_t first = 0; first < plan.n; first += kColumns) {
    const int64_t columns = std::min(kColumns, plan.n - first);
    Sum<T> sums[kColumns] = {};
    for (int64_t k = 0; k < plan.k; ++k) {
      const Sum<T> factor = widen(a[k * plan.a_column]);
      const T* row = b + k * plan.b_row + first * plan.b_column;
      for (int64_t j = 0; j < columns; ++j) sums[j] += factor * widen(row[j * plan.b_column]);
    }
    for (int64_t j = 0; j < columns; ++j) {
      if (bias) sums[j] += widen(bias[first + j]);
      y[first + j] = static_cast<T>(bounds(static_cast<Compute<T>>(sums[j])));
    }
  }
}

template <class T>
void matmul_typed(const Launch& launch) noexcept {
  const auto& plan = prepared<MatMulPlan>(launch);
  const int64_t per_row = plan.batches.row_length();
  const int64_t rows = plan.batches.rows() * per_row * plan.m;  // of the result
  parallel_ranges(launch, rows, grain_of(plan.n * plan.k), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t batch = row / plan.m;
      const int64_t i = row % plan.m;
      plan.batches.for_rows(batch / per_row, batch / per_row + 1, [&](const int64_t* offsets) {
        const auto matrix = [&](size_t t) {
          return offsets[t] + batch % per_row * plan.batches.step(t);
        };
        matmul_row(launch, plan, launch.input<T>(0) + matrix(1) * plan.m * plan.k + i * plan.a_row,
                   launch.input<T>(1) + matrix(2) * plan.k * plan.n,
                   launch.output<T>(0) + matrix(0) * plan.m * plan.n + i * plan.n);
      });
    }
  });
}

void matmul_reference(const Launch& launch) noexcept {
  dispatch_numeric(launch.call->outputs[0].dtype,
                   [&](auto tag) { matmul_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::MatMul>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.matmul.reference",
       .reject = plain_only,
       .prepare = prepare_matmul,
       .run = matmul_reference},
  };
  return list;
}

}  // namespace tenon::cpu
