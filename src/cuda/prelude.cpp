// What every device text begins with. The functions are those of cpu/scalar_math.h and
// cpu/numeric.h: one meaning on every device.
#include "cuda/compile.h"

namespace tenon::cuda {

const std::string_view prelude = R"cuda(
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef float f32;
typedef double f64;
struct f16 { u16 bits; };
struct bf16 { u16 bits; };

// Operands, scratch and the word of data errors: the first argument of every kernel.
struct Buffers {
  void* at[20];
  void* scratch;
  u32* failed;
};
// Extents, strides and whatever else is known when a call is prepared: the second one.
template <int n> struct Numbers {
  i64 at[n];
  __device__ i64 operator[](int i) const { return at[i]; }
};
// Kernels of one captured list may begin before the one behind them has ended: all but reading
// weights waits for it.
#if !defined(TENON_STAND_IN) && __CUDA_ARCH__ >= 900
#define LET_NEXT_BEGIN() asm volatile("griddepcontrol.launch_dependents;")
#define WAIT_FOR_EARLIER() asm volatile("griddepcontrol.wait;" ::: "memory")
#else
#define LET_NEXT_BEGIN()
#define WAIT_FOR_EARLIER()
#endif
#define KERNEL                                                                                \
  __device__ inline void work(const Buffers& buffers, const Numbers<NUMBERS>& n);             \
  extern "C" __global__ void run(const Buffers buffers, const Numbers<NUMBERS> n) {           \
    LET_NEXT_BEGIN();                                                                         \
    WAIT_FOR_EARLIER();                                                                       \
    work(buffers, n);                                                                         \
  }                                                                                           \
  __device__ inline void work(const Buffers& buffers, const Numbers<NUMBERS>& n)
// Each i in [0, count), by all threads of the grid.
#define EACH(Index, i, count)                                                               \
  for (Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x; i < (Index)(count);          \
       i += (Index)gridDim.x * blockDim.x)
#define FAIL() (*(volatile u32*)buffers.failed = 1)

#ifndef TENON_STAND_IN
__device__ inline f32 half_value(u16 bits) {
  f32 value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}
__device__ inline u16 half_bits(f32 value) {
  u16 bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
__device__ inline u16 bfloat_bits(f32 value) {
  u16 bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
#endif

__device__ inline f64 of_bits(u64 bits) { return __longlong_as_double((i64)bits); }
#define INFINITE of_bits(0x7ff0000000000000ull)

// f64 to f32 so that rounding once more, to 16 bits, is rounding once: to odd.
__device__ inline f32 to_odd(f64 value) {
  const f32 cut = __double2float_rz(value);
  if (value != value || (f64)cut == value) return cut;
  return __int_as_float(__float_as_int(cut) | 1);
}

// How elements of a type are computed (Compute), added up (Sum) and what they are.
template <class T> struct Facts {
  typedef T Compute;
  typedef u64 Sum;
  static const bool real = false, is_signed = (T)-1 < (T)0;
  static const int bits = sizeof(T) * 8;
  __device__ static T least() { return is_signed ? (T)((u64)1 << (bits - 1)) : (T)0; }
  __device__ static T greatest() { return (T)~least(); }
};
template <> struct Facts<bool> {
  typedef bool Compute;
  typedef u64 Sum;
  static const bool real = false, is_signed = false;
  __device__ static bool least() { return false; }
  __device__ static bool greatest() { return true; }
};
template <class C, class S> struct RealFacts {
  typedef C Compute;
  typedef S Sum;
  static const bool real = true, is_signed = true;
  __device__ static C least() { return (C)-INFINITE; }
  __device__ static C greatest() { return (C)INFINITE; }
};
template <> struct Facts<f64> : RealFacts<f64, f64> {};
template <> struct Facts<f32> : RealFacts<f32, f64> {};
template <> struct Facts<f16> : RealFacts<f32, f32> {};
template <> struct Facts<bf16> : RealFacts<f32, f32> {};

template <class T> __device__ inline T get(T x) { return x; }
__device__ inline f32 get(f16 x) { return half_value(x.bits); }
__device__ inline f32 get(bf16 x) { return __int_as_float((i32)((u32)x.bits << 16)); }

// A computed value as an element.
template <class T> struct As {
  template <class V> __device__ static T of(V value) { return (T)value; }
};
template <> struct As<f16> {
  __device__ static f16 of(f32 value) { return f16{half_bits(value)}; }
  __device__ static f16 of(f64 value) { return f16{half_bits(to_odd(value))}; }
  template <class V> __device__ static f16 of(V value) { return of((f32)value); }
};
template <> struct As<bf16> {
  __device__ static bf16 of(f32 value) { return bf16{bfloat_bits(value)}; }
  __device__ static bf16 of(f64 value) { return bf16{bfloat_bits(to_odd(value))}; }
  template <class V> __device__ static bf16 of(V value) { return of((f32)value); }
};
template <class T> __device__ inline typename Facts<T>::Sum widen(T x) {
  return (typename Facts<T>::Sum)get(x);
}

// f64 to an integer: toward zero, clamped to its limits, NaN to 0.
template <class T> __device__ inline T integer_of(f64 value) {
  if (value != value) return 0;
  if (value <= (f64)Facts<T>::least()) return Facts<T>::least();
  if (value >= (f64)Facts<T>::greatest()) return Facts<T>::greatest();
  return (T)value;
}
// A real number as an element.
template <class T, bool real> struct RealAs {
  __device__ static T of(f64 value) { return integer_of<T>(value); }
};
template <class T> struct RealAs<T, true> {
  __device__ static T of(f64 value) { return As<T>::of((typename Facts<T>::Compute)value); }
};
template <class T> __device__ inline T from_real(f64 value) {
  return RealAs<T, Facts<T>::real>::of(value);
}
template <> __device__ inline bool from_real<bool>(f64 value) { return value != 0; }

template <class T> __device__ inline bool before(T a, T b, bool rising) {
  const T first = rising ? a : b, second = rising ? b : a;
  return first < second || (second != second && first == first);
}

// Functions of scalars, by the names of the text form; integers wrap around.
#define INTEGERS(R) R(i8) R(i16) R(i32) R(i64) R(u8) R(u16) R(u32) R(u64)
#define WRAPPING(T)                                                              \
  __device__ inline T s_add(T a, T b) { return (T)((u64)a + (u64)b); }           \
  __device__ inline T s_sub(T a, T b) { return (T)((u64)a - (u64)b); }           \
  __device__ inline T s_mul(T a, T b) { return (T)((u64)a * (u64)b); }           \
  __device__ inline T s_neg(T a) { return (T)(0 - (u64)a); }                     \
  __device__ inline T s_abs(T a) { return a < 0 ? (T)(0 - (u64)a) : a; }         \
  __device__ inline T s_bit_and(T a, T b) { return (T)(a & b); }                 \
  __device__ inline T s_bit_or(T a, T b) { return (T)(a | b); }                  \
  __device__ inline T s_bit_xor(T a, T b) { return (T)(a ^ b); }                 \
  __device__ inline T s_bit_not(T a) { return (T)~a; }                           \
  __device__ inline T s_shift_left(T a, T b) {                                   \
    return (u64)b < sizeof(T) * 8 ? (T)((u64)a << b) : (T)0;                     \
  }                                                                              \
  __device__ inline T s_shift_right(T a, T b) {                                  \
    return (u64)b < sizeof(T) * 8 ? (T)(a >> b) : (T)(a < 0 ? -1 : 0);           \
  }                                                                              \
  __device__ inline T divided(T a, T b, bool& by_zero) {                         \
    if (b == 0) { by_zero = true; return 0; }                                    \
    if (Facts<T>::is_signed && b == (T)-1) return (T)(0 - (u64)a);               \
    return (T)(a / b);                                                           \
  }                                                                              \
  __device__ inline T rest_of(T a, T b, bool sign_of_b, bool& by_zero) {         \
    if (b == 0) { by_zero = true; return 0; }                                    \
    if (Facts<T>::is_signed && b == (T)-1) return 0;                             \
    const T rest = (T)(a % b);                                                   \
    return sign_of_b && rest != 0 && (rest < 0) != (b < 0) ? (T)(rest + b) : rest; \
  }                                                                              \
  __device__ inline T s_pow(T a, T b) {                                          \
    if (b < 0) return a == 1 ? (T)1 : a == (T)-1 ? (b % 2 == 0 ? (T)1 : (T)-1) : (T)0; \
    u64 result = 1, factor = (u64)a;                                             \
    for (u64 e = (u64)b; e > 0; e >>= 1) {                                       \
      if (e & 1) result *= factor;                                               \
      factor *= factor;                                                          \
    }                                                                            \
    return (T)result;                                                            \
  }
INTEGERS(WRAPPING)
#define s_div_integer(a, b) divided(a, b, by_zero)
#define s_mod_integer(a, b) rest_of(a, b, true, by_zero)
#define s_fmod_integer(a, b) rest_of(a, b, false, by_zero)

#define REAL(T, suffix)                                                          \
  __device__ inline T s_add(T a, T b) { return a + b; }                          \
  __device__ inline T s_sub(T a, T b) { return a - b; }                          \
  __device__ inline T s_mul(T a, T b) { return a * b; }                          \
  __device__ inline T s_div(T a, T b) { return a / b; }                          \
  __device__ inline T s_fmod(T a, T b) { return fmod##suffix(a, b); }            \
  __device__ inline T s_mod(T a, T b) {                                          \
    const T rest = fmod##suffix(a, b);                                           \
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;                 \
  }                                                                              \
  __device__ inline T s_pow(T a, T b) { return pow##suffix(a, b); }              \
  __device__ inline T s_neg(T a) { return -a; }                                  \
  __device__ inline T s_abs(T a) { return fabs##suffix(a); }                     \
  __device__ inline T s_ceil(T a) { return ceil##suffix(a); }                    \
  __device__ inline T s_floor(T a) { return floor##suffix(a); }                  \
  __device__ inline T s_round(T a) { return rint##suffix(a); }                   \
  __device__ inline T s_sqrt(T a) { return sqrt##suffix(a); }                    \
  __device__ inline T s_reciprocal(T a) { return (T)1 / a; }                     \
  __device__ inline T s_exp(T a) { return exp##suffix(a); }                      \
  __device__ inline T s_log(T a) { return log##suffix(a); }                      \
  __device__ inline T s_erf(T a) { return erf##suffix(a); }                      \
  __device__ inline T s_sin(T a) { return sin##suffix(a); }                      \
  __device__ inline T s_cos(T a) { return cos##suffix(a); }                      \
  __device__ inline T s_tan(T a) { return tan##suffix(a); }                      \
  __device__ inline T s_asin(T a) { return asin##suffix(a); }                    \
  __device__ inline T s_acos(T a) { return acos##suffix(a); }                    \
  __device__ inline T s_atan(T a) { return atan##suffix(a); }                    \
  __device__ inline T s_sinh(T a) { return sinh##suffix(a); }                    \
  __device__ inline T s_cosh(T a) { return cosh##suffix(a); }                    \
  __device__ inline T s_tanh(T a) { return tanh##suffix(a); }                    \
  __device__ inline T s_asinh(T a) { return asinh##suffix(a); }                  \
  __device__ inline T s_acosh(T a) { return acosh##suffix(a); }                  \
  __device__ inline T s_atanh(T a) { return atanh##suffix(a); }                  \
  __device__ inline T s_sigmoid(T a) { return (T)1 / ((T)1 + exp##suffix(-a)); } \
  __device__ inline T s_softplus(T a) {                                          \
    return (a > 0 ? a : (T)0) + log1p##suffix(exp##suffix(-fabs##suffix(a)));    \
  }                                                                              \
  __device__ inline bool s_is_positive_infinity(T a) { return a == (T)INFINITE; } \
  __device__ inline bool s_is_negative_infinity(T a) { return a == (T)-INFINITE; }
REAL(f32, f)
REAL(f64, )

// A NaN on either side wins.
template <class T> __device__ inline T s_min(T a, T b) { return b < a || b != b ? b : a; }
template <class T> __device__ inline T s_max(T a, T b) { return b > a || b != b ? b : a; }
template <class T> __device__ inline bool s_equal(T a, T b) { return a == b; }
template <class T> __device__ inline bool s_less(T a, T b) { return a < b; }
template <class T> __device__ inline bool s_less_equal(T a, T b) { return a <= b; }
template <class T> __device__ inline T s_sign(T a) { return a != a ? a : (T)((a > 0) - (a < 0)); }
template <class T> __device__ inline T s_relu(T a) { return a < 0 ? (T)0 : a; }
template <class T> __device__ inline bool s_is_nan(T a) { return a != a; }
template <class T> __device__ inline T s_where(bool c, T a, T b) { return c ? a : b; }
__device__ inline bool s_logical_and(bool a, bool b) { return a && b; }
__device__ inline bool s_logical_or(bool a, bool b) { return a || b; }
__device__ inline bool s_logical_xor(bool a, bool b) { return a != b; }
__device__ inline bool s_logical_not(bool a) { return !a; }
// A whole exponent is multiplied out: exact where the answer is a whole number.
__device__ inline f64 power(f64 a, f64 b) {
  if (b != floor(b) || b < 0 || b > 64) return pow(a, b);
  f64 result = 1;
  for (i32 e = (i32)b; e > 0; e >>= 1) {
    if (e & 1) result *= a;
    a *= a;
  }
  return result;
}
template <class T> __device__ inline T s_pow_f64(T a, f64 b) { return from_real<T>(power(a, b)); }

// A team of `team` threads (1, or the whole block of a power of two) merges a value of each, always
// in the same order; all of them get the result.
template <int team, class A, class F> __device__ inline A together(A value, F merge) {
  if (team == 1) return value;
  __shared__ A parts[team];
  parts[threadIdx.x % team] = value;
  __syncthreads();
  for (int half = team / 2; half > 0; half /= 2) {
    if ((int)threadIdx.x < half)
      parts[threadIdx.x] = merge(parts[threadIdx.x], parts[threadIdx.x + half]);
    __syncthreads();
  }
  const A all = parts[0];
  __syncthreads();
  return all;
}
// Each item in [0, count), by a team each; `lane` is the thread's number in its team.
#define EACH_BY_TEAM(item, lane, count)                                                   \
  const i32 lane = TEAM == 1 ? 0 : threadIdx.x;                                           \
  for (i64 item = TEAM == 1 ? (i64)blockIdx.x * blockDim.x + threadIdx.x : blockIdx.x;    \
       item < (count); item += TEAM == 1 ? (i64)gridDim.x * blockDim.x : (i64)gridDim.x)
)cuda";

}  // namespace tenon::cuda
