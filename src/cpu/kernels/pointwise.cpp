// Element-wise expressions, interpreted in tiles.
#include "cpu/interpreter.h"
#include "cpu/kernel_parts.h"

namespace tenon::cpu {

namespace {

std::shared_ptr<const void> prepare_pointwise(const Call& call, kernel::Backend&) {
  return std::make_shared<const Interpreter>(call);
}

void pointwise_reference(const Launch& launch) noexcept {
  prepared<Interpreter>(launch).run(launch);
}

}  // namespace

template <>
Kernels kernels<ir::Pointwise>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.pointwise.reference",
       .reject = plain_only,
       .prepare = prepare_pointwise,
       .run = pointwise_reference},
  };
  return list;
}

}  // namespace tenon::cpu
