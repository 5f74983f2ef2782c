// Regions of feature maps, brought to one size.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// ONNX RoiAlign: x [n, c, h, w], regions [r, 4] as x0 y0 x1 y1, images i64 [r] -> [r, c, height,
/// width]. Each cell is the mean (or the greatest) of what bilinear interpolation gives at
/// `sampling`² places, or at as many as the cell has elements where that is 0. The greatest is
/// taken of each place's four weighted neighbours, as ONNX Runtime does.
struct RoiAlign {
  int64_t height = 1, width = 1, sampling = 0;
  double scale = 1;        ///< from a region's coordinates to elements of x
  bool half_pixel = true;  ///< coordinates are moved by half an element
  bool greatest = false;

  static constexpr OpInfo info{.name = "roi_align", .min_inputs = 3, .max_inputs = 3};
  static constexpr auto fields() {
    return std::tuple{
        Field{"height", &RoiAlign::height},         Field{"width", &RoiAlign::width},
        Field{"sampling", &RoiAlign::sampling},     Field{"scale", &RoiAlign::scale},
        Field{"half_pixel", &RoiAlign::half_pixel}, Field{"greatest", &RoiAlign::greatest}};
  }
  std::vector<Value> infer(Infer& in) const;
};

/// ONNX MaxRoiPool: x [n, c, h, w], regions [r, 5] as image x0 y0 x1 y1 -> [r, c, height, width],
/// the greatest element of each cell; 0 where a cell is empty.
struct MaxRoiPool {
  int64_t height = 1, width = 1;
  double scale = 1;

  static constexpr OpInfo info{.name = "max_roi_pool", .min_inputs = 2, .max_inputs = 2};
  static constexpr auto fields() {
    return std::tuple{Field{"height", &MaxRoiPool::height}, Field{"width", &MaxRoiPool::width},
                      Field{"scale", &MaxRoiPool::scale}};
  }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
