// What a caller allows the pool to take for its own work.
#pragma once

namespace tenon::base {

/// From now on parallel_for of this thread takes at most so many threads; 0: as many as it asks
/// for. What held before.
int limit_threads(int threads) noexcept;

}  // namespace tenon::base
