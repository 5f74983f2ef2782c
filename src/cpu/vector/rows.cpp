// Sums, extremes, softmaxes and normalisations of rows of f32.
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/rows.cpp"
#include "cpu/kernel_parts.h"
#include "cpu/reduce.h"
#include "cpu/vector/vector_kernels.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// After the targets are known:
#include "cpu/vector/math-inl.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

using ir::ReduceKind;
constexpr int64_t kLanes = hn::MaxLanes(Tag());
constexpr float kInfinity = __builtin_inff();

/// As x is to be added.
template <ReduceKind kind>
HWY_INLINE V term(V x) {
  if constexpr (kind == ReduceKind::l1) return hn::Abs(x);
  if constexpr (kind == ReduceKind::l2) return hn::Mul(x, x);
  return x;
}

/// Adds x to a sum, or takes the extreme of both: a NaN on either side wins.
template <ReduceKind kind>
HWY_INLINE V take(V best, V x) {
  if constexpr (kind == ReduceKind::max)
    return hn::IfThenElse(hn::Or(hn::Gt(x, best), hn::IsNaN(x)), x, best);
  if constexpr (kind == ReduceKind::min)
    return hn::IfThenElse(hn::Or(hn::Lt(x, best), hn::IsNaN(x)), x, best);
  return hn::Add(best, term<kind>(x));
}

template <ReduceKind kind>
HWY_INLINE V start() {
  return set(kind == ReduceKind::max ? -kInfinity : kind == ReduceKind::min ? kInfinity : 0);
}

/// Calls f<kind> for what sums and extremes differ in.
template <class F>
HWY_INLINE void dispatch(ReduceKind kind, const F& f) {
  using K = ReduceKind;
  if (kind == K::max) return f.template operator()<K::max>();
  if (kind == K::min) return f.template operator()<K::min>();
  if (kind == K::l1) return f.template operator()<K::l1>();
  if (kind == K::l2 || kind == K::sum_square) return f.template operator()<K::l2>();
  f.template operator()<K::sum>();
}

/// Four vectors side by side: additions of one wait for one another.
template <ReduceKind kind>
HWY_INLINE V fold(const float* x, int64_t count) {
  const Tag tag;
  V parts[4] = {start<kind>(), start<kind>(), start<kind>(), start<kind>()};
  int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    HWY_UNROLL(4)
    for (int p = 0; p < 4; ++p) parts[p] = take<kind>(parts[p], hn::LoadU(tag, x + i + p * kLanes));
  }
  for (; i + kLanes <= count; i += kLanes) parts[0] = take<kind>(parts[0], hn::LoadU(tag, x + i));
  if (i < count) {
    const auto mask = hn::FirstN(tag, static_cast<size_t>(count - i));
    const V last = hn::MaskedLoad(mask, tag, x + i);
    parts[1] = hn::IfThenElse(mask, take<kind>(parts[1], last), parts[1]);
  }
  if constexpr (kind == ReduceKind::max || kind == ReduceKind::min) {
    return take<kind>(take<kind>(parts[0], parts[1]), take<kind>(parts[2], parts[3]));
  } else {
    return hn::Add(hn::Add(parts[0], parts[1]), hn::Add(parts[2], parts[3]));
  }
}

double row_sum(ReduceKind kind, const float* x, int64_t count) noexcept {
  constexpr int64_t kPiece = 64 * kLanes;
  double sum = 0;
  dispatch(kind, [&]<ReduceKind k>() HWY_ATTR {
    for (int64_t i = 0; i < count; i += kPiece) {
      const V part = fold<k>(x + i, HWY_MIN(kPiece, count - i));
      sum += static_cast<double>(hn::GetLane(hn::SumOfLanes(Tag(), part)));
    }
  });
  return sum;
}

