// Attention as the product, softmax and product that it is made of: three launches, scores in
// scratch.
#include "kernel/attention.h"

#include "cuda/kernels.h"
#include "ir/ops/attention.h"
#include "kernel/select.h"

namespace tenon::cuda {

namespace {

kernel::Prepared prepare_attention(const Call& call, kernel::Backend& backend) {
  auto made = std::make_shared<const kernel::ComposedAttention>(
      call, backend, [&](const Call& part) -> const Kernel& {
        return kernel::first_kernel(backend, "attention", {&part, 1});
      });
  const size_t scratch = made->scratch();
  return {std::move(made), scratch};
}

void run_attention(const Launch& launch) noexcept {
  static_cast<const kernel::ComposedAttention*>(launch.prepared)->run(launch);
}

const char* reject_attention(const Call& call) {
  const DType dtype = call.outputs[0].dtype;
  if (!is_floating(dtype)) return "it computes floating types only";
  for (const kernel::Operand& operand : call.inputs) {
    if (!operand.layout.plain()) return "it takes plain layouts only";
  }
  return nullptr;
}

}  // namespace

template <>
Kernels kernels<ir::Attention>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.attention.composed",
       .reject = reject_attention,
       .prepare = prepare_attention,
       .run = run_attention,
       .rows_inputs = kernel::every_operand},
  };
  return list;
}

}  // namespace tenon::cuda
