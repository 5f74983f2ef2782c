// Nested loops over strided memory, flattened into rows.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernel/axes.h"

namespace tenon::cpu {

using kernel::broadcast_strides;
using kernel::dense_strides;
using kernel::Strides;
using kernel::strides_of;

/// The same extents walked through several tensors at once. Axes that every tensor lets be taken as
/// one are merged, so dense tensors are one long row. Made while preparing; walking allocates
/// nothing.
class Walk {
 public:
  static constexpr size_t most_axes = 32;
  static constexpr size_t most_tensors = 17;

  Walk() = default;
  /// Throws build for more than `most_axes` axes that do not merge.
  Walk(std::span<const int64_t> dims, std::vector<Strides> strides);

  int64_t rows() const { return rows_; }
  int64_t row_length() const { return row_length_; }
  /// Step from one element of a row to the next.
  int64_t step(size_t tensor) const { return steps_[tensor]; }
  /// Rows along the innermost axis outside of them, and the step from one to the next.
  int64_t plane_rows() const { return outer_.empty() ? 1 : outer_.back(); }
  int64_t row_step(size_t tensor) const {
    return outer_.empty() ? 0 : outer_strides_[tensor].back();
  }

  /// Calls f(offsets) for the rows [begin, end): the first element of the row in each tensor.
  template <class F>
  void for_rows(int64_t begin, int64_t end, const F& f) const {
    std::array<int64_t, most_axes> index;
    std::array<int64_t, most_tensors> offsets;
    start(begin, index.data(), offsets.data());
    for (int64_t row = begin; row < end; ++row) {
      f(static_cast<const int64_t*>(offsets.data()));
      next(index.data(), offsets.data());
    }
  }

 private:
  void start(int64_t row, int64_t* index, int64_t* offsets) const;
  void next(int64_t* index, int64_t* offsets) const;

  std::vector<int64_t> outer_;          // extents of the axes outside a row, outermost first
  std::vector<Strides> outer_strides_;  // by tensor
  std::vector<int64_t> steps_;
  int64_t rows_ = 0;
  int64_t row_length_ = 0;
};

}  // namespace tenon::cpu
