// Reductions and softmaxes over rows: everything but the arithmetic.
#include "cpu/reduce.h"

#include <cmath>
#include <limits>

#include "cpu/lines.h"

namespace tenon::cpu {

namespace {

using ir::ReduceKind;

bool is_extreme(ReduceKind kind) { return kind == ReduceKind::max || kind == ReduceKind::min; }

/// What an extreme is of nothing: it loses against everything.
float start_of(ReduceKind kind) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  return kind == ReduceKind::max ? -kInfinity : kind == ReduceKind::min ? kInfinity : 0;
}

float finish(ReduceKind kind, double sum, int64_t count) {
  if (kind == ReduceKind::mean) return static_cast<float>(sum / static_cast<double>(count));
  return static_cast<float>(kind == ReduceKind::l2 ? std::sqrt(sum) : sum);
}

struct ReduceF32 {
  ReduceGeometry geometry;
  RowFunctions functions;
  int64_t block = 1, channels = 0;  ///< of a blocked axis: what is beyond its channels is zero
};

// One result: its elements lie in rows, dense or not.
float reduce_row(const ReduceF32& it, ReduceKind kind, const float* first) noexcept {
  const Walk& walk = it.geometry.reduced;
  const int64_t length = walk.row_length(), step = walk.step(0);
  double sum = 0;
  float best = start_of(kind);
  const auto take = [&](const float* x, int64_t count) {
    if (!is_extreme(kind)) {
      sum += it.functions.sum(kind, x, count);
      return;
    }
    const float value = it.functions.extreme(kind == ReduceKind::min, x, count);
    if (value != value || (kind == ReduceKind::min ? value < best : value > best)) best = value;
  };
  walk.for_rows(0, walk.rows(), [&](const int64_t* offsets) {
    const float* row = first + offsets[0];
    if (step == 1) return take(row, length);
    for (int64_t i = 0; i < length; ++i) take(row + i * step, 1);
  });
  return is_extreme(kind) ? best : finish(kind, sum, it.geometry.count);
}

constexpr int64_t kColumns = 256;  ///< results that are made side by side
constexpr int64_t kRows = 128;     ///< elements of each between two steps in f64

// Results that follow one another, as do their elements in each row of the input.
void reduce_columns(const ReduceF32& it, ReduceKind kind, const float* first, float* y,
                    int64_t columns) noexcept {
  const Walk& walk = it.geometry.reduced;
  const int64_t length = walk.row_length(), step = walk.step(0);
  double sums[kColumns] = {};
  float piece[kColumns];
  std::fill(piece, piece + columns, start_of(kind));
  walk.for_rows(0, walk.rows(), [&](const int64_t* offsets) {
    for (int64_t row = 0; row < length; row += kRows) {
      it.functions.columns(kind, first + offsets[0] + row * step, step,
                           std::min(kRows, length - row), columns, piece);
      if (is_extreme(kind)) continue;
      for (int64_t i = 0; i < columns; ++i) sums[i] += static_cast<double>(piece[i]);
      std::fill(piece, piece + columns, 0.0f);
    }
  });
  for (int64_t i = 0; i < columns; ++i)
    y[i] = is_extreme(kind) ? piece[i] : finish(kind, sums[i], it.geometry.count);
}

// Only what is made of nothing is not zero there by itself.
void clear_padding(const ReduceF32& it, float* y) noexcept {
  if (it.geometry.count > 0 || it.channels % it.block == 0) return;
  const int64_t padded = (it.channels + it.block - 1) / it.block * it.block;
  const int64_t others = it.geometry.results / padded;
  for (int64_t i = it.channels; i < padded; ++i) {
    for (int64_t n = 0; n < others; ++n)
      y[(n * padded / it.block + i / it.block) * it.block + i % it.block] = 0;
  }
}

}  // namespace

