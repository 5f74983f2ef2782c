// Copies between tensors that are walked with other strides: what only moves elements.
#pragma once

#include "cuda/walk_text.h"

namespace tenon::cuda {

/// A kernel's prepared copy to output 0, taken as dense and of extents `dims`, from input 0, of
/// these strides from its element `first` on.
kernel::Prepared prepare_strided_copy(const Call& call, std::span<const int64_t> dims,
                                      kernel::Strides input, int64_t first = 0);

constexpr Kernel strided_copy(std::string_view name, decltype(Kernel::prepare) prepare) {
  return {.name = name,
          .reject = plain_only,
          .prepare = prepare,
          .run = run_stages,
          .strided_inputs = 1};
}

}  // namespace tenon::cuda
