// The CPU backend, and the far backend of tests: the same kernels behind a foreign memory and a
// queue of its own.
#pragma once

#include <memory>

#include "kernel/backend.h"

namespace tenon::cpu {

/// Kernels run in the caller's thread (and the pool) at submit(). The vector units found on this
/// machine are narrowed by TENON_CPU_FEATURES=reference|avx2|avx3.
std::shared_ptr<kernel::Backend> cpu_backend(int threads);

#ifdef TENON_FAR
/// Test backend: its pointers lie in reserved, unreadable pages at a constant offset from the true
/// memory and are translated in submit(); its queue runs on another thread with random delays
/// (seeded). With `captures` it is "far:banks": it captures and replays launches, so that what CUDA
/// graphs need has a rehearsal.
std::shared_ptr<kernel::Backend> far_backend(int threads, bool captures = false);
#endif

}  // namespace tenon::cpu
