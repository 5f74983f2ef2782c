// The greatest or least elements of each line along an axis.
#include <numeric>

#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

// An index for each element of the input.
kernel::Prepared prepare_top_k(const Call& call, kernel::Backend&) {
  return {nullptr, sizeof(int64_t) * static_cast<size_t>(call.inputs[0].elements())};
}

/// One line of the axis: elements `step` apart.
template <class T>
struct Line {
  const T* x;
  int64_t length, step;

  /// Sorts the indices of the k best to the front.
  void sort_best(int64_t* indices, int64_t k, bool largest) const noexcept {
    const auto better = [&](int64_t a, int64_t b) {
      const auto first = static_cast<Compute<T>>(x[a * step]);
      const auto second = static_cast<Compute<T>>(x[b * step]);
      if (before(first, second, !largest)) return true;
      return !before(second, first, !largest) && a < b;
    };
    if (k == 1) {
      indices[0] = 0;
      for (int64_t i = 1; i < length; ++i)
        if (better(i, indices[0])) indices[0] = i;
      return;
    }
    std::iota(indices, indices + length, int64_t{0});
    if (k < length) std::nth_element(indices, indices + k, indices + length, better);
    std::sort(indices, indices + k, better);
  }
};

/// One best of each of many lines that lie beside one another: memory is read as it lies.
template <class T>
void best_of_slices(const T* x, T* y, int64_t* indices, int64_t length, int64_t inner,
                    bool largest) noexcept {
  std::copy_n(x, inner, y);
  std::fill_n(indices, inner, int64_t{0});
  for (int64_t i = 1; i < length; ++i) {
    const T* const slice = x + i * inner;
    for (int64_t j = 0; j < inner; ++j) {
      const auto one = static_cast<Compute<T>>(slice[j]), best = static_cast<Compute<T>>(y[j]);
      if (!before(one, best, !largest)) continue;
      y[j] = slice[j];
      indices[j] = i;
    }
  }
}

template <class T>
void best_typed(const Launch& launch, const AroundAxis& lines) noexcept {
  const bool largest = launch.call->as<ir::TopK>().largest;
  auto* const indices = launch.call->outputs.size() > 1 ? launch.output<int64_t>(1)
                                                        : static_cast<int64_t*>(launch.scratch);
  base::parallel_for(launch.state->threads, lines.outer, [&](int64_t block) {
    const int64_t at = block * lines.inner;
    best_of_slices(launch.input<T>(0) + at * lines.extent, launch.output<T>(0) + at, indices + at,
                   lines.extent, lines.inner, largest);
  });
}

template <class T>
void top_k_typed(const Launch& launch) noexcept {
  const auto& op = launch.call->as<ir::TopK>();
  const AroundAxis lines(launch.call->inputs[0].dims, op.axis);
  if (op.k[0].constant() == 1 && lines.inner > 1) return best_typed<T>(launch, lines);
  const auto [outer, length, inner] = lines;
  const int64_t k = op.k[0].constant();
  const bool wants_indices = launch.call->outputs.size() > 1;
  const auto run_line = [&, length = length, inner = inner](int64_t line) {
    const int64_t block = line / inner * inner, within = line % inner;
    const T* const x = launch.input<T>(0) + block * length + within;
    int64_t* const indices = static_cast<int64_t*>(launch.scratch) + line * length;
    Line<T>{x, length, inner}.sort_best(indices, k, op.largest);
    for (int64_t i = 0; i < k; ++i) {
      const int64_t at = block * k + within + i * inner;
      launch.output<T>(0)[at] = x[indices[i] * inner];
      if (wants_indices) launch.output<int64_t>(1)[at] = indices[i];
    }
  };
  parallel_ranges(launch, outer * inner, grain_of(length * (k == 1 ? 4 : 20)),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t line = begin; line < end; ++line) run_line(line);
                  });
}

void top_k_reference(const Launch& launch) noexcept {
  dispatch_numeric(launch.call->inputs[0].dtype,
                   [&](auto tag) { top_k_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::TopK>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.top_k.reference",
       .reject = plain_only,
       .prepare = prepare_top_k,
       .run = top_k_reference},
  };
  return list;
}

}  // namespace tenon::cpu
