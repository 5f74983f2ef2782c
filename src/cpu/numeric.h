// In which type kernels compute and add up, by element type.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "base/float16.h"

namespace tenon::cpu {

using base::BFloat16;
using base::Half;

template <class T>
inline constexpr bool is_small_float = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

template <class T>
inline constexpr bool is_float = std::is_floating_point_v<T> || is_small_float<T>;

/// Values between steps: f16 and bf16 are computed in f32, all others in their own type.
template <class T>
using Compute = std::conditional_t<is_small_float<T>, float, T>;

/// Sums and products. The reference is the oracle of the faster kernels, so f32 adds up in f64 and
/// rounds once; integers wrap around, which only unsigned arithmetic defines.
template <class T>
using Sum = std::conditional_t<std::is_floating_point_v<T>, double,
                               std::conditional_t<is_small_float<T>, float, uint64_t>>;

/// An element as a term of a sum: integers keep their value modulo 2^64.
template <class T>
Sum<T> widen(T value) noexcept {
  return static_cast<Sum<T>>(value);
}

/// A sum as an element: rounded, or modulo the integer's range.
template <class T>
T narrow(Sum<T> value) noexcept {
  return static_cast<T>(value);
}

/// Whether `a` stands before `b` in rising (or falling) order; NaN is greater than all numbers.
template <class T>
bool before(T a, T b, bool rising) noexcept {
  if (!rising) std::swap(a, b);
  return a < b || (b != b && a == a);
}

}  // namespace tenon::cpu
