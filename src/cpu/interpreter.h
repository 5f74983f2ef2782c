// Runs a scalar expression over tensors, tile by tile.
#pragma once

#include <vector>

#include "cpu/scalar_functions.h"
#include "cpu/walk.h"
#include "kernel/kernel.h"

namespace tenon::cpu {

/// An expression made ready for one call. Immutable. The result's layout is that of all operands of
/// its rank; others have one element where it is not plain. Padding lanes get what the expression
/// makes of them.
class Interpreter {
 public:
  explicit Interpreter(const kernel::Call& call);

  /// Computes all elements, by the launch's threads. Allocates nothing.
  void run(const kernel::Launch& launch) const noexcept;

 private:
  /// One instruction: where its arguments and its value are. A place below 0 is nowhere.
  struct Step {
    ir::Scalar op = ir::Scalar::input;
    DType dtype = DType::f32;  // of the value, as stored
    TileFunction function = nullptr;
    int args[3] = {-1, -1, -1};  // steps
    int slot = -1;               // tile that holds the value; -1: it is read or written in place
    int input = -1;
    double literal = 0;

    bool is_literal() const { return op == ir::Scalar::literal && args[0] < 0; }
  };
  static constexpr int64_t most_elements = 256;
  static constexpr int64_t tile_bytes = 32 * 1024;
  static constexpr size_t most_steps = 512;

  void make_steps(const kernel::Call& call);
  void place_values();
  void run_range(const kernel::Launch& launch, int64_t begin, int64_t end) const noexcept;
  void run_tile(const kernel::Launch& launch, const int64_t* offsets, int64_t first, int64_t count,
                std::byte* tiles, const void** values, bool* by_zero) const noexcept;

  std::vector<Step> steps_;
  Walk walk_;                     // the output, then the inputs
  int64_t tile_ = most_elements;  // elements
  int64_t tiles_per_row_ = 0;
};

}  // namespace tenon::cpu
