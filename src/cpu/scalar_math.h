// The functions of ir/scalar.h on single values.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "cpu/numeric.h"
#include "ir/scalar.h"

namespace tenon::cpu {

using ir::Scalar;

/// f64 to an integer: toward zero, clamped to its limits, NaN to 0 (what C++ leaves undefined).
template <class To>
To integer_of(double value) noexcept {
  using Limits = std::numeric_limits<To>;
  if (value != value) return 0;
  if (value <= static_cast<double>(Limits::min())) return Limits::min();
  if (value >= static_cast<double>(Limits::max())) return Limits::max();
  return static_cast<To>(value);
}

/// Integers wrap around, which only unsigned arithmetic defines.
template <class T>
using Ring = std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>;

template <class T>
T integer_pow(T base, T exponent) noexcept {
  if (exponent < 0) {
    if (base == 1) return 1;
    return base == static_cast<T>(-1) ? static_cast<T>(exponent % 2 == 0 ? 1 : -1) : T{0};
  }
  uint64_t result = 1;
  auto factor = static_cast<uint64_t>(base);
  for (auto e = static_cast<uint64_t>(exponent); e > 0; e >>= 1) {
    if (e & 1) result *= factor;
    factor *= factor;
  }
  return static_cast<T>(result);
}

/// Quotient toward zero; x / 0 is 0, and the least integer by -1 wraps around.
template <class T>
T integer_div(T a, T b, bool& by_zero) noexcept {
  if (b == 0) {
    by_zero = true;
    return 0;
  }
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return static_cast<T>(uint64_t{0} - static_cast<uint64_t>(a));
  }
  return static_cast<T>(a / b);
}

/// Remainder with the sign of `a` (fmod) or, as in Python, of `b`; x mod 0 is 0.
template <class T>
T integer_mod(T a, T b, bool sign_of_b, bool& by_zero) noexcept {
  if (b == 0) {
    by_zero = true;
    return 0;
  }
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return 0;
  }
  const T rest = static_cast<T>(a % b);
  return static_cast<T>(sign_of_b && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
}

template <class T>
T float_mod(T a, T b) noexcept {
  const T rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/// A negative or too large shift moves everything out: what stays are copies of the sign.
template <class T>
bool is_shift(T b) noexcept {
  constexpr int width = std::numeric_limits<std::make_unsigned_t<T>>::digits;
  return static_cast<uint64_t>(b) < static_cast<uint64_t>(width);
}

template <Scalar op, class T>
auto binary(T a, T b, bool& by_zero) noexcept {
  using R = Ring<T>;
  constexpr bool real = std::is_floating_point_v<T>;
  if constexpr (op == Scalar::add) return static_cast<T>(static_cast<R>(a) + static_cast<R>(b));
  if constexpr (op == Scalar::sub) return static_cast<T>(static_cast<R>(a) - static_cast<R>(b));
  if constexpr (op == Scalar::mul) return static_cast<T>(static_cast<R>(a) * static_cast<R>(b));
  if constexpr (op == Scalar::div && real) return a / b;
  if constexpr (op == Scalar::div && !real) return integer_div(a, b, by_zero);
  if constexpr (op == Scalar::mod && real) return float_mod(a, b);
  if constexpr (op == Scalar::mod && !real) return integer_mod(a, b, true, by_zero);
  if constexpr (op == Scalar::fmod && real) return std::fmod(a, b);
  if constexpr (op == Scalar::fmod && !real) return integer_mod(a, b, false, by_zero);
  if constexpr (op == Scalar::pow && real) return std::pow(a, b);
  if constexpr (op == Scalar::pow && !real) return integer_pow(a, b);
  if constexpr (op == Scalar::min) return b < a || b != b ? b : a;  // a NaN on either side wins
  if constexpr (op == Scalar::max) return b > a || b != b ? b : a;
  if constexpr (op == Scalar::bit_and) return static_cast<T>(a & b);
  if constexpr (op == Scalar::bit_or) return static_cast<T>(a | b);
  if constexpr (op == Scalar::bit_xor) return static_cast<T>(a ^ b);
  if constexpr (op == Scalar::shift_left)
    return is_shift(b) ? static_cast<T>(static_cast<uint64_t>(a) << b) : T{0};
  if constexpr (op == Scalar::shift_right)
    return is_shift(b) ? static_cast<T>(a >> b) : static_cast<T>(a < 0 ? -1 : 0);
  if constexpr (op == Scalar::equal) return a == b;
  if constexpr (op == Scalar::less) return a < b;
  if constexpr (op == Scalar::less_equal) return a <= b;
  if constexpr (op == Scalar::logical_and) return a && b;
  if constexpr (op == Scalar::logical_or) return a || b;
  if constexpr (op == Scalar::logical_xor) return a != b;
}

template <Scalar op, class T>
auto unary(T a) noexcept {
  using R = Ring<T>;
  constexpr bool real = std::is_floating_point_v<T>;
  constexpr T infinity = std::numeric_limits<T>::infinity();
  if constexpr (op == Scalar::neg && real) return -a;
  if constexpr (op == Scalar::neg && !real) return static_cast<T>(R{0} - static_cast<R>(a));
  if constexpr (op == Scalar::abs && real) return std::fabs(a);
  if constexpr (op == Scalar::abs && !real)
    return a < 0 ? static_cast<T>(R{0} - static_cast<R>(a)) : a;
  if constexpr (op == Scalar::sign) return a != a ? a : static_cast<T>((a > 0) - (a < 0));
  if constexpr (op == Scalar::relu) return a < 0 ? T{0} : a;  // a NaN passes
  if constexpr (op == Scalar::bit_not) return static_cast<T>(~a);
  if constexpr (op == Scalar::logical_not) return !a;
  if constexpr (op == Scalar::is_nan) return a != a;
  if constexpr (op == Scalar::is_positive_infinity) return a == infinity;
  if constexpr (op == Scalar::is_negative_infinity) return a == -infinity;
  if constexpr (op == Scalar::ceil) return std::ceil(a);
  if constexpr (op == Scalar::floor) return std::floor(a);
  // To even: the mode of base::FloatMode.
  if constexpr (op == Scalar::round) return std::nearbyint(a);
  if constexpr (op == Scalar::sqrt) return std::sqrt(a);
  if constexpr (op == Scalar::reciprocal) return T{1} / a;
  if constexpr (op == Scalar::exp) return std::exp(a);
  if constexpr (op == Scalar::log) return std::log(a);
  if constexpr (op == Scalar::erf) return std::erf(a);
  if constexpr (op == Scalar::sin) return std::sin(a);
  if constexpr (op == Scalar::cos) return std::cos(a);
  if constexpr (op == Scalar::tan) return std::tan(a);
  if constexpr (op == Scalar::asin) return std::asin(a);
  if constexpr (op == Scalar::acos) return std::acos(a);
  if constexpr (op == Scalar::atan) return std::atan(a);
  if constexpr (op == Scalar::sinh) return std::sinh(a);
  if constexpr (op == Scalar::cosh) return std::cosh(a);
  if constexpr (op == Scalar::tanh) return std::tanh(a);
  if constexpr (op == Scalar::asinh) return std::asinh(a);
  if constexpr (op == Scalar::acosh) return std::acosh(a);
  if constexpr (op == Scalar::atanh) return std::atanh(a);
  if constexpr (op == Scalar::sigmoid) return T{1} / (T{1} + std::exp(-a));
  if constexpr (op == Scalar::softplus)
    return (a > 0 ? a : T{0}) + std::log1p(std::exp(-std::fabs(a)));
}

}  // namespace tenon::cpu
