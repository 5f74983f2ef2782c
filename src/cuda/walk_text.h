// Device text for the way from a flat index to places in strided tensors.
#pragma once

#include "cuda/program.h"
#include "kernel/axes.h"

namespace tenon::cuda {

/// A function of device text, `__device__ void NAME(const Numbers<NUMBERS>& n, Index i, Index* o)`:
/// it sets o[t] to the place of element i in tensor t. It reads the numbers that stand from
/// `first` on. `typedef … Index` stands before it.
struct WalkText {
  std::string text;
  std::vector<int64_t> numbers;
  int64_t count = 0;  ///< elements
  int64_t reach = 0;  ///< the greatest index or place
};

WalkText walk_text(std::string_view name, size_t first, std::span<const int64_t> dims,
                   const std::vector<kernel::Strides>& strides);

/// The typedef of Index that serves these walks.
std::string define_index(int64_t reach);

}  // namespace tenon::cuda
