// Tensors of other extents, their elements found between those of the input.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// How an element between others is made of them.
enum class Resampling { nearest, linear, cubic };
/// Where an element of the result lies in the input: ONNX's coordinate_transformation_mode.
enum class Coordinates {
  half_pixel,
  half_pixel_symmetric,
  pytorch_half_pixel,
  align_corners,
  asymmetric,
  tf_half_pixel_for_nn,
  tf_crop_and_resize,
};
/// Which neighbour is the nearest; `outward` is the floor, or the ceiling where an axis shrinks.
enum class Nearest { round_prefer_floor, round_prefer_ceil, floor, ceil, outward };

/// ONNX Resize: `dims` are the new extents of `axes`. Operands: x, the scales of these axes (f32;
/// absent: new by old extents), and where tf_crop_and_resize wants them, the starts and the ends of
/// these axes (f32).
struct Resize {
  std::vector<int64_t> axes;
  Dims dims;
  Resampling mode = Resampling::nearest;
  Coordinates coordinates = Coordinates::half_pixel;
  Nearest nearest = Nearest::round_prefer_floor;
  double cubic_a = -0.75;
  double outside = 0;  ///< what lies outside, for tf_crop_and_resize
  bool antialias = false, exclude_outside = false;

  static constexpr OpInfo info{.name = "resize", .min_inputs = 1, .max_inputs = 3};
  static constexpr auto fields() {
    return std::tuple{Field{"axes", &Resize::axes},
                      Field{"dims", &Resize::dims},
                      Field{"mode", &Resize::mode},
                      Field{"coordinates", &Resize::coordinates},
                      Field{"nearest", &Resize::nearest},
                      Field{"cubic_a", &Resize::cubic_a},
                      Field{"outside", &Resize::outside},
                      Field{"antialias", &Resize::antialias},
                      Field{"exclude_outside", &Resize::exclude_outside}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
