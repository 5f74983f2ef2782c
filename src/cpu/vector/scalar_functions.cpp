// Loops over f32 tiles for the functions of scalars that epilogues and element-wise nodes want
// fast.
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/scalar_functions.cpp"
#include "cpu/scalar_functions.h"
#include "cpu/vector/vector_kernels.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// After the targets are known:
#include "cpu/vector/math-inl.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

using ir::Scalar;

template <Scalar op>
HWY_INLINE V apply(V a) {
  if constexpr (op == Scalar::neg) return hn::Neg(a);
  if constexpr (op == Scalar::abs) return hn::Abs(a);
  if constexpr (op == Scalar::sqrt) return hn::Sqrt(a);
  if constexpr (op == Scalar::reciprocal) return hn::Div(set(1.0f), a);
  if constexpr (op == Scalar::relu)
    return hn::IfThenElse(hn::Lt(a, set(0.0f)), set(0.0f), a);  // a NaN passes
  if constexpr (op == Scalar::exp) return exp(a);
  if constexpr (op == Scalar::tanh) return tanh(a);
  if constexpr (op == Scalar::erf) return erf(a);
  if constexpr (op == Scalar::sigmoid) return sigmoid(a);
}

template <Scalar op>
HWY_INLINE V apply(V a, V b) {
  if constexpr (op == Scalar::add) return hn::Add(a, b);
  if constexpr (op == Scalar::sub) return hn::Sub(a, b);
  if constexpr (op == Scalar::mul) return hn::Mul(a, b);
  if constexpr (op == Scalar::div) return hn::Div(a, b);
  // A NaN on either side wins, of equal zeros the first.
  if constexpr (op == Scalar::min) return hn::IfThenElse(hn::Or(hn::Lt(b, a), hn::IsNaN(b)), b, a);
  if constexpr (op == Scalar::max) return hn::IfThenElse(hn::Or(hn::Gt(b, a), hn::IsNaN(b)), b, a);
}

/// Each element is computed alike, wherever it stands in a tile.
template <Scalar op, bool kBinary>
void loop(const Tile& tile) noexcept {
  const Tag tag;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(tag)), count = tile.count;
  const float* a = static_cast<const float*>(tile.a);
  const float* b = static_cast<const float*>(tile.b);
  float* out = static_cast<float*>(tile.out);
  const auto value = [&](auto load, int64_t i) HWY_ATTR {
    if constexpr (kBinary)
      return apply<op>(load(a + i), load(b + i));
    else
      return apply<op>(load(a + i));
  };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const V y = value([&](const float* from) HWY_ATTR { return hn::LoadU(tag, from); }, i);
    hn::StoreU(y, tag, out + i);
  }
  if (i == count) return;
  const auto mask = hn::FirstN(tag, static_cast<size_t>(count - i));
  const V y = value([&](const float* from) HWY_ATTR { return hn::MaskedLoad(mask, tag, from); }, i);
  hn::BlendedStore(y, mask, tag, out + i);
}

template <Gate::Kind kind>
HWY_INLINE V open(const GateNumbers& numbers, V z) {
  if constexpr (kind == Gate::Kind::sigmoid) return sigmoid(z);
  if constexpr (kind == Gate::Kind::one_plus_erf) return hn::Add(set(1.0f), erf(z));
  if constexpr (kind == Gate::Kind::bounds) return between(numbers.least, numbers.greatest, z);
}

template <Gate::Kind kind>
void gate_loop(const Tile& tile) noexcept {
  const Tag tag;
  const auto& numbers = *static_cast<const GateNumbers*>(tile.c);
  const float* x = static_cast<const float*>(tile.a);
  float* out = static_cast<float*>(tile.out);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(tag)), count = tile.count;
  const V factor = set(numbers.factor), scale = set(numbers.scale), offset = set(numbers.offset);
  const auto value = [&](V v) HWY_ATTR {
    return hn::Mul(hn::Mul(v, factor), open<kind>(numbers, hn::MulAdd(v, scale, offset)));
  };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(value(hn::LoadU(tag, x + i)), tag, out + i);
  if (i == count) return;
  const auto mask = hn::FirstN(tag, static_cast<size_t>(count - i));
  hn::BlendedStore(value(hn::MaskedLoad(mask, tag, x + i)), mask, tag, out + i);
}

constexpr TileFunction kGates[] = {gate_loop<Gate::Kind::sigmoid>,
                                   gate_loop<Gate::Kind::one_plus_erf>,
                                   gate_loop<Gate::Kind::bounds>};

struct Entry {
  Scalar op;
  TileFunction run;
};

constexpr Entry kFunctions[] = {
    {Scalar::add, loop<Scalar::add, true>},
    {Scalar::sub, loop<Scalar::sub, true>},
    {Scalar::mul, loop<Scalar::mul, true>},
    {Scalar::div, loop<Scalar::div, true>},
    {Scalar::min, loop<Scalar::min, true>},
    {Scalar::max, loop<Scalar::max, true>},
    {Scalar::neg, loop<Scalar::neg, false>},
    {Scalar::abs, loop<Scalar::abs, false>},
    {Scalar::sqrt, loop<Scalar::sqrt, false>},
    {Scalar::reciprocal, loop<Scalar::reciprocal, false>},
    {Scalar::relu, loop<Scalar::relu, false>},
    {Scalar::exp, loop<Scalar::exp, false>},
    {Scalar::tanh, loop<Scalar::tanh, false>},
    {Scalar::erf, loop<Scalar::erf, false>},
    {Scalar::sigmoid, loop<Scalar::sigmoid, false>},
};

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS

#if HWY_ONCE
namespace tenon::cpu {

namespace {

template <class Entries>
TileFunction find(const Entries& entries, ir::Scalar op, DType dtype) noexcept {
  for (const auto& entry : entries) {
    if (entry.op == op && dtype == DType::f32) return entry.run;
  }
  return tile_function(op, dtype);
}

}  // namespace

#if HWY_TARGETS & HWY_AVX3
template <>
TileFunction vector_function<Avx3>(ir::Scalar op, DType dtype) noexcept {
  return find(N_AVX3::kFunctions, op, dtype);
}
template <>
TileFunction vector_gate<Avx3>(Gate::Kind kind) noexcept {
  return N_AVX3::kGates[static_cast<size_t>(kind)];
}
#endif
#if HWY_TARGETS & HWY_AVX2
template <>
TileFunction vector_function<Avx2>(ir::Scalar op, DType dtype) noexcept {
  return find(N_AVX2::kFunctions, op, dtype);
}
template <>
TileFunction vector_gate<Avx2>(Gate::Kind kind) noexcept {
  return N_AVX2::kGates[static_cast<size_t>(kind)];
}
#endif

}  // namespace tenon::cpu
#endif  // HWY_ONCE
