// Merging axes.
#include "kernel/axes.h"

namespace tenon::kernel {

namespace {

// Whether walking `outer` then `inner` is walking one longer axis in all tensors.
bool merges(const Axis& outer, const Axis& inner) {
  for (size_t t = 0; t < inner.strides.size(); ++t) {
    if (outer.strides[t] != inner.strides[t] * inner.extent) return false;
  }
  return true;
}

}  // namespace

Strides broadcast_strides(std::span<const int64_t> dims, const Strides& own,
                          std::span<const int64_t> target) {
  Strides strides(target.size(), 0);
  const size_t missing = target.size() - dims.size();
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != 1) strides[missing + i] = own[i];
  }
  return strides;
}

Strides broadcast_strides(std::span<const int64_t> dims, std::span<const int64_t> target) {
  return broadcast_strides(dims, dense_strides(dims), target);
}

Strides strides_of(const Operand& operand) {
  return operand.strides.empty() ? dense_strides(operand.dims) : operand.strides;
}

Strides broadcast_strides(const Operand& operand, std::span<const int64_t> target) {
  return broadcast_strides(operand.dims, strides_of(operand), target);
}

std::vector<Axis> merged_axes(std::span<const int64_t> dims, const std::vector<Strides>& strides) {
  std::vector<Axis> axes;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    Axis axis{dims[i], {}};
    for (const Strides& tensor : strides) axis.strides.push_back(tensor[i]);
    if (!axes.empty() && merges(axes.back(), axis)) {
      axis.extent *= axes.back().extent;
      axes.pop_back();
    }
    axes.push_back(std::move(axis));
  }
  if (axes.empty()) axes.push_back({1, std::vector<int64_t>(strides.size(), 1)});
  return axes;
}

}  // namespace tenon::kernel
