// The first kernel that accepts, and how the others said no.
#include "kernel/select.h"

#include "base/error.h"

namespace tenon::kernel {

namespace {

bool has_rows(const Operand& operand) {
  return !operand.dims.empty() && (operand.dims.back() == 1 || operand.strides.back() == 1);
}

}  // namespace

const char* refusal(const Kernel& kernel, const Call& call) {
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const Operand& operand = call.inputs[i];
    if (operand.strides.empty()) continue;
    const uint32_t taken = kernel.strided_inputs | (has_rows(operand) ? kernel.rows_inputs : 0);
    if (i >= 32 || !(taken >> i & 1u)) return "it takes dense operands only";
  }
  for (const Operand& output : call.outputs) {
    if (!output.strides.empty() && !kernel.strided_output) return "it gives dense results only";
  }
  return kernel.reject ? kernel.reject(call) : nullptr;
}

bool is_reference(const Kernel& kernel) { return kernel.name.ends_with(".reference"); }

const char* refusal(const Kernel& kernel, std::span<const Call> calls) {
  for (const Call& call : calls) {
    if (const char* reason = refusal(kernel, call)) return reason;
  }
  return nullptr;
}

const Kernel& first_kernel(const Backend& backend, const std::string& node,
                           std::span<const Call> calls) {
  std::vector<Refusal> refusals;
  for (const Kernel& kernel : backend.kernels(calls[0].op)) {
    const char* reason = refusal(kernel, calls);
    if (!reason) return kernel;
    refusals.push_back({std::string(kernel.name), reason});
  }
  fail_refused(backend, node, refusals);
}

void fail_refused(const Backend& backend, const std::string& node,
                  std::span<const Refusal> refusals) {
  std::string reasons;
  for (const Refusal& each : refusals) {
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", each.kernel, each.reason);
  }
  base::fail(ErrorCode::build, "{}: no kernel of the {} backend takes it ({})", node,
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
