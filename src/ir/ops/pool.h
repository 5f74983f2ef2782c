// Pooling: the greatest or the mean of each window.
#pragma once

#include "ir/op.h"
#include "ir/ops/window.h"

namespace tenon::ir {

/// ONNX MaxPool; a second output, where asked for, holds flat indices (i64) into the input,
/// column-major in the spatial axes when `storage_order` is 1.
struct MaxPool {
  std::vector<int64_t> kernel, strides, pads, dilations;
  AutoPad auto_pad = AutoPad::notset;
  bool ceil_mode = false;
  int64_t storage_order = 0;

  static constexpr OpInfo info{.name = "max_pool", .max_outputs = 2};
  static constexpr auto fields() {
    return std::tuple{Field{"kernel", &MaxPool::kernel},
                      Field{"strides", &MaxPool::strides},
                      Field{"pads", &MaxPool::pads},
                      Field{"dilations", &MaxPool::dilations},
                      Field{"auto_pad", &MaxPool::auto_pad},
                      Field{"ceil_mode", &MaxPool::ceil_mode},
                      Field{"storage_order", &MaxPool::storage_order}};
  }
  std::vector<Value> infer(Infer& in) const;
  Window window() const;
};

/// ONNX AveragePool.
struct AveragePool {
  std::vector<int64_t> kernel, strides, pads, dilations;
  AutoPad auto_pad = AutoPad::notset;
  bool ceil_mode = false;
  bool count_include_pad = false;

  static constexpr OpInfo info{.name = "average_pool"};
  static constexpr auto fields() {
    return std::tuple{Field{"kernel", &AveragePool::kernel},
                      Field{"strides", &AveragePool::strides},
                      Field{"pads", &AveragePool::pads},
                      Field{"dilations", &AveragePool::dilations},
                      Field{"auto_pad", &AveragePool::auto_pad},
                      Field{"ceil_mode", &AveragePool::ceil_mode},
                      Field{"count_include_pad", &AveragePool::count_include_pad}};
  }
  std::vector<Value> infer(Infer& in) const;
  Window window() const;
};

}  // namespace tenon::ir
