// Merging axes, and the odometer over the outer ones.
#include "cpu/walk.h"

#include "base/error.h"

namespace tenon::cpu {

Strides broadcast_strides(std::span<const int64_t> dims, std::span<const int64_t> target) {
  const Strides dense = dense_strides(dims);
  Strides strides(target.size(), 0);
  const size_t missing = target.size() - dims.size();
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != 1) strides[missing + i] = dense[i];
  }
  return strides;
}

namespace {

/// An axis and how far it steps in each tensor.
struct Axis {
  int64_t extent = 1;
  std::vector<int64_t> strides;
};

// Whether walking `outer` then `inner` is walking one longer axis in all tensors.
bool merges(const Axis& outer, const Axis& inner) {
  for (size_t t = 0; t < inner.strides.size(); ++t) {
    if (outer.strides[t] != inner.strides[t] * inner.extent) return false;
  }
  return true;
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
  return axes;
}

}  // namespace

Walk::Walk(std::span<const int64_t> dims, std::vector<Strides> strides) {
  std::vector<Axis> axes = merged_axes(dims, strides);
  if (axes.empty()) axes.push_back({1, std::vector<int64_t>(strides.size(), 1)});
  if (axes.size() > most_axes || strides.size() > most_tensors) {
    base::fail(ErrorCode::build,
               "a tensor of {} axes that do not merge is beyond the {} of the CPU", dims.size(),
               most_axes);
  }
  row_length_ = axes.back().extent;
  steps_ = axes.back().strides;
  axes.pop_back();
  outer_strides_.resize(strides.size());
  rows_ = row_length_ == 0 ? 0 : 1;
  for (const Axis& axis : axes) {
    outer_.push_back(axis.extent);
    rows_ *= axis.extent;
    for (size_t t = 0; t < strides.size(); ++t) outer_strides_[t].push_back(axis.strides[t]);
  }
}

void Walk::start(int64_t row, int64_t* index, int64_t* offsets) const {
  for (size_t t = 0; t < steps_.size(); ++t) offsets[t] = 0;
  for (size_t axis = outer_.size(); axis-- > 0;) {
    index[axis] = outer_[axis] == 0 ? 0 : row % outer_[axis];
    row = outer_[axis] == 0 ? 0 : row / outer_[axis];
    for (size_t t = 0; t < steps_.size(); ++t) offsets[t] += index[axis] * outer_strides_[t][axis];
  }
}

void Walk::next(int64_t* index, int64_t* offsets) const {
  for (size_t axis = outer_.size(); axis-- > 0;) {
    for (size_t t = 0; t < steps_.size(); ++t) offsets[t] += outer_strides_[t][axis];
    if (++index[axis] < outer_[axis]) return;
    for (size_t t = 0; t < steps_.size(); ++t) offsets[t] -= outer_[axis] * outer_strides_[t][axis];
    index[axis] = 0;
  }
}

}  // namespace tenon::cpu
