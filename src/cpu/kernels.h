// The kernels of each op: declared for every op, defined in kernels/<op>.cpp. A missing one is a
// link error.
#pragma once

#include "kernel/kernel.h"

namespace tenon::cpu {

using kernel::Call;
using kernel::Kernel;
using kernel::Kernels;
using kernel::Launch;

/// Best first, reference last.
template <class Op>
Kernels kernels();

}  // namespace tenon::cpu