float row_extreme(bool least, const float* x, int64_t count) noexcept {
  HWY_ALIGN float lanes[kLanes];
  hn::Store(least ? fold<ReduceKind::min>(x, count) : fold<ReduceKind::max>(x, count), Tag(),
            lanes);
  float best = lanes[0];
  for (int64_t i = 1; i < kLanes; ++i) {
    if (lanes[i] != lanes[i] || (least ? lanes[i] < best : lanes[i] > best)) best = lanes[i];
  }
  return best;
}

template <ReduceKind kind, int kVectors>
HWY_INLINE void fold_columns(const float* x, int64_t step, int64_t rows, float* to) {
  const Tag tag;
  V best[kVectors];
  HWY_UNROLL(4)
  for (int v = 0; v < kVectors; ++v) best[v] = hn::LoadU(tag, to + v * kLanes);
  for (int64_t row = 0; row < rows; ++row, x += step) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v)
      best[v] = take<kind>(best[v], hn::LoadU(tag, x + v * kLanes));
  }
  HWY_UNROLL(4)
  for (int v = 0; v < kVectors; ++v) hn::StoreU(best[v], tag, to + v * kLanes);
}

void columns_of(ReduceKind kind, const float* x, int64_t step, int64_t rows, int64_t columns,
                float* to) noexcept {
  const Tag tag;
  dispatch(kind, [&]<ReduceKind k>() HWY_ATTR {
    int64_t i = 0;
    for (; i + 4 * kLanes <= columns; i += 4 * kLanes)
      fold_columns<k, 4>(x + i, step, rows, to + i);
    for (; i + kLanes <= columns; i += kLanes) fold_columns<k, 1>(x + i, step, rows, to + i);
    if (i == columns) return;
    const auto mask = hn::FirstN(tag, static_cast<size_t>(columns - i));
    V best = hn::MaskedLoad(mask, tag, to + i);
    for (int64_t row = 0; row < rows; ++row)
      best = take<k>(best, hn::MaskedLoad(mask, tag, x + row * step + i));
    hn::BlendedStore(best, mask, tag, to + i);
  });
}

/// y = f(x), element by element; y may be x.
template <class F>
HWY_INLINE void each(const float* x, float* y, int64_t count, const F& f) {
  const Tag tag;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(f(hn::LoadU(tag, x + i)), tag, y + i);
  if (i == count) return;
  const auto mask = hn::FirstN(tag, static_cast<size_t>(count - i));
  hn::BlendedStore(f(hn::MaskedLoad(mask, tag, x + i)), mask, tag, y + i);
}

/// The sum of e^(x - greatest); the terms to y, if it is given.
HWY_INLINE double exponentials(const float* x, float* y, int64_t count, V greatest) {
  const Tag tag;
  constexpr int64_t kPiece = 64 * kLanes;
  double total = 0;
  for (int64_t first = 0; first < count; first += kPiece) {
    const int64_t last = HWY_MIN(count, first + kPiece);
    V sum = hn::Zero(tag);
    int64_t i = first;
    for (; i + kLanes <= last; i += kLanes) {
      const V power = exp(hn::Sub(hn::LoadU(tag, x + i), greatest));
      sum = hn::Add(sum, power);
      if (y) hn::StoreU(power, tag, y + i);
    }
    if (i < last) {
      const auto mask = hn::FirstN(tag, static_cast<size_t>(last - i));
      const V power =
          hn::IfThenElseZero(mask, exp(hn::Sub(hn::MaskedLoad(mask, tag, x + i), greatest)));
      sum = hn::Add(sum, power);
      if (y) hn::BlendedStore(power, mask, tag, y + i);
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(tag, sum)));
  }
  return total;
}

void softmax_row(const float* x, float* y, int64_t count, bool log) noexcept {
  const V greatest = set(row_extreme(false, x, count));
  const double sum = exponentials(x, log ? nullptr : y, count, greatest);
  if (log) {
    const V log_sum = set(static_cast<float>(__builtin_log(sum)));
    each(x, y, count, [&](V v) HWY_ATTR { return hn::Sub(hn::Sub(v, greatest), log_sum); });
  } else {
    const V factor = set(static_cast<float>(1 / sum));
    each(y, y, count, [&](V v) HWY_ATTR { return hn::Mul(v, factor); });
  }
}

