// Ops that no kernel of this backend runs yet: lowering says so by name.
#include "cuda/kernels.h"
#include "ir/ops.h"

namespace tenon::cuda {

// clang-format off
template <> Kernels kernels<ir::BitCast>() { return {}; }
template <> Kernels kernels<ir::Col2Im>() { return {}; }
template <> Kernels kernels<ir::Cumulate>() { return {}; }
template <> Kernels kernels<ir::Det>() { return {}; }
template <> Kernels kernels<ir::Dft>() { return {}; }
template <> Kernels kernels<ir::GridSample>() { return {}; }
template <> Kernels kernels<ir::MaxRoiPool>() { return {}; }
template <> Kernels kernels<ir::Recurrent>() { return {}; }
template <> Kernels kernels<ir::Resize>() { return {}; }
template <> Kernels kernels<ir::RoiAlign>() { return {}; }
template <> Kernels kernels<ir::Unique>() { return {}; }
template <> Kernels kernels<ir::WinogradFilter>() { return {}; }
// clang-format on

}  // namespace tenon::cuda