ReduceGeometry make_reduce_geometry(const Call& call) {
  const kernel::Operand& x = call.inputs[0];
  const auto rank = std::ssize(x.dims);
  std::vector<bool> is_reduced(x.dims.size(), false);
  for (const int64_t axis : call.as<ir::Reduce>().axes)
    is_reduced[static_cast<size_t>(axis < 0 ? axis + rank : axis)] = true;
  // Blocks come last, and belong to an axis that stays.
  const std::vector<int64_t> dims = ir::physical_dims(x.dims, x.layout);
  const Strides strides = x.layout.plain() ? strides_of(x) : dense_strides(dims);
  is_reduced.resize(dims.size(), false);
  std::vector<int64_t> kept_dims, reduced_dims;
  Strides kept_strides, reduced_strides;
  for (size_t a = 0; a < dims.size(); ++a) {
    (is_reduced[a] ? reduced_dims : kept_dims).push_back(dims[a]);
    (is_reduced[a] ? reduced_strides : kept_strides).push_back(strides[a]);
  }
  ReduceGeometry geometry;
  geometry.kept = Walk(kept_dims, {dense_strides(kept_dims), kept_strides});
  geometry.reduced = Walk(reduced_dims, {reduced_strides});
  geometry.results = geometry.kept.rows() * geometry.kept.row_length();
  geometry.count = geometry.reduced.rows() * geometry.reduced.row_length();
  return geometry;
}

kernel::Prepared prepare_reduce_f32(const Call& call, const RowFunctions& functions) {
  ReduceF32 it{make_reduce_geometry(call), functions};
  const ir::Layout& layout = call.inputs[0].layout;
  if (!layout.plain()) {
    it.block = layout.splits[0].block;
    it.channels = call.inputs[0].dims[static_cast<size_t>(layout.splits[0].axis)];
  }
  return {std::make_shared<const ReduceF32>(std::move(it))};
}

void run_reduce_f32(const Launch& launch) noexcept {
  const auto& it = prepared<ReduceF32>(launch);
  const ReduceKind kind = launch.call->as<ir::Reduce>().kind;
  const Walk &kept = it.geometry.kept, &reduced = it.geometry.reduced;
  const int64_t length = kept.row_length(), step = kept.step(1);
  const auto* x = launch.input<float>(0);
  auto* y = launch.output<float>(0);
  if (step == 1 && length > 1 && reduced.step(0) != 1) {
    const int64_t pieces = (length + kColumns - 1) / kColumns;
    parallel_ranges(launch, kept.rows() * pieces,
                    grain_of(it.geometry.count * std::min(length, kColumns) / 8),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) {
                        const int64_t at = i % pieces * kColumns;
                        kept.for_rows(i / pieces, i / pieces + 1, [&](const int64_t* offsets) {
                          reduce_columns(it, kind, x + offsets[1] + at, y + offsets[0] + at,
                                         std::min(kColumns, length - at));
                        });
                      }
                    });
  } else {
    parallel_ranges(launch, it.geometry.results, grain_of(it.geometry.count / 8),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end;) {
                        const int64_t columns = std::min(end - i, length - i % length);
                        kept.for_rows(i / length, i / length + 1, [&](const int64_t* offsets) {
                          for (int64_t j = i % length; j < i % length + columns; ++j)
                            y[offsets[0] + j] = reduce_row(it, kind, x + offsets[1] + j * step);
                        });
                        i += columns;
                      }
                    });
  }
  clear_padding(it, y);
}

namespace {

struct LinesF32 {
  Lines lines;
  RowFunctions functions;
};

}  // namespace

kernel::Prepared prepare_lines_f32(const Call& call, const RowFunctions& functions) {
  return {std::make_shared<const LinesF32>(make_lines(call, -1), functions)};
}

void run_softmax_f32(const Launch& launch) noexcept {
  const auto& [lines, functions] = prepared<LinesF32>(launch);
  const bool log = launch.call->as<ir::Softmax>().log;
  for_lines(launch, lines, 2, [&](int64_t x, int64_t y) {
    functions.softmax(launch.input<float>(0) + x, launch.output<float>(0) + y, lines.length, log);
  });
}

void run_layer_norm_f32(const Launch& launch) noexcept {
  const auto& [lines, functions] = prepared<LinesF32>(launch);
  const auto& op = launch.call->as<ir::LayerNorm>();
  const float *scale = optional_input<float>(launch, 1), *shift = optional_input<float>(launch, 2);
  for_lines(launch, lines, 1, [&](int64_t x, int64_t y) {
    functions.layer_norm(op, launch.input<float>(0) + x, scale, shift, launch.output<float>(0) + y,
                         lines.length);
  });
}

}  // namespace tenon::cpu
