// Softmax and its logarithm along one axis.
#include <cmath>

#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

/// One line of the axis: elements `stride` apart.
template <class T>
struct Line {
  const T* x;
  T* y;
  int64_t length, stride;
};

template <class T>
void softmax_line(const Line<T>& line, bool log) noexcept {
  using S = Sum<T>;
  S greatest = widen(line.x[0]);
  for (int64_t i = 1; i < line.length; ++i) {
    greatest = std::max(greatest, widen(line.x[i * line.stride]));
  }
  S sum = 0;
  for (int64_t i = 0; i < line.length; ++i) {
    sum += std::exp(widen(line.x[i * line.stride]) - greatest);
  }
  const S log_sum = std::log(sum);
  for (int64_t i = 0; i < line.length; ++i) {
    const S shifted = widen(line.x[i * line.stride]) - greatest;
    line.y[i * line.stride] = narrow<T>(log ? shifted - log_sum : std::exp(shifted) / sum);
  }
}

template <class T>
void softmax_typed(const Launch& launch) noexcept {
  const auto& op = launch.call->as<ir::Softmax>();
  const auto [outer, length, inner] = AroundAxis(launch.call->inputs[0].dims, op.axis);
  if (length == 0) return;
  parallel_ranges(launch, outer * inner, grain_of(length * 20), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t offset = i / inner * inner * length + i % inner;
      softmax_line<T>({launch.input<T>(0) + offset, launch.output<T>(0) + offset, length, inner},
                      op.log);
    }
  });
}

void softmax_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->inputs[0].dtype,
                    [&](auto tag) { softmax_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::Softmax>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.softmax.reference", .reject = plain_only, .run = softmax_reference},
  };
  return list;
}

}  // namespace tenon::cpu
