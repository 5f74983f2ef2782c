// Convolution over any number of spatial axes.
#pragma once

#include "ir/op.h"
#include "ir/ops/window.h"

namespace tenon::ir {

/// What is done to each element of a conv's or matmul's result before it is stored.
enum class Activation { none, relu, clip };

/// ONNX Conv: x [n, c, …], weight [o, c / groups, k…], optional bias [o] -> [n, o, …]; then `act`.
struct Conv {
  std::vector<int64_t> strides, pads, dilations;  ///< empty: ones, zeros, ones
  AutoPad auto_pad = AutoPad::notset;
  int64_t groups = 1;
  Activation act = Activation::none;
  double act_min = 0, act_max = 0;  ///< of clip

  static constexpr OpInfo info{.name = "conv", .min_inputs = 2, .max_inputs = 3};
  static constexpr auto fields() {
    return std::tuple{Field{"strides", &Conv::strides},     Field{"pads", &Conv::pads},
                      Field{"dilations", &Conv::dilations}, Field{"auto_pad", &Conv::auto_pad},
                      Field{"groups", &Conv::groups},       Field{"act", &Conv::act},
                      Field{"act_min", &Conv::act_min},     Field{"act_max", &Conv::act_max}};
  }
  std::vector<Value> infer(Infer& in) const;
  /// The window with defaults filled in; the kernel's extents come from the weight [o, c / groups,
  /// k…].
  Window window(std::span<const int64_t> kernel) const;
};

}  // namespace tenon::ir
