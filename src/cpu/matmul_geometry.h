// Extents and strides of a matrix product, worked out once.
#pragma once

#include "cpu/kernels.h"
#include "cpu/walk.h"

namespace tenon::cpu {

/// The tactic whose packed b is [n, k].
inline constexpr std::string_view matmul_by_rows = "rows";

struct MatMulGeometry {
  Walk batches;  ///< of the result, a and b, counted in matrices
  int64_t m = 0, n = 0, k = 0;
  int64_t a_row = 0, a_column = 0;  ///< strides of a [m, k]
  int64_t b_row = 0, b_column = 0;  ///< strides of b [k, n], where it is plain
  bool by_rows = false;             ///< the tactic

  int64_t matrices() const { return batches.rows() * batches.row_length(); }

  /// Calls f with the first elements of matrix `index` of the result, a and b.
  template <class T, class F>
  void at(int64_t index, const Launch& launch, const F& f) const {
    const int64_t row = index / batches.row_length();
    batches.for_rows(row, row + 1, [&](const int64_t* offsets) {
      const int64_t i = index % batches.row_length();
      f(launch.output<T>(0) + (offsets[0] + i * batches.step(0)) * m * n,
        launch.input<T>(0) + (offsets[1] + i * batches.step(1)) * m * k,
        launch.input<T>(1) + (offsets[2] + i * batches.step(2)) * k * n);
    });
  }
};

/// Where one b serves all matrices of an untransposed a, their rows are taken as one matrix.
MatMulGeometry make_matmul_geometry(const Call& call);

}  // namespace tenon::cpu
