// Layer normalisation along the last axis.
#include "ir/ops/layer_norm.h"

#include "cuda/kernels/lines.h"

namespace tenon::cuda {

namespace {

constexpr std::string_view kLayerNorm = R"(
    S mean = 0, squares = 0;
    if (CENTERED) {
      for (i64 i = lane; i < length; i += TEAM) mean += widen(x[i * x_step]);
      mean = together<TEAM>(mean, [](S a, S b) { return a + b; }) / (S)length;
    }
    for (i64 i = lane; i < length; i += TEAM) {
      const S deviation = widen(x[i * x_step]) - mean;
      squares += deviation * deviation;
    }
    squares = together<TEAM>(squares, [](S a, S b) { return a + b; });
    const S root = s_sqrt(squares / (S)length + (S)of_bits(EPSILON));
    for (i64 i = lane; i < length; i += TEAM) {
      S value = (widen(x[i * x_step]) - mean) / root;
      if (SCALED) value *= widen(((const T*)buffers.at[1])[i]);
      if (SHIFTED) value += widen(((const T*)buffers.at[2])[i]);
      y[i * y_step] = As<T>::of(value);
    })";

kernel::Prepared prepare_layer_norm(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::LayerNorm>();
  return prepare_lines(call, -1,
                       define("CENTERED", op.centered ? 1 : 0) +
                           define("SCALED", has_input(call, 1) ? 1 : 0) +
                           define("SHIFTED", has_input(call, 2) ? 1 : 0) +
                           define("EPSILON", std::bit_cast<int64_t>(op.epsilon)),
                       kLayerNorm);
}

}  // namespace

template <>
Kernels kernels<ir::LayerNorm>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.layer_norm.reference",
       .reject = plain_only,
       .prepare = prepare_layer_norm,
       .run = run_stages,
       .strided_inputs = 1},
  };
  return list;
}

}  // namespace tenon::cuda
