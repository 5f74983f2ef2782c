// Physical dims gathered by the logical axis they come from.
#include "cpu/layout_map.h"

#include "cpu/walk.h"

namespace tenon::cpu {

LayoutMap::LayoutMap(std::span<const int64_t> dims, const ir::Layout& layout)
    : parts_(dims.size()) {
  const std::vector<int64_t> physical = ir::physical_dims(dims, layout);
  const Strides strides = dense_strides(physical);
  for (size_t i = 0; i < physical.size(); ++i) {
    size_t axis = i;
    if (i >= dims.size())
      axis = static_cast<size_t>(layout.splits[i - dims.size()].axis);
    else if (!layout.order.empty())
      axis = static_cast<size_t>(layout.order[i]);
    parts_[axis].push_back({physical[i], strides[i]});
  }
}

std::vector<int64_t> LayoutMap::padded_dims() const {
  std::vector<int64_t> padded;
  for (const std::vector<Part>& parts : parts_) {
    int64_t extent = 1;
    for (const Part& part : parts) extent *= part.extent;
    padded.push_back(extent);
  }
  return padded;
}

}  // namespace tenon::cpu
