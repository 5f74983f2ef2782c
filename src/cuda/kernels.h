// The kernels of each op on GPUs: declared for every op, defined in kernels/<op>.cpp. A missing one
// is a link error.
#pragma once

#include "kernel/kernel.h"

namespace tenon::cuda {

using kernel::Call;
using kernel::Kernel;
using kernel::Kernels;
using kernel::Launch;

/// Best first, reference last.
template <class Op>
Kernels kernels();

/// The list of an op; throws build for an op that ir/ops.h does not name.
Kernels kernels_of(const ir::Op& op);

}  // namespace tenon::cuda
