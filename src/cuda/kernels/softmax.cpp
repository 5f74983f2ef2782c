// Softmax and its logarithm.
#include "ir/ops/softmax.h"

#include "cuda/kernels/lines.h"

namespace tenon::cuda {

namespace {

constexpr std::string_view kSoftmax = R"(
    S greatest = (S)-INFINITE;
    for (i64 i = lane; i < length; i += TEAM) {
      const S value = widen(x[i * x_step]);
      greatest = greatest < value ? value : greatest;
    }
    greatest = together<TEAM>(greatest, [](S a, S b) { return a < b ? b : a; });
    S sum = 0;
    for (i64 i = lane; i < length; i += TEAM) sum += s_exp(widen(x[i * x_step]) - greatest);
    sum = together<TEAM>(sum, [](S a, S b) { return a + b; });
    const S log_sum = s_log(sum);
    for (i64 i = lane; i < length; i += TEAM) {
      const S shifted = widen(x[i * x_step]) - greatest;
      y[i * y_step] = As<T>::of(LOG ? shifted - log_sum : s_exp(shifted) / sum);
    })";

kernel::Prepared prepare_softmax(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::Softmax>();
  return prepare_lines(call, op.axis, define("LOG", op.log ? 1 : 0), kSoftmax);
}

}  // namespace

template <>
Kernels kernels<ir::Softmax>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.softmax.reference",
       .reject = plain_only,
       .prepare = prepare_softmax,
       .run = run_stages,
       .strided_inputs = 1},
  };
  return list;
}

}  // namespace tenon::cuda
