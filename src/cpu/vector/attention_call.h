// Attention made ready for a vector unit.
#pragma once

#include "cpu/slots.h"
#include "cpu/vector/matmul_call.h"
#include "kernel/attention.h"

namespace tenon::cpu {

/// Keys lie in scratch as panels [padded_n / panel][d][panel], made for each unit of work; the
/// scores of a block of rows [block_rows][padded_n] behind them. Lengths are in elements.
struct AttentionCall {
  MatMulCall scores;      ///< q kᵀ, and what is done to it
  MatMulGeometry values;  ///< of the softmax's result with v
  /// Scores are the product times `scale`, plus the operands: no tiles are needed.
  bool linear = false;
  float scale = 1;
  int64_t panel = 0, padded_n = 0;
  int64_t block_rows = 0;
  int64_t chunks = 0, chunk_rows = 0;  ///< of one matrix: units of work
  bool by_rows = false;                ///< few rows: keys are read as they lie
  int64_t slots = 0, slot_floats = 0;

  int64_t units() const { return scores.matrices() * chunks; }
  size_t scratch() const { return static_cast<size_t>(slots * slot_floats) * sizeof(float); }
};

/// `vectors`: of so many lanes that a panel may have.
AttentionCall make_attention_call(const Call& call, TileFunctions functions, int64_t lanes,
                                  std::span<const int64_t> vectors);

}  // namespace tenon::cpu
