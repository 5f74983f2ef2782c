// Extents and strides of a matrix product, worked out once.
#pragma once

#include "cpu/kernels.h"
#include "cpu/walk.h"
#include "ir/ops/epilogue.h"

namespace tenon::cpu {

/// The tactic whose packed b is [n, k].
inline constexpr std::string_view matmul_by_rows = "rows";

/// Operands that may be views: all but the bias.
inline constexpr uint32_t matmul_views = ~(uint32_t{1} << (ir::first_epilogue_operand - 1));

struct MatMulGeometry {
  /// An operand of the epilogue: strides along the result's rows and columns, in elements of so
  /// many bytes.
  struct Trailing {
    int64_t bytes = 0, row = 0, column = 0;
  };

  Walk batches;  ///< of the result, a and b; then of operands of the epilogue
  int64_t m = 0, n = 0, k = 0;
  int64_t y_row = 0;                ///< stride of the result [m, n], whose rows are dense
  int64_t a_row = 0, a_column = 0;  ///< strides of a [m, k]
  int64_t b_row = 0, b_column = 0;  ///< strides of b [k, n], where it is plain
  bool by_rows = false;             ///< the tactic
  int trailing_operands = 0;
  Trailing trailing[ir::most_epilogue_operands];

  int64_t matrices() const { return batches.rows() * batches.row_length(); }

  /// Calls f with the offsets of the first elements of matrix `index` of the result, a and b, and
  /// of those in the operands of the epilogue.
  template <class F>
  void offsets(int64_t index, const F& f) const {
    const int64_t row = index / batches.row_length();
    batches.for_rows(row, row + 1, [&](const int64_t* offsets) {
      const int64_t i = index % batches.row_length();
      const auto at = [&](size_t tensor) { return offsets[tensor] + i * batches.step(tensor); };
      int64_t behind[ir::most_epilogue_operands];
      for (int t = 0; t < trailing_operands; ++t) behind[t] = at(static_cast<size_t>(t) + 3);
      f(at(0), at(1), at(2), behind);
    });
  }

  /// The same with the elements themselves.
  template <class T, class F>
  void at(int64_t index, const Launch& launch, const F& f) const {
    offsets(index, [&](int64_t y, int64_t a, int64_t b, const int64_t* behind) {
      f(launch.output<T>(0) + y, launch.input<T>(0) + a, launch.input<T>(1) + b, behind);
    });
  }
};

/// Where one b serves all matrices of a, their rows are taken as one matrix, unless a, the result
/// or an operand of the epilogue has no one step from row to row then, or it `may_fold` not.
MatMulGeometry make_matmul_geometry(const Call& call, bool may_fold = true);

}  // namespace tenon::cpu
