// One division an axis; the outermost needs none.
#include "cuda/walk_text.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"

namespace tenon::cuda {

WalkText walk_text(std::string_view name, size_t first, std::span<const int64_t> dims,
                   const std::vector<kernel::Strides>& strides) {
  const std::vector<kernel::Axis> axes = kernel::merged_axes(dims, strides);
  WalkText walk;
  walk.count = 1;
  for (const kernel::Axis& axis : axes) walk.count *= axis.extent;
  walk.reach = walk.count;
  walk.text = fmt::format(
      "__device__ inline void {}(const Numbers<NUMBERS>& n, Index i, Index* o) {{\n", name);
  const auto number = [&](int64_t value) {
    walk.numbers.push_back(value);
    return fmt::format("(Index)n[{}]", first + walk.numbers.size() - 1);
  };
  for (size_t t = 0; t < strides.size(); ++t) walk.text += fmt::format("  o[{}] = 0;\n", t);
  for (size_t a = axes.size(); a-- > 0;) {
    std::string at = "i";
    if (a > 0) {
      const std::string extent = number(axes[a].extent);
      at = fmt::format("at{}", a);
      walk.text += fmt::format("  const Index {0} = i % {1};\n  i /= {1};\n", at, extent);
    }
    for (size_t t = 0; t < strides.size(); ++t) {
      const int64_t stride = axes[a].strides[t];
      if (stride == 0) continue;
      const std::string step = stride == 1 ? "" : " * " + number(stride);
      walk.text += fmt::format("  o[{}] += {}{};\n", t, at, step);
    }
  }
  walk.text += "}\n";
  for (size_t t = 0; t < strides.size(); ++t) {
    int64_t reach = 0;
    for (const kernel::Axis& axis : axes)
      reach += std::max<int64_t>(axis.extent - 1, 0) * std::abs(axis.strides[t]);
    walk.reach = std::max(walk.reach, reach);
  }
  return walk;
}

std::string define_index(int64_t reach) { return define_type("Index", index_type(reach)); }

}  // namespace tenon::cuda
