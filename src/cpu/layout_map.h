// From a logical index to a place in memory, axis by axis.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ir/type.h"

namespace tenon::cpu {

/// The place of an element is the sum of one offset for each axis.
class LayoutMap {
 public:
  LayoutMap() = default;
  LayoutMap(std::span<const int64_t> dims, const ir::Layout& layout);

  /// Elements from the start of the tensor; `index` may lie in the padding.
  int64_t offset(size_t axis, int64_t index) const noexcept {
    const std::vector<Part>& parts = parts_[axis];
    int64_t offset = 0;
    for (size_t i = parts.size(); i-- > 1;) {
      offset += index % parts[i].extent * parts[i].stride;
      index /= parts[i].extent;
    }
    return offset + index * parts[0].stride;
  }

  /// Logical extents rounded up to whole blocks.
  std::vector<int64_t> padded_dims() const;

 private:
  /// A physical dim that an axis is made of: its blocks first, then each split.
  struct Part {
    int64_t extent = 1, stride = 1;
  };
  std::vector<std::vector<Part>> parts_;  // by axis
};

}  // namespace tenon::cpu
