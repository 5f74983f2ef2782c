// From an op to its list of kernels.
#include "cuda/kernels.h"

#include "base/error.h"
#include "ir/ops.h"

namespace tenon::cuda {

namespace {

template <class Op>
Kernels list_of() {
  if constexpr (Op::info.has_kernels) return kernels<Op>();
  return {};
}

template <class... Ops>
Kernels find(const ir::Op& op, ir::TypeList<Ops...>) {
  Kernels found;
  const bool known = ((op.as<Ops>() ? (found = list_of<Ops>(), true) : false) || ...);
  if (!known)
    base::fail(ErrorCode::build, "internal: {} is not in the list of ops", op.info().name);
  return found;
}

}  // namespace

Kernels kernels_of(const ir::Op& op) { return find(op, ir::OpList{}); }

}  // namespace tenon::cuda
