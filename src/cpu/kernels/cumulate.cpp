// Sums and products of all that came before, line by line.
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

template <class T>
void cumulate_typed(const Launch& launch) noexcept {
  const auto& op = launch.call->as<ir::Cumulate>();
  const auto& dims = launch.call->inputs[0].dims;
  const int64_t axis = has_input(*launch.call, 1) ? *launch.input<int64_t>(1) : op.axis;
  if (axis < -std::ssize(dims) || axis >= std::ssize(dims))
    return launch.fail("the axis is outside the rank");
  const auto [outer, length, inner] = AroundAxis(dims, axis);
  const bool sum = op.kind == ir::CumulateKind::sum;
  const auto run_line = [&, length = length, inner = inner](int64_t line) {
    const int64_t first = line / inner * inner * length + line % inner;
    const T* const x = launch.input<T>(0) + first;
    T* const y = launch.output<T>(0) + first;
    Sum<T> total{sum ? Sum<T>{0} : Sum<T>{1}};
    for (int64_t i = 0; i < length; ++i) {
      const int64_t at = (op.reverse ? length - 1 - i : i) * inner;
      const Sum<T> before = total, value = widen(x[at]);
      total = sum ? total + value : total * value;
      y[at] = narrow<T>(op.exclusive ? before : total);
    }
  };
  parallel_ranges(launch, outer * inner, grain_of(length), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) run_line(line);
  });
}

void cumulate_reference(const Launch& launch) noexcept {
  dispatch_numeric(launch.call->inputs[0].dtype,
                   [&](auto tag) { cumulate_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::Cumulate>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.cumulate.reference", .reject = plain_only, .run = cumulate_reference},
  };
  return list;
}

}  // namespace tenon::cpu
