// Products on tensor cores: the tile that a block makes, and how a product is cut into them.
#pragma once

#include <optional>

#include "cuda/program.h"
#include "ir/scalar.h"
#include "kernel/axes.h"

namespace tenon::cuda {

/// How a product is cut. By name: "64x32x4", rows and columns of a tile, and how many blocks (a
/// cluster) share the depth of one; "64x32x4w" multiplies by wgmma.
struct TensorTactic {
  int64_t rows = 64, columns = 64, cluster = 1;
  bool wide = false;

  std::string name() const;
  /// Of a name that tensor_tactics() gave.
  static TensorTactic named(std::string_view name);
  int64_t warps_m() const { return wide ? rows / 16 : rows == 16 ? 1 : 2; }
  int64_t warps_n() const { return wide ? 1 : rows == 16 ? 4 : 2; }
  unsigned threads() const { return static_cast<unsigned>(warps_m() * warps_n() * 32); }
};

/// Bytes of a row of a tile in one slice of the depth, and of what is loaded at once.
inline constexpr int64_t slice_bytes = 128, chunk_bytes = 16;

/// Elements of `dtype` that are loaded at once: extents and strides must be multiples of so many.
inline int64_t chunk_elements(DType dtype) {
  return chunk_bytes / static_cast<int64_t>(byte_count(dtype, 1));
}

/// The refusal of products whose dtype or device tensor cores do not have.
const char* refuse_tensor_cores(const Call& call, bool tf32);

/// Tactics for `matrices` results of [m, n] with a depth of `chunks` chunks, best guess first.
std::vector<kernel::Tactic> tensor_tactics(const Call& call, int64_t matrices, int64_t m, int64_t n,
                                           int64_t chunks);

/// What is done to each element last: device text of
/// `finish_chunk(buffers, n, row, column, f32 sums[V], T result[V])`.
struct MatrixFinish {
  std::string text;
  std::vector<int64_t> numbers;
  const char* sentence = nullptr;
};
/// Where an epilogue operand's elements are, for a result whose rows lie behind one another.
struct MatrixSteps {
  int64_t row = 0, column = 0;
};
/// Steps along all rows, however many axes they have, and along the last axis; nothing where the
/// rows do not follow one another evenly.
std::optional<MatrixSteps> matrix_steps(std::span<const int64_t> dims,
                                        const kernel::Strides& strides);
/// `steps`: of each epilogue operand. `first`: where the numbers will stand.
MatrixFinish matrix_finish(const Call& call, const ir::Expression& epilogue,
                           std::span<const MatrixSteps> steps, int64_t columns, size_t first);

/// A product as a stage. Its numbers: n[0] rows, n[1] columns, n[2] columns that are stored (those
/// behind n[1] are padding, and 0), n[3] chunks of the depth, n[4] and n[5] tiles along rows and
/// columns; then `numbers`.
struct TensorProduct {
  /// Types T and `struct LoadA`, `LoadB`: made of (buffers, n, matrix, first row or column, first
  /// chunk); `slice(shared)` loads 8 chunks of the block's rows and goes on. And
  /// `T* result_of(buffers, n, matrix)`.
  std::string text;
  int64_t matrices = 1, rows = 0, columns = 0, stored = 0, chunks = 0;
  std::vector<int64_t> numbers;
  MatrixFinish finish;
};
inline constexpr size_t tensor_numbers = 6;

Stage tensor_stage(const Call& call, const TensorProduct& product);

}  // namespace tenon::cuda
