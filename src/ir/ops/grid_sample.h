// Elements of a tensor at given places.
#pragma once

#include "ir/op.h"
#include "ir/ops/resize.h"

namespace tenon::ir {

/// What lies beside the input.
enum class Beside { zeros, border, reflection };

/// ONNX GridSample: x [n, c, d…], grid [n, o…, axes] with places in -1..1, the last axis first ->
/// [n, c, o…].
struct GridSample {
  Resampling mode = Resampling::linear;
  Beside beside = Beside::zeros;
  bool align_corners = false;

  static constexpr OpInfo info{.name = "grid_sample", .min_inputs = 2, .max_inputs = 2};
  static constexpr auto fields() {
    return std::tuple{Field{"mode", &GridSample::mode}, Field{"beside", &GridSample::beside},
                      Field{"align_corners", &GridSample::align_corners}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
