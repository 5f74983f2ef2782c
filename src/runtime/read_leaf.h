// Where a leaf's bytes are, and reading parts of them in the weight's dtype.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "weights/source.h"

namespace tenon::runtime {

/// What a leaf is read from: a source, or the caller's own memory while a refit lasts.
struct LeafBytes {
  const weights::TensorSource* source = nullptr;
  const TensorView* view = nullptr;
  std::string_view name;
  DType dtype = DType::f32;  ///< the weight's, which the bytes are converted to

  /// Host memory that holds the weight as it is: dense, of its dtype, aligned to its element; else
  /// nullptr.
  const void* in_place() const;
  const Shape& shape() const { return view ? view->shape : source->shape; }
  std::string text() const;  ///< for an error
};

/// Rows along axis 0.
struct Rows {
  int64_t first = 0, count = 0;
};

/// Elements in row-major order.
struct Elements {
  int64_t first = 0, count = 0;
};

/// Those of some rows, or all.
Elements elements_of(const LeafBytes& leaf, const std::optional<Rows>& rows);

/// Reads elements into host memory, in the weight's dtype; how many finite values became infinite.
int64_t read_leaf(const LeafBytes& leaf, Elements elements, void* out, const std::stop_token& stop);

}  // namespace tenon::runtime
