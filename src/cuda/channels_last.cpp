// Strides of a layout that has no padding.
#include "cuda/channels_last.h"

#include <algorithm>

namespace tenon::cuda {

ir::Layout channels_last(size_t rank) {
  ir::Layout layout{.order = {0}, .splits = {{.axis = 1, .block = channel_block}}};
  for (size_t a = 2; a < rank; ++a) layout.order.push_back(static_cast<int>(a));
  layout.order.push_back(1);
  return layout;
}

std::optional<kernel::Strides> logical_strides(const kernel::Operand& operand) {
  if (operand.layout.plain()) return kernel::strides_of(operand);
  const std::vector<int64_t>& dims = operand.dims;
  if (dims.size() < 3 || operand.layout != channels_last(dims.size()) ||
      dims[1] % channel_block != 0)
    return std::nullopt;
  kernel::Strides strides(dims.size(), 1);
  int64_t step = dims[1];
  for (size_t a = dims.size(); a-- > 2;) {
    strides[a] = step;
    step *= dims[a];
  }
  strides[0] = step;
  return strides;
}

const char* refuse_without_strides(const kernel::Call& call) {
  const auto has = [](const kernel::Operand& operand) {
    return !operand.present || logical_strides(operand);
  };
  const bool all = std::ranges::all_of(call.inputs, has) && std::ranges::all_of(call.outputs, has);
  return all ? nullptr : "it takes plain layout, and whole blocks of channels last";
}

}  // namespace tenon::cuda
