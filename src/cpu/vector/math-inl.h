// Functions of f32 vectors, for the files of this folder. Included once for each vector unit.
#if defined(TENON_MATH_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_MATH_INL
#undef TENON_MATH_INL
#else
#define TENON_MATH_INL
#endif

#include "hwy/highway.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

namespace hn = hwy::HWY_NAMESPACE;
using Tag = hn::ScalableTag<float>;
using V = hn::Vec<Tag>;

HWY_INLINE V set(float value) { return hn::Set(Tag(), value); }

/// c[0] + x (c[1] + x (c[2] + …)).
template <int kCount>
HWY_INLINE V polynomial(V x, const float (&c)[kCount]) {
  V sum = set(c[kCount - 1]);
  HWY_UNROLL(8)
  for (int i = kCount - 2; i >= 0; --i) sum = hn::MulAdd(sum, x, set(c[i]));
  return sum;
}

/// 2^n of integers from -126 to 127.
HWY_INLINE V power_of_two(hn::Vec<hn::RebindToSigned<Tag>> n) {
  const hn::RebindToSigned<Tag> tag;
  return hn::BitCast(Tag(), hn::ShiftLeft<23>(hn::Add(n, hn::Set(tag, 127))));
}

// On x86 Min and Max give their second operand where either is NaN: it passes.
HWY_INLINE V between(float least, float greatest, V x) {
  return hn::Min(set(greatest), hn::Max(set(least), x));
}

/// Cephes' expf: e^x = 2^n e^r, r within half of ln 2; 2^n in two steps, for results that are
/// infinite or subnormal.
HWY_INLINE V exp(V x) {
  static constexpr float kTail[] = {5.0000001201e-1f, 1.6666665459e-1f, 4.1665795894e-2f,
                                    8.3334519073e-3f, 1.3981999507e-3f, 1.9875691500e-4f};
  x = between(-105.0f, 90.0f, x);
  const V n = hn::Round(hn::Mul(x, set(1.44269504088896341f)));
  const V r = hn::NegMulAdd(n, set(-2.12194440e-4f), hn::NegMulAdd(n, set(0.693359375f), x));
  const V p = hn::MulAdd(hn::Mul(r, r), polynomial(r, kTail), hn::Add(r, set(1.0f)));
  const auto whole = hn::ConvertTo(hn::RebindToSigned<Tag>(), n);
  const auto half = hn::ShiftRight<1>(whole);
  const V y = hn::Mul(hn::Mul(p, power_of_two(half)), power_of_two(hn::Sub(whole, half)));
  return hn::IfThenElse(hn::IsNaN(x), x, y);  // of a NaN, n is anything
}

/// The same for x up to 89 (beyond 88.4 it is infinite), and 0 below -87.
HWY_INLINE V exp_in_range(V x) {
  static constexpr float kTail[] = {5.0000001201e-1f, 1.6666665459e-1f, 4.1665795894e-2f,
                                    8.3334519073e-3f, 1.3981999507e-3f, 1.9875691500e-4f};
  const auto vanishes = hn::Lt(x, set(-87.0f));
  const V n = hn::Round(hn::Mul(x, set(1.44269504088896341f)));
  const V r = hn::NegMulAdd(n, set(-2.12194440e-4f), hn::NegMulAdd(n, set(0.693359375f), x));
  const V p = hn::MulAdd(hn::Mul(r, r), polynomial(r, kTail), hn::Add(r, set(1.0f)));
  const auto whole = hn::ConvertTo(hn::RebindToSigned<Tag>(), n);
  return hn::IfThenZeroElse(vanishes, hn::Mul(p, power_of_two(whole)));
}

/// 1 / (1 + e^-x).
HWY_INLINE V sigmoid(V x) {
  const V power = exp_in_range(hn::Min(set(89.0f), hn::Neg(x)));
  return hn::Div(set(1.0f), hn::Add(set(1.0f), power));
}

/// Cephes' tanhf: a polynomial near 0, where 1 - 2 / (e^2x + 1) loses digits.
HWY_INLINE V tanh(V x) {
  static constexpr float kNear[] = {-3.33332819422e-1f, 1.33314422036e-1f, -5.37397155531e-2f,
                                    2.06390887954e-2f, -5.70498872745e-3f};
  const V square = hn::Mul(x, x);
  const V near = hn::MulAdd(hn::Mul(polynomial(square, kNear), square), x, x);
  const V size = hn::Abs(x);
  const V far =
      hn::Sub(set(1.0f), hn::Div(set(2.0f), hn::Add(exp(hn::Add(size, size)), set(1.0f))));
  return hn::IfThenElse(hn::Lt(size, set(0.625f)), near, hn::CopySign(far, x));
}

/// A rational function, as Eigen and XLA have it; beyond 4 it is 1 in f32.
HWY_INLINE V erf(V x) {
  static constexpr float kAbove[] = {-1.60960333262415e-02f, -2.95459980854025e-03f,
                                     -7.34990630326855e-04f, -5.69250639462346e-05f,
                                     -2.10102402082508e-06f, 2.77068142495902e-08f,
                                     -2.72614225801306e-10f};
  static constexpr float kBelow[] = {-1.42647390514189e-02f, -7.37332916720468e-03f,
                                     -1.68282697438203e-03f, -2.13374055278905e-04f,
                                     -1.45660718464996e-05f};
  x = between(-4.0f, 4.0f, x);
  const V square = hn::Mul(x, x);
  const V ratio = hn::Div(hn::Mul(x, polynomial(square, kAbove)), polynomial(square, kBelow));
  return between(-1.0f, 1.0f, ratio);
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS
#endif  // TENON_MATH_INL
