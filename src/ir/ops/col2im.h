// Windows laid back where they came from.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// The sum of windows at their places: x [n, c, taps, positions…] -> [n, c, dims…]. Position l and
/// tap t of an axis meet at element l * stride - pad + t * dilation; what falls outside is left
/// out. What ONNX's Col2Im does, and a transposed convolution after its product.
struct Col2Im {
  Dims dims, kernel;                        ///< of the result and a window, by spatial axis
  std::vector<int64_t> strides, dilations;  ///< empty: ones
  Dims pads;                                ///< before the first element; empty: zeros

  static constexpr OpInfo info{.name = "col2im"};
  static constexpr auto fields() {
    return std::tuple{Field{"dims", &Col2Im::dims}, Field{"kernel", &Col2Im::kernel},
                      Field{"strides", &Col2Im::strides}, Field{"dilations", &Col2Im::dilations},
                      Field{"pads", &Col2Im::pads}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
