// Epilogues as the vector kernels apply them, tile by tile.
#pragma once

#include <limits>
#include <optional>

#include "cpu/kernels.h"
#include "cpu/tile_program.h"
#include "ir/ops/epilogue.h"

namespace tenon::cpu {

/// The sum, plus operand 3 where that is alike the result, between bounds; or any expression.
/// Immutable.
class Epilogue {
 public:
  /// Operands whose bit in `dense` is set come in dense pieces; bit 0 is the sums'.
  Epilogue(const Call& call, uint32_t dense, TileFunctions functions);

  /// Whether there is more to do than keeping to bounds.
  bool trails() const { return adds_ || program_; }
  /// Whether it is the sum plus operand 3, between bounds.
  bool adds() const { return adds_; }
  float least() const { return least_; }
  float greatest() const { return greatest_; }

  /// Whether it is a gate and nothing else; `to` may be `sums`.
  bool opens() const { return gate_ != nullptr; }
  void open(const float* sums, float* to, int64_t count) const noexcept {
    gate_({to, sums, nullptr, &numbers_, count, nullptr});
  }

  /// Once for each workspace.
  void start(TileProgram::Workspace& workspace) const noexcept;
  /// What is no sum between bounds, for rows of at most 128 columns: `inputs` are the sums and the
  /// operands; rows of `y` lie y_row apart.
  void run(TileProgram::Workspace& workspace, const TileInput* inputs, float* y, int64_t y_row,
           int64_t rows, int64_t columns) const noexcept;

 private:
  bool adds_ = false;
  float least_ = -std::numeric_limits<float>::infinity();
  float greatest_ = std::numeric_limits<float>::infinity();
  std::optional<TileProgram> program_;
  TileFunction gate_ = nullptr;
  GateNumbers numbers_{};
};

/// Refuses epilogues that do not fit a tile or read what f32 kernels do not.
const char* refuse_epilogue(const Call& call);

}  // namespace tenon::cpu
