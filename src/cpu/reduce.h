// Reductions, softmaxes and normalisations as walks over rows, whose work a vector unit may do.
#pragma once

#include "cpu/kernels.h"
#include "cpu/walk.h"
#include "ir/ops/layer_norm.h"
#include "ir/ops/reduce.h"

namespace tenon::cpu {

/// Results and what each is made of, over physical extents: of a plain tensor or view, or of blocks
/// of an axis that stays.
struct ReduceGeometry {
  Walk kept;     // result, input
  Walk reduced;  // input, from the first element of a result
  int64_t results = 0;
  int64_t count = 0;  // elements of one result
};

ReduceGeometry make_reduce_geometry(const Call& call);

/// Sums or extremes of f32 elements by one vector unit. A sum is kept in f64 between pieces.
struct RowFunctions {
  /// Of `count` elements that follow one another.
  double (*sum)(ir::ReduceKind kind, const float* x, int64_t count) noexcept;
  float (*extreme)(bool least, const float* x, int64_t count) noexcept;
  /// Adds `rows` rows of `columns` elements to `to`, or takes the extremes of both; a row begins
  /// `step` behind the one before.
  void (*columns)(ir::ReduceKind kind, const float* x, int64_t step, int64_t rows, int64_t columns,
                  float* to) noexcept;
  /// Of a row that follows itself; y may be x.
  void (*softmax)(const float* x, float* y, int64_t count, bool log) noexcept;
  /// Likewise; scale and shift follow themselves, or are nullptr.
  void (*layer_norm)(const ir::LayerNorm& op, const float* x, const float* scale,
                     const float* shift, float* y, int64_t count) noexcept;
};

template <class Unit>
const RowFunctions& row_functions() noexcept;

kernel::Prepared prepare_reduce_f32(const Call& call, const RowFunctions& functions);
void run_reduce_f32(const Launch& launch) noexcept;

/// Of what works on lines along the last axis.
kernel::Prepared prepare_lines_f32(const Call& call, const RowFunctions& functions);
void run_softmax_f32(const Launch& launch) noexcept;
void run_layer_norm_f32(const Launch& launch) noexcept;

}  // namespace tenon::cpu
