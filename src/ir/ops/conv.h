// Convolution over any number of spatial axes.
#pragma once

#include "ir/op.h"
#include "ir/ops/epilogue.h"
#include "ir/ops/window.h"

namespace tenon::ir {

/// ONNX Conv: x [n, c, …], weight [o, c / groups, k…], optional bias [o] -> [n, o, …]; then the
/// epilogue.
struct Conv {
  std::vector<int64_t> strides, pads, dilations;  ///< empty: ones, zeros, ones
  AutoPad auto_pad = AutoPad::notset;
  int64_t groups = 1;
  Expression epilogue;  ///< see ops/epilogue.h
  bool tf32 = false;    ///< f32 factors may be rounded to 10 bits of mantissa

  static constexpr OpInfo info{.name = "conv",
                               .min_inputs = 2,
                               .max_inputs = first_epilogue_operand + most_epilogue_operands};
  static constexpr auto fields() {
    return std::tuple{Field{"strides", &Conv::strides},
                      Field{"pads", &Conv::pads},
                      Field{"dilations", &Conv::dilations},
                      Field{"auto_pad", &Conv::auto_pad},
                      Field{"groups", &Conv::groups},
                      Field{"epilogue", &Conv::epilogue},
                      Field{"tf32", &Conv::tf32}};
  }
  std::vector<Value> infer(Infer& in) const;
  /// The window with defaults filled in; the kernel's extents come from the weight [o, c / groups,
  /// k…].
  Window window(std::span<const int64_t> kernel) const;
};

}  // namespace tenon::ir
