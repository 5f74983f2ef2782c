// How much a call computes: for rates, beside which a machine's peak stands.
#pragma once

#include "kernel/kernel.h"

namespace tenon::kernel {

/// Additions, multiplications and scalar functions of a call by its definition, whatever a kernel
/// saves: a multiplication with its addition is two. 0 of what only moves elements, and of ops that
/// nobody asked about yet.
double operations_of(const Call& call);

}  // namespace tenon::kernel
