// Softmax and its logarithm along one axis.
#include <cmath>

#include "cpu/kernel_parts.h"
#include "cpu/vector/vector_kernels.h"
#include "cpu/walk.h"

namespace tenon::cpu {

namespace {

struct SoftmaxGeometry {
  Walk lines;  ///< their first elements: of x, of the result
  int64_t length = 0;
  int64_t x_step = 0, y_step = 0;  ///< from one element of a line to the next
};

kernel::Prepared prepare_softmax(const Call& call, kernel::Backend&) {
  const kernel::Operand &x = call.inputs[0], &y = call.outputs[0];
  const int64_t axis = call.as<ir::Softmax>().axis;
  const auto at = axis < 0 ? axis + std::ssize(x.dims) : axis;
  std::vector<int64_t> dims = x.dims;
  Strides from = strides_of(x), to = strides_of(y);
  SoftmaxGeometry geometry{.length = dims[static_cast<size_t>(at)],
                           .x_step = from[static_cast<size_t>(at)],
                           .y_step = to[static_cast<size_t>(at)]};
  for (std::vector<int64_t>* each : {&dims, &from, &to}) each->erase(each->begin() + at);
  geometry.lines = Walk(dims, {from, to});
  return {std::make_shared<const SoftmaxGeometry>(std::move(geometry))};
}

// The result may lie on x: an element is written when nothing reads it any more.
template <class T>
void softmax_line(const SoftmaxGeometry& geometry, const T* x, T* y, bool log) noexcept {
  using S = Sum<T>;
  S greatest = widen(x[0]);
  for (int64_t i = 1; i < geometry.length; ++i)
    greatest = std::max(greatest, widen(x[i * geometry.x_step]));
  S sum = 0;
  for (int64_t i = 0; i < geometry.length; ++i)
    sum += std::exp(widen(x[i * geometry.x_step]) - greatest);
  const S log_sum = std::log(sum);
  for (int64_t i = 0; i < geometry.length; ++i) {
    const S shifted = widen(x[i * geometry.x_step]) - greatest;
    y[i * geometry.y_step] = narrow<T>(log ? shifted - log_sum : std::exp(shifted) / sum);
  }
}

template <class T>
void softmax_typed(const Launch& launch) noexcept {
  const auto& geometry = prepared<SoftmaxGeometry>(launch);
  if (geometry.length == 0) return;
  const bool log = launch.call->as<ir::Softmax>().log;
  const Walk& lines = geometry.lines;
  const int64_t row = lines.row_length();
  parallel_ranges(
      launch, lines.rows() * row, grain_of(geometry.length * 20), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          lines.for_rows(i / row, i / row + 1, [&](const int64_t* first) {
            softmax_line<T>(geometry, launch.input<T>(0) + first[0] + i % row * lines.step(0),
                            launch.output<T>(0) + first[1] + i % row * lines.step(1), log);
          });
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
