// Asking a backend's list of kernels about a call.
#pragma once

#include <string>
#include <vector>

#include "kernel/backend.h"

namespace tenon::kernel {

/// Why kernels were passed over, for `inspect --explain`.
struct Refusal {
  std::string kernel;
  std::string reason;
};

/// Whether the kernel takes the call: nullptr or a sentence. A missing reject() accepts.
const char* refusal(const Kernel& kernel, const Call& call);
/// Whether it is the definition of its op, at the end of the op's list: "cpu.conv.reference".
bool is_reference(const Kernel& kernel);
/// The reason why the kernel does not take all of the calls, or nullptr.
const char* refusal(const Kernel& kernel, std::span<const Call> calls);
/// The first kernel that takes all of the calls; of a node that none does, fails as below.
const Kernel& first_kernel(const Backend& backend, const std::string& node,
                           std::span<const Call> calls);
/// Throws build: `conv "c": no kernel of the cpu backend takes it (…)`, with the refusals.
[[noreturn]] void fail_refused(const Backend& backend, const std::string& node,
                               std::span<const Refusal> refusals);
/// The kernel of that name and version for the op, or nullptr.
const Kernel* find_kernel(const Backend& backend, const ir::Op& op, std::string_view name,
                          int version);
/// The kernel's tactics for a call; one nameless one where it has none.
std::vector<Tactic> tactics_of(const Kernel& kernel, const Call& call, Backend& backend);
/// What the kernel makes for a call; nothing where it needs nothing.
Prepared prepare(const Kernel& kernel, const Call& call, Backend& backend);

}  // namespace tenon::kernel
