// The first kernel that accepts, and how the others said no.
#include "kernel/select.h"

#include "base/error.h"

namespace tenon::kernel {

const char* refusal(const Kernel& kernel, const Call& call) {
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const bool takes = i < 32 && (kernel.strided_inputs >> i & 1u);
    if (!call.inputs[i].strides.empty() && !takes) return "it takes dense operands only";
  }
  for (const Operand& output : call.outputs) {
    if (!output.strides.empty() && !kernel.strided_output) return "it gives dense results only";
  }
  return kernel.reject ? kernel.reject(call) : nullptr;
}

bool is_reference(const Kernel& kernel) { return kernel.name.ends_with(".reference"); }

const Kernel& first_kernel(const Backend& backend, const Call& call,
                           std::vector<Refusal>* refusals) {
  std::string reasons;
  for (const Kernel& kernel : backend.kernels(call.op)) {
    const char* reason = refusal(kernel, call);
    if (!reason) return kernel;
    if (refusals) refusals->push_back({std::string(kernel.name), reason});
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", kernel.name, reason);
  }
  base::fail(ErrorCode::build, "{}: no kernel of the {} backend takes it ({})", call.op.info().name,
             backend.name(), reasons.empty() ? "it has none" : reasons);
}

const Kernel* find_kernel(const Backend& backend, const ir::Op& op, std::string_view name,
                          int version) {
  for (const Kernel& kernel : backend.kernels(op)) {
    if (kernel.name == name && kernel.version == version) return &kernel;
  }
  return nullptr;
}

std::vector<Tactic> tactics_of(const Kernel& kernel, const Call& call, Backend& backend) {
  if (kernel.tactics) return kernel.tactics(call, backend);
  return {Tactic{}};
}

Prepared prepare(const Kernel& kernel, const Call& call, Backend& backend) {
  return kernel.prepare ? kernel.prepare(call, backend) : Prepared{};
}

}  // namespace tenon::kernel
