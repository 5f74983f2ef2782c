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
// After the targets are known:
#include "cpu/vector/transpose-inl.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

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
  const SquareTag tag;
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
