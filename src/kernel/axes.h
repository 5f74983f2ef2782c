// The same extents walked through several tensors at once, with as few axes as serve all of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernel/kernel.h"

namespace tenon::kernel {

using Strides = std::vector<int64_t>;

/// Strides that read a dense tensor of `dims` as if it had `target` dims, as NumPy broadcasts.
Strides broadcast_strides(std::span<const int64_t> dims, std::span<const int64_t> target);
/// The same for a tensor of `dims` with strides of its own.
Strides broadcast_strides(std::span<const int64_t> dims, const Strides& own,
                          std::span<const int64_t> target);
/// Those of a plain operand, a view or not.
Strides strides_of(const Operand& operand);
/// strides_of(), as if the operand had `target` dims: 0 where it repeats.
Strides broadcast_strides(const Operand& operand, std::span<const int64_t> target);

/// An axis and how far it steps in each tensor.
struct Axis {
  int64_t extent = 1;
  std::vector<int64_t> strides;
};

/// The axes of `dims`, outermost first; those that every tensor lets be taken as one are merged,
/// and extents of 1 are gone. Never empty: a single element is an axis of extent 1.
std::vector<Axis> merged_axes(std::span<const int64_t> dims, const std::vector<Strides>& strides);

}  // namespace tenon::kernel