/// The sum of (x - mean)², in f64 between pieces.
double squares(const float* x, int64_t count, float mean) noexcept {
  const Tag tag;
  constexpr int64_t kPiece = 64 * kLanes;
  const V middle = set(mean);
  double total = 0;
  for (int64_t first = 0; first < count; first += kPiece) {
    const int64_t last = HWY_MIN(count, first + kPiece);
    V sums[2] = {hn::Zero(tag), hn::Zero(tag)};
    int64_t i = first;
    for (; i + 2 * kLanes <= last; i += 2 * kLanes) {
      HWY_UNROLL(2)
      for (int p = 0; p < 2; ++p) {
        const V d = hn::Sub(hn::LoadU(tag, x + i + p * kLanes), middle);
        sums[p] = hn::MulAdd(d, d, sums[p]);
      }
    }
    for (; i < last; i += kLanes) {
      const auto mask = hn::FirstN(tag, static_cast<size_t>(last - i));
      const V d = hn::IfThenElseZero(mask, hn::Sub(hn::MaskedLoad(mask, tag, x + i), middle));
      sums[0] = hn::MulAdd(d, d, sums[0]);
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(tag, hn::Add(sums[0], sums[1]))));
  }
  return total;
}

template <bool scaled, bool shifted>
HWY_INLINE void normalise(const float* x, const float* scale, const float* shift, float* y,
                          int64_t count, float mean, float factor) {
  const Tag tag;
  const V middle = set(mean), by = set(factor);
  const auto part = [&](int64_t i, auto load) HWY_ATTR {
    V v = hn::Mul(hn::Sub(load(x + i), middle), by);
    if constexpr (scaled) v = hn::Mul(v, load(scale + i));
    if constexpr (shifted) v = hn::Add(v, load(shift + i));
    return v;
  };
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const V v = part(i, [&](const float* from) HWY_ATTR { return hn::LoadU(tag, from); });
    hn::StoreU(v, tag, y + i);
  }
  if (i == count) return;
  const auto mask = hn::FirstN(tag, static_cast<size_t>(count - i));
  const V v = part(i, [&](const float* from) HWY_ATTR { return hn::MaskedLoad(mask, tag, from); });
  hn::BlendedStore(v, mask, tag, y + i);
}

void layer_norm_row(const ir::LayerNorm& op, const float* x, const float* scale, const float* shift,
                    float* y, int64_t count) noexcept {
  const auto length = static_cast<double>(count);
  const double mean = op.centered ? row_sum(ReduceKind::sum, x, count) / length : 0;
  const auto middle = static_cast<float>(mean);
  const double variance = squares(x, count, middle) / length;
  const auto factor = static_cast<float>(1 / __builtin_sqrt(variance + op.epsilon));
  if (scale && shift) return normalise<true, true>(x, scale, shift, y, count, middle, factor);
  if (scale) return normalise<true, false>(x, scale, shift, y, count, middle, factor);
  if (shift) return normalise<false, true>(x, scale, shift, y, count, middle, factor);
  normalise<false, false>(x, scale, shift, y, count, middle, factor);
}

constexpr RowFunctions kRows{row_sum, row_extreme, columns_of, softmax_row, layer_norm_row};

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS

