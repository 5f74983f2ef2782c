// Reorders between plain and blocked f32 tensors, and transposes, by transposes of small squares:
// what a refit spends its time on.
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/reorder.cpp"
#include "cpu/kernel_parts.h"
#include "cpu/vector/reorder_geometry.h"
#include "cpu/vector/vector_kernels.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

namespace hn = hwy::HWY_NAMESPACE;
using Tag = hn::FixedTag<float, 4>;

/// A matrix in memory; `stride` from one row to the next, in elements.
struct From {
  const float* at;
  int64_t stride;
};
struct To {
  float* at;
  int64_t stride;
};

// 4 x 4 in registers: eight shuffles for sixteen elements.
HWY_INLINE void transpose_square(From from, To to) {
  const Tag tag;
  const auto a = hn::LoadU(tag, from.at), b = hn::LoadU(tag, from.at + from.stride);
  const auto c = hn::LoadU(tag, from.at + 2 * from.stride),
             d = hn::LoadU(tag, from.at + 3 * from.stride);
  const auto ac = hn::InterleaveLower(tag, a, c), bd = hn::InterleaveLower(tag, b, d);
  const auto ac_upper = hn::InterleaveUpper(tag, a, c), bd_upper = hn::InterleaveUpper(tag, b, d);
  hn::StoreU(hn::InterleaveLower(tag, ac, bd), tag, to.at);
  hn::StoreU(hn::InterleaveUpper(tag, ac, bd), tag, to.at + to.stride);
  hn::StoreU(hn::InterleaveLower(tag, ac_upper, bd_upper), tag, to.at + 2 * to.stride);
  hn::StoreU(hn::InterleaveUpper(tag, ac_upper, bd_upper), tag, to.at + 3 * to.stride);
}

HWY_INLINE void transpose_elements(From from, To to, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) to.at[j * to.stride + i] = from.at[i * from.stride + j];
  }
}

/// to[j][i] = from[i][j], in squares of a cache line's length: each line of the target is filled
/// before it can be evicted, for rows that are a power of two apart share their place in the cache.
void transpose(From from, To to, int64_t rows, int64_t columns) {
  constexpr int64_t kLine = 16;
  const int64_t whole_columns = columns / 4 * 4;
  for (int64_t first = 0; first < rows; first += kLine) {
    const int64_t height = HWY_MIN(kLine, rows - first);
    const int64_t whole = height / 4 * 4;
    for (int64_t j = 0; j < whole_columns; j += 4) {
      const From source{from.at + first * from.stride + j, from.stride};
      const To target{to.at + j * to.stride + first, to.stride};
      for (int64_t i = 0; i < whole; i += 4) {
        transpose_square({source.at + i * source.stride, source.stride},
                         {target.at + i, target.stride});
      }
      transpose_elements({source.at + whole * source.stride, source.stride},
                         {target.at + whole, target.stride}, height - whole, 4);
    }
    transpose_elements({from.at + first * from.stride + whole_columns, from.stride},
                       {to.at + whole_columns * to.stride + first, to.stride}, height,
                       columns - whole_columns);
  }
}

/// [rows, columns] -> [rows / block][columns][block], the last block filled with zeros.
void interleave(const ReorderBlocks& geometry, const float* from, float* to, int64_t block_row,
                int64_t first, int64_t columns) {
  const int64_t rows = HWY_MIN(geometry.block, geometry.rows - block_row * geometry.block);
  const From source{from + block_row * geometry.block * geometry.columns + first, geometry.columns};
  const To target{to + (block_row * geometry.columns + first) * geometry.block, geometry.block};
  if (rows < geometry.block)
    std::memset(target.at, 0, static_cast<size_t>(columns * geometry.block) * sizeof(float));
  transpose(source, target, rows, columns);
}

/// The way back: padding is left out.
void deinterleave(const ReorderBlocks& geometry, const float* from, float* to, int64_t block_row,
                  int64_t first, int64_t columns) {
  const int64_t rows = HWY_MIN(geometry.block, geometry.rows - block_row * geometry.block);
  const From source{from + (block_row * geometry.columns + first) * geometry.block, geometry.block};
  const To target{to + block_row * geometry.block * geometry.columns + first, geometry.columns};
  transpose(source, target, columns, rows);
}

/// [columns, rows] -> [rows / block][columns][block]: runs of a block are copied as they lie.
void gather_runs(const ReorderBlocks& geometry, const float* from, float* to, int64_t block_row,
                 int64_t first, int64_t columns) {
  const int64_t rows = HWY_MIN(geometry.block, geometry.rows - block_row * geometry.block);
  const float* source = from + first * geometry.rows + block_row * geometry.block;
  float* target = to + (block_row * geometry.columns + first) * geometry.block;
  const Tag tag;
  for (int64_t j = 0; j < columns; ++j) {
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4) hn::StoreU(hn::LoadU(tag, source + i), tag, target + i);
    for (; i < rows; ++i) target[i] = source[i];
    for (; i < geometry.block; ++i) target[i] = 0;
    source += geometry.rows;
    target += geometry.block;
  }
}

