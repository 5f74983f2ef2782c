// Batch normalisation with given statistics, one element a thread, in f64.
#include "ir/ops/batch_norm.h"

#include "cuda/program.h"

namespace tenon::cuda {

namespace {

// n: elements, channels, elements of a channel, the bits of epsilon.
constexpr std::string_view kBatchNorm = R"(
KERNEL {
  EACH(i64, i, n[0]) {
    const i64 c = i / n[2] % n[1];
    const f64 scale = (f64)get(((const T1*)buffers.at[1])[c]);
    const f64 bias = (f64)get(((const T2*)buffers.at[2])[c]);
    const f64 mean = (f64)get(((const T3*)buffers.at[3])[c]);
    const f64 variance = (f64)get(((const T4*)buffers.at[4])[c]);
    const f64 factor = scale / sqrt(variance + of_bits((u64)n[3]));
    const f64 x = (f64)get(((const T0*)buffers.at[0])[i]);
    ((T0*)buffers.at[5])[i] = As<T0>::of((Facts<T0>::Compute)((x - mean) * factor + bias));
  }
})";

kernel::Prepared prepare_batch_norm(const Call& call, kernel::Backend&) {
  const auto& dims = call.inputs[0].dims;
  int64_t plane = 1;
  for (size_t a = 2; a < dims.size(); ++a) plane *= dims[a];
  const int64_t count = call.outputs[0].elements();
  std::string text;
  for (size_t i = 0; i < call.inputs.size(); ++i)
    text += define_type(fmt::format("T{}", i), type_name(call.inputs[i].dtype));
  const double epsilon = call.as<ir::BatchNorm>().epsilon;
  Stage stage{.text = text + std::string(kBatchNorm),
              .numbers = {count, dims[1], plane, std::bit_cast<int64_t>(epsilon)},
              .items = count};
  return prepare_stages(call, {std::move(stage)});
}

}  // namespace

template <>
Kernels kernels<ir::BatchNorm>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.batch_norm.reference",
       .reject = plain_only,
       .prepare = prepare_batch_norm,
       .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
