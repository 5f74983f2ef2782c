// Layer normalisation along the last axis.
#include "ir/ops/layer_norm.h"

#include <cmath>

#include "cpu/lines.h"
#include "cpu/vector/vector_kernels.h"

namespace tenon::cpu {

namespace {

kernel::Prepared prepare_layer_norm(const Call& call, kernel::Backend&) {
  return {std::make_shared<const Lines>(make_lines(call, -1))};
}

/// Element `i` of an operand [d] that may be absent.
template <class T>
Sum<T> element(const T* from, int64_t i, Sum<T> otherwise) noexcept {
  return from ? widen(from[i]) : otherwise;
}

// The result may lie on x: an element is written when nothing reads it any more.
template <class T>
void layer_norm_line(const Lines& lines, const ir::LayerNorm& op, const T* x, const T* scale,
                     const T* shift, T* y) noexcept {
  using S = Sum<T>;
  const auto count = static_cast<S>(lines.length);
  S mean = 0, squares = 0;
  for (int64_t i = 0; op.centered && i < lines.length; ++i) mean += widen(x[i * lines.x_step]);
  mean /= count;
  for (int64_t i = 0; i < lines.length; ++i) {
    const S deviation = widen(x[i * lines.x_step]) - mean;
    squares += deviation * deviation;
  }
  const S root = std::sqrt(squares / count + static_cast<S>(op.epsilon));
  for (int64_t i = 0; i < lines.length; ++i) {
    const S value = (widen(x[i * lines.x_step]) - mean) / root;
    y[i * lines.y_step] = narrow<T>(value * element<T>(scale, i, 1) + element<T>(shift, i, 0));
  }
}

template <class T>
void layer_norm_typed(const Launch& launch) noexcept {
  const auto& lines = prepared<Lines>(launch);
  const auto& op = launch.call->as<ir::LayerNorm>();
  const T *scale = optional_input<T>(launch, 1), *shift = optional_input<T>(launch, 2);
  for_lines(launch, lines, 10, [&](int64_t x, int64_t y) {
    layer_norm_line<T>(lines, op, launch.input<T>(0) + x, scale, shift, launch.output<T>(0) + y);
  });
}

void layer_norm_reference(const Launch& launch) noexcept {
  dispatch_floating(launch.call->inputs[0].dtype,
                    [&](auto tag) { layer_norm_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::LayerNorm>() {
  static const std::vector<Kernel> list =
      with_reference(vector_layer_norm_kernels(), {.name = "cpu.layer_norm.reference",
                                                   .reject = plain_only,
                                                   .prepare = prepare_layer_norm,
                                                   .run = layer_norm_reference,
                                                   .strided_inputs = 1,
                                                   .strided_output = true,
                                                   .in_place = 1});
  return list;
}

}  // namespace tenon::cpu
