// One pool of threads per process. Work is cut into units by shape alone; threads only take units,
// so results do not depend on how many there are.
#pragma once

#include <cstdint>
#include <type_traits>

namespace tenon::base {

/// A non-owning reference to a callable `void(int64_t unit)`; lives no longer than the call it is
/// passed to.
class UnitFunction {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, UnitFunction>)
  UnitFunction(const F& f)  // NOLINT: a lambda is passed as it stands
      : object_(&f),
        call_([](const void* object, int64_t unit) { (*static_cast<const F*>(object))(unit); }) {}
  void operator()(int64_t unit) const { call_(object_, unit); }

 private:
  const void* object_;
  void (*call_)(const void*, int64_t);
};

/// Physical cores in the affinity mask, within the cgroup's quota; TENON_THREADS overrides it.
int default_threads();

/// Calls `f` once for each unit in [0, units), on at most `threads` threads, the caller among them,
/// and returns when all are done. Neither allocates nor throws; `f` must not throw. When the pool
/// is busy with another caller's units, the caller does all of them alone. Every unit runs under
/// FloatMode. Remade in the child after fork.
void parallel_for(int threads, int64_t units, UnitFunction f) noexcept;

/// Sets the process-wide floating-point mode of kernels (nearest even, no flush to zero, no traps),
/// and restores the caller's at the end of the scope.
class FloatMode {
 public:
  FloatMode() noexcept;
  ~FloatMode();
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
  uint32_t saved_;
};

}  // namespace tenon::base