#if HWY_ONCE
namespace tenon::cpu {

#if HWY_TARGETS & HWY_AVX3
template <>
const RowFunctions& row_functions<Avx3>() noexcept {
  return N_AVX3::kRows;
}
#endif
#if HWY_TARGETS & HWY_AVX2
template <>
const RowFunctions& row_functions<Avx2>() noexcept {
  return N_AVX2::kRows;
}
#endif

namespace {

bool vector_kind(ir::ReduceKind kind) {
  using K = ir::ReduceKind;
  return kind == K::sum || kind == K::mean || kind == K::max || kind == K::min || kind == K::l1 ||
         kind == K::l2 || kind == K::sum_square;
}

// Blocks of an axis that stays, and that the result has too.
bool keeps_blocks(const Call& call) {
  const ir::Layout& layout = call.inputs[0].layout;
  if (layout.plain()) return true;
  const auto& op = call.as<ir::Reduce>();
  if (!op.keep_dims || !layout.order.empty() || layout.splits.size() != 1) return false;
  const int64_t axis = layout.splits[0].axis, rank = std::ssize(call.inputs[0].dims);
  for (const int64_t reduced : op.axes) {
    if (reduced == axis || reduced + rank == axis) return false;
  }
  return true;
}

template <class Unit>
const char* reject_reduce(const Call& call) {
  if (const char* reason = refuse_unit_and_dtype<Unit>(call)) return reason;
  if (!vector_kind(call.as<ir::Reduce>().kind)) return "it knows sums and extremes only";
  return keeps_blocks(call) ? nullptr : "it keeps blocks of an axis that stays";
}

// Along an axis that is not reduced.
kernel::Layouts reduce_layouts(const Call& call) {
  const auto& op = call.as<ir::Reduce>();
  const auto rank = std::ssize(call.inputs[0].dims);
  const bool channels = std::any_of(op.axes.begin(), op.axes.end(),
                                    [&](int64_t axis) { return axis == 1 || axis + rank == 1; });
  return {.follow = op.keep_dims && rank > 2 && !channels};
}

template <class Unit>
Kernel reduce(std::string_view name) {
  return {
      .name = name,
      .reject = reject_reduce<Unit>,
      .layouts = reduce_layouts,
      .prepare = [](const Call& call,
                    kernel::Backend&) { return prepare_reduce_f32(call, row_functions<Unit>()); },
      .run = run_reduce_f32,
      .strided_inputs = 1};
}

template <class Unit>
const char* reject_softmax(const Call& call) {
  if (const char* reason = refuse_unit_and_dtype<Unit>(call)) return reason;
  const int64_t axis = call.as<ir::Softmax>().axis, rank = std::ssize(call.inputs[0].dims);
  if (plain_only(call)) return "it takes plain layouts only";
  return axis == -1 || axis + 1 == rank ? nullptr : "it runs along the last axis only";
}

template <class Unit>
const char* reject_layer_norm(const Call& call) {
  if (const char* reason = refuse_unit_and_dtype<Unit>(call)) return reason;
  return plain_only(call) ? "it takes plain layouts only" : nullptr;
}

/// What works on lines along the last axis.
template <class Unit>
Kernel lines(std::string_view name, const char* (*reject)(const Call&),
             void (*run)(const Launch&) noexcept) {
  return {
      .name = name,
      .reject = reject,
      .prepare = [](const Call& call,
                    kernel::Backend&) { return prepare_lines_f32(call, row_functions<Unit>()); },
      .run = run,
      .rows_inputs = 1,
      .strided_output = true,
      .in_place = 1};
}

}  // namespace

std::vector<Kernel> vector_reduce_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    reduce<Avx3>("cpu.reduce.rows.avx3"),
#endif
#if HWY_TARGETS & HWY_AVX2
        reduce<Avx2>("cpu.reduce.rows.avx2"),
#endif
  };
}

std::vector<Kernel> vector_softmax_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    lines<Avx3>("cpu.softmax.rows.avx3", reject_softmax<Avx3>, run_softmax_f32),
#endif
#if HWY_TARGETS & HWY_AVX2
        lines<Avx2>("cpu.softmax.rows.avx2", reject_softmax<Avx2>, run_softmax_f32),
#endif
  };
}

std::vector<Kernel> vector_layer_norm_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    lines<Avx3>("cpu.layer_norm.rows.avx3", reject_layer_norm<Avx3>, run_layer_norm_f32),
#endif
#if HWY_TARGETS & HWY_AVX2
        lines<Avx2>("cpu.layer_norm.rows.avx2", reject_layer_norm<Avx2>, run_layer_norm_f32),
#endif
  };
}

}  // namespace tenon::cpu
#endif  // HWY_ONCE
