// The extents of a tensor, as a tensor: the input's bytes are never read, so its layout does not
// matter.
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

// Axes as in a Python slice: negative ones count from the end, those outside are clamped.
int64_t clamped(int64_t axis, int64_t rank) noexcept {
  return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
}

void shape_reference(const Launch& launch) noexcept {
  const auto& op = launch.call->as<ir::ShapeOf>();
  const auto& dims = launch.call->inputs[0].dims;
  const auto rank = static_cast<int64_t>(dims.size());
  int64_t* out = launch.output<int64_t>(0);
  const int64_t end = clamped(op.end, rank);
  for (int64_t axis = clamped(op.start, rank); axis < end; ++axis) {
    *out++ = dims[static_cast<size_t>(axis)];
  }
}

}  // namespace

template <>
Kernels kernels<ir::ShapeOf>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.shape.reference", .run = shape_reference},
  };
  return list;
}

}  // namespace tenon::cpu
