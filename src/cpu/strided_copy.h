// Copies between tensors that are walked with other strides: what only moves elements.
#pragma once

#include "cpu/kernel_parts.h"
#include "cpu/walk.h"

namespace tenon::cpu {

using Prepare = decltype(Kernel::prepare);

/// What such a kernel's prepare() makes: a copy to output 0, taken as dense and of extents `dims`,
/// from input 0, of these strides from its element `first` on.
kernel::Prepared prepare_strided_copy(std::span<const int64_t> dims, Strides input,
                                      int64_t first = 0);
void run_strided_copy(const Launch& launch) noexcept;

constexpr Kernel strided_copy(std::string_view name, Prepare prepare) {
  return {.name = name,
          .reject = plain_only,
          .prepare = prepare,
          .run = run_strided_copy,
          .strided_inputs = 1};
}

}  // namespace tenon::cpu
