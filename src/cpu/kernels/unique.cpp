// Rows told apart by sorting.
#include <numeric>

#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

// Rows in order, groups in the order of their coming, and the place of each group in that.
kernel::Prepared prepare_unique(const Call& call, kernel::Backend&) {
  return {nullptr, 3 * sizeof(int64_t) * static_cast<size_t>(call.inputs[0].dims[0])};
}

template <class T>
struct Rows {
  const T* x;
  int64_t width;

  bool less(int64_t a, int64_t b) const noexcept {
    for (int64_t k = 0; k < width; ++k) {
      const auto one = static_cast<Compute<T>>(x[a * width + k]);
      const auto other = static_cast<Compute<T>>(x[b * width + k]);
      if (before(one, other, true)) return true;
      if (before(other, one, true)) return false;
    }
    return false;
  }
  bool equal(int64_t a, int64_t b) const noexcept {
    for (int64_t k = 0; k < width; ++k)
      if (!(static_cast<Compute<T>>(x[a * width + k]) == static_cast<Compute<T>>(x[b * width + k])))
        return false;
    return true;
  }
};

template <class T>
void unique_typed(const Launch& launch) noexcept {
  const auto& dims = launch.call->inputs[0].dims;
  const int64_t count = dims[0];
  const Rows<T> rows{launch.input<T>(0), dims[1]};
  auto* const order = static_cast<int64_t*>(launch.scratch);
  int64_t *const coming = order + count, *const place = coming + count;
  auto* const first = launch.output<int64_t>(0);
  auto* const inverse = launch.output<int64_t>(1);
  auto* const often = launch.output<int64_t>(2);
  std::iota(order, order + count, int64_t{0});
  std::sort(order, order + count,
            [&](int64_t a, int64_t b) { return rows.less(a, b) || (!rows.less(b, a) && a < b); });
  std::fill_n(first, count, int64_t{0});
  std::fill_n(often, count, int64_t{0});
  // By group in sorted order: `place` holds where each begins.
  int64_t groups = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (i == 0 || !rows.equal(order[i - 1], order[i])) place[groups++] = order[i];
    inverse[order[i]] = groups - 1;
  }
  std::iota(coming, coming + groups, int64_t{0});
  if (!launch.call->as<ir::Unique>().sorted)
    std::sort(coming, coming + groups, [&](int64_t a, int64_t b) { return place[a] < place[b]; });
  for (int64_t g = 0; g < groups; ++g) first[g] = place[coming[g]];
  for (int64_t g = 0; g < groups; ++g) place[coming[g]] = g;
  for (int64_t i = 0; i < count; ++i) ++often[inverse[i] = place[inverse[i]]];
  launch.output<int64_t>(3)[0] = groups;
}

void unique_reference(const Launch& launch) noexcept {
  base::dispatch(launch.call->inputs[0].dtype,
                 [&](auto tag) { unique_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::Unique>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.unique.reference",
       .reject = plain_only,
       .prepare = prepare_unique,
       .run = unique_reference},
  };
  return list;
}

}  // namespace tenon::cpu
