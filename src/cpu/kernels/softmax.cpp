// Softmax and its logarithm along one axis.
#include <cmath>

#include "cpu/lines.h"
#include "cpu/vector/vector_kernels.h"

namespace tenon::cpu {

namespace {

kernel::Prepared prepare_softmax(const Call& call, kernel::Backend&) {
  return {std::make_shared<const Lines>(make_lines(call, call.as<ir::Softmax>().axis))};
}

// The result may lie on x: an element is written when nothing reads it any more.
template <class T>
void softmax_line(const Lines& lines, const T* x, T* y, bool log) noexcept {
  using S = Sum<T>;
  S greatest = widen(x[0]);
  for (int64_t i = 1; i < lines.length; ++i)
    greatest = std::max(greatest, widen(x[i * lines.x_step]));
  S sum = 0;
  for (int64_t i = 0; i < lines.length; ++i) sum += std::exp(widen(x[i * lines.x_step]) - greatest);
  const S log_sum = std::log(sum);
  for (int64_t i = 0; i < lines.length; ++i) {
    const S shifted = widen(x[i * lines.x_step]) - greatest;
    y[i * lines.y_step] = narrow<T>(log ? shifted - log_sum : std::exp(shifted) / sum);
  }
}

template <class T>
void softmax_typed(const Launch& launch) noexcept {
  const auto& lines = prepared<Lines>(launch);
  const bool log = launch.call->as<ir::Softmax>().log;
  for_lines(launch, lines, 20, [&](int64_t x, int64_t y) {
    softmax_line<T>(lines, launch.input<T>(0) + x, launch.output<T>(0) + y, log);
  });
}

void softmax_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->inputs[0].dtype,
                    [&](auto tag) { softmax_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::Softmax>() {
  static const std::vector<Kernel> list =
      with_reference(vector_softmax_kernels(), {.name = "cpu.softmax.reference",
                                                .reject = plain_only,
                                                .prepare = prepare_softmax,
                                                .run = softmax_reference,
                                                .strided_inputs = 1,
                                                .strided_output = true,
                                                .in_place = 1});
  return list;
}

}  // namespace tenon::cpu
