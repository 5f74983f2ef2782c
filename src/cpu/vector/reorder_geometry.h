// Reorders and transposes that are transposes of matrices in some disguise.
#pragma once

#include <optional>

#include "cpu/kernels.h"

namespace tenon::cpu {

/// `outer` times a matrix whose `rows` are cut into blocks: channels or outputs by all that lies
/// behind them.
struct ReorderBlocks {
  enum class Kind {
    /// [rows, columns] -> [rows / block, columns, block]: "NCHW16c", "NCHW16n", "AB16a"
    interleave,
    /// the way back
    deinterleave,
    /// [columns, rows] -> [rows / block, columns, block]: "BA16b"
    gather_runs,
    /// [columns, rows] -> [rows, columns]: "BA"; blocks are a matter of work units only
    transpose,
  };

  Kind kind = Kind::interleave;
  int64_t outer = 1, rows = 0, columns = 0, block = 1;

  int64_t plain_size() const { return rows * columns; }
  int64_t blocked_size() const { return (rows + block - 1) / block * block * columns; }
  /// Elements from one matrix to the next.
  int64_t from_stride() const { return kind == Kind::deinterleave ? blocked_size() : plain_size(); }
  int64_t to_stride() const {
    return kind == Kind::deinterleave || kind == Kind::transpose ? plain_size() : blocked_size();
  }
};

/// Nothing for reorders of another form.
std::optional<ReorderBlocks> reorder_blocks(const Call& call);

/// A transpose that swaps two neighbouring groups of axes and leaves those before them.
std::optional<ReorderBlocks> transpose_blocks(const Call& call);

}  // namespace tenon::cpu
