// The odometer over the outer axes.
#include "cpu/walk.h"

#include "base/error.h"

namespace tenon::cpu {

Walk::Walk(std::span<const int64_t> dims, std::vector<Strides> strides) {
  std::vector<kernel::Axis> axes = kernel::merged_axes(dims, strides);
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
  for (const kernel::Axis& axis : axes) {
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
