// What most kernels need: typed dispatch, common refusals, units of work, their prepared object.
#pragma once

#include <algorithm>
#include <cstring>

#include "base/dtype.h"
#include "base/thread_pool.h"
#include "cpu/kernels.h"
#include "cpu/numeric.h"
#include "ir/ops.h"

namespace tenon::cpu {

/// The refusal of kernels that know one layout only.
inline const char* plain_only(const Call& call) {
  const auto plain = [](const kernel::Operand& operand) { return operand.layout.plain(); };
  const bool all = std::all_of(call.inputs.begin(), call.inputs.end(), plain) &&
                   std::all_of(call.outputs.begin(), call.outputs.end(), plain);
  return all ? nullptr : "the reference takes plain layout only";
}

inline bool has_input(const Call& call, size_t i) {
  return i < call.inputs.size() && call.inputs[i].present;
}

/// Operand `i`, or nullptr where it is not given.
template <class T>
const T* optional_input(const Launch& launch, size_t i) noexcept {
  return has_input(*launch.call, i) ? launch.input<T>(i) : nullptr;
}

/// What prepare() made.
template <class T>
const T& prepared(const Launch& launch) noexcept {
  return *static_cast<const T*>(launch.prepared);
}

/// Calls f(begin, end) for pieces of [0, count), each of `grain` but the last; pieces depend on the
/// shape alone.
template <class F>
void parallel_ranges(const Launch& launch, int64_t count, int64_t grain, const F& f) noexcept {
  grain = std::max<int64_t>(grain, 1);
  base::parallel_for(launch.state->threads, (count + grain - 1) / grain,
                     [&](int64_t unit) { f(unit * grain, std::min(count, (unit + 1) * grain)); });
}

/// A tensor as [outer, extent, inner] around one of its axes, which may count from the end.
struct AroundAxis {
  int64_t outer = 1, extent = 0, inner = 1;

  AroundAxis(std::span<const int64_t> dims, int64_t axis) noexcept {
    const auto at = static_cast<size_t>(axis < 0 ? axis + std::ssize(dims) : axis);
    for (const int64_t before : dims.first(at)) outer *= before;
    for (const int64_t after : dims.subspan(at + 1)) inner *= after;
    extent = dims[at];
  }
};

/// Items that make a piece of work worth a thread (about 10 us at `cost` elementary steps an item).
inline int64_t grain_of(int64_t cost) {
  return std::max<int64_t>(1, 16384 / std::max<int64_t>(cost, 1));
}

/// Calls f<T> with the operand's element type; integers and bool only where `f` wants them.
template <class F>
void dispatch_floating(DType dtype, F&& f) {
  base::dispatch(dtype, [&](auto tag) {
    if constexpr (is_float<typename decltype(tag)::type>) f(tag);
  });
}

template <class F>
void dispatch_numeric(DType dtype, F&& f) {
  base::dispatch(dtype, [&](auto tag) {
    if constexpr (!std::is_same_v<typename decltype(tag)::type, bool>) f(tag);
  });
}

}  // namespace tenon::cpu
