// What the CPU backend and the far backend share: the machine's target, and the way from an op to
// its kernels.
#pragma once

#include <string>

#include "cpu/kernels.h"

namespace tenon::cpu {

/// The list of an op, best first; throws build for an op that ir/ops.h does not name.
Kernels kernels_of(const ir::Op& op);

/// This machine's target: vector units that it has, that are compiled in and that
/// TENON_CPU_FEATURES leaves.
kernel::Target host_target(std::string backend, int threads);

}  // namespace tenon::cpu
