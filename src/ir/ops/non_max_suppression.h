// Boxes that overlap no better one.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// ONNX NonMaxSuppression, its result padded to `rows` (the same for each batch and class):
/// operands boxes f32[batches, boxes, 4], scores f32[batches, classes, boxes], and, where present,
/// the most boxes of a class (i64, 0 without), the IOU above which a worse box goes (f32, 0
/// without) and the score that a box must exceed (f32). Outputs: (batch, class, box) i64[rows, 3],
/// whose later rows are zeros, and how many there are, i64[1].
struct NonMaxSuppression {
  Dims rows;  ///< one
  bool center_point_box = false;

  static constexpr OpInfo info{
      .name = "non_max_suppression", .min_inputs = 2, .max_inputs = 5, .max_outputs = 2};
  static constexpr auto fields() {
    return std::tuple{Field{"rows", &NonMaxSuppression::rows},
                      Field{"center_point_box", &NonMaxSuppression::center_point_box}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
