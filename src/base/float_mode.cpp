// The floating-point mode of kernels on this processor.
#include "base/thread_pool.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace tenon::base {

#if defined(__x86_64__)

// MXCSR after reset: nearest even, all exceptions masked, subnormals neither flushed nor read as
// zero.
FloatMode::FloatMode() noexcept : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
FloatMode::~FloatMode() { _mm_setcsr(saved_); }

#else

// Elsewhere processes start in this mode, and nothing that Tenon loads changes it.
FloatMode::FloatMode() noexcept : saved_(0) {}
FloatMode::~FloatMode() = default;

#endif

}  // namespace tenon::base