/// [columns, rows] -> [rows, columns], by stripes of rows.
void transpose_stripe(const ReorderBlocks& geometry, const float* from, float* to,
                      int64_t block_row, int64_t first, int64_t columns) {
  const int64_t rows = HWY_MIN(geometry.block, geometry.rows - block_row * geometry.block);
  const From source{from + first * geometry.rows + block_row * geometry.block, geometry.rows};
  const To target{to + block_row * geometry.block * geometry.columns + first, geometry.columns};
  transpose(source, target, columns, rows);
}

void run_reorder(const Launch& launch) noexcept {
  const auto& geometry = prepared<ReorderBlocks>(launch);
  constexpr int64_t kColumns = 512;  // of a unit: some 32 KiB
  const int64_t pieces = (geometry.columns + kColumns - 1) / kColumns;
  const int64_t block_rows = (geometry.rows + geometry.block - 1) / geometry.block;
  const int64_t units = geometry.outer * block_rows * pieces;
  const int threads =
      geometry.outer * geometry.rows * geometry.columns < 32768 ? 1 : launch.state->threads;
  base::parallel_for(threads, units, [&](int64_t unit) {
    const int64_t first = unit % pieces * kColumns;
    const int64_t columns = HWY_MIN(kColumns, geometry.columns - first);
    const int64_t block_row = unit / pieces % block_rows;
    const int64_t outer = unit / pieces / block_rows;
    const float* from = launch.input<float>(0) + outer * geometry.from_stride();
    float* to = launch.output<float>(0) + outer * geometry.to_stride();
    switch (geometry.kind) {
      case ReorderBlocks::Kind::interleave:
        return interleave(geometry, from, to, block_row, first, columns);
      case ReorderBlocks::Kind::deinterleave:
        return deinterleave(geometry, from, to, block_row, first, columns);
      case ReorderBlocks::Kind::gather_runs:
        return gather_runs(geometry, from, to, block_row, first, columns);
      case ReorderBlocks::Kind::transpose:
        return transpose_stripe(geometry, from, to, block_row, first, columns);
    }
  });
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS

#if HWY_ONCE
namespace tenon::cpu {

namespace {

template <class Unit>
const char* reject_reorder(const Call& call) {
  if (const char* reason = refuse_unit_and_dtype<Unit>(call)) return reason;
  return reorder_blocks(call)
             ? nullptr
             : "it knows plain tensors, one blocked axis and transposed matrices only";
}

kernel::Prepared prepare_reorder(const Call& call, kernel::Backend&) {
  return {std::make_shared<const ReorderBlocks>(reorder_blocks(call).value())};
}

template <class Unit>
Kernel blocks(std::string_view name, void (*run)(const Launch&) noexcept) {
  return {.name = name, .reject = reject_reorder<Unit>, .prepare = prepare_reorder, .run = run};
}

template <class Unit>
const char* reject_transpose(const Call& call) {
  if (const char* reason = refuse_unit_and_dtype<Unit>(call)) return reason;
  if (!call.inputs[0].layout.plain()) return "it takes plain layout only";
  return transpose_blocks(call) ? nullptr : "it swaps two neighbouring groups of axes only";
}

kernel::Prepared prepare_transpose(const Call& call, kernel::Backend&) {
  return {std::make_shared<const ReorderBlocks>(transpose_blocks(call).value())};
}

template <class Unit>
Kernel matrix(std::string_view name, void (*run)(const Launch&) noexcept) {
  return {.name = name, .reject = reject_transpose<Unit>, .prepare = prepare_transpose, .run = run};
}

}  // namespace

std::vector<Kernel> vector_transpose_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    matrix<Avx3>("cpu.transpose.matrix.avx3", N_AVX3::run_reorder),
#endif
#if HWY_TARGETS & HWY_AVX2
        matrix<Avx2>("cpu.transpose.matrix.avx2", N_AVX2::run_reorder),
#endif
  };
}

std::vector<Kernel> vector_reorder_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    blocks<Avx3>("cpu.reorder.blocks.avx3", N_AVX3::run_reorder),
#endif
#if HWY_TARGETS & HWY_AVX2
        blocks<Avx2>("cpu.reorder.blocks.avx2", N_AVX2::run_reorder),
#endif
  };
}

}  // namespace tenon::cpu
#endif  // HWY_ONCE
