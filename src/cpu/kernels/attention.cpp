// Attention: the definition is the three nodes that it is made of.
#include "kernel/attention.h"

#include "cpu/kernel_parts.h"
#include "cpu/vector/vector_kernels.h"

namespace tenon::cpu {

namespace {

kernel::Prepared prepare_attention(const Call& call, kernel::Backend& backend) {
  auto made = std::make_shared<const kernel::ComposedAttention>(
      call, backend,
      [&](const Call& part) -> const Kernel& { return backend.kernels(part.op).back(); });
  const size_t scratch = made->scratch();
  return {std::move(made), scratch};
}

void attention_reference(const Launch& launch) noexcept {
  prepared<kernel::ComposedAttention>(launch).run(launch);
}

}  // namespace

template <>
Kernels kernels<ir::Attention>() {
  static const std::vector<Kernel> list =
      with_reference(vector_attention_kernels(), {.name = "cpu.attention.reference",
                                                  .reject = plain_only,
                                                  .prepare = prepare_attention,
                                                  .run = attention_reference,
                                                  .strided_inputs = kernel::every_operand,
                                                  .strided_output = true});
  return list;
}

}  // namespace tenon::cpu
