// Reductions over axes.
#include "cpu/reduce.h"

#include <cmath>
#include <limits>

#include "cpu/kernel_parts.h"
#include "cpu/scalar_math.h"
#include "cpu/vector/vector_kernels.h"

namespace tenon::cpu {

namespace {

using ir::ReduceKind;

kernel::Prepared prepare_reduce(const Call& call, kernel::Backend&) {
  return {std::make_shared<const ReduceGeometry>(make_reduce_geometry(call))};
}

/// The elements that one result is made of.
template <class T>
struct Elements {
  const Walk& walk;
  const T* first;
  int64_t count;

  template <class F>
  void each(const F& f) const noexcept {
    const int64_t length = walk.row_length();
    const int64_t step = walk.step(0);
    walk.for_rows(0, walk.rows(), [&](const int64_t* offsets) {
      const T* row = first + offsets[0];
      for (int64_t i = 0; i < length; ++i) f(row[i * step]);
    });
  }
};

template <class T>
Sum<T> sum_of(const Elements<T>& elements) noexcept {
  Sum<T> sum{};
  elements.each([&](T value) { sum += widen(value); });
  return sum;
}

template <class T>
Sum<T> product_of(const Elements<T>& elements) noexcept {
  Sum<T> product{1};
  elements.each([&](T value) { product *= widen(value); });
  return product;
}

template <class T>
Sum<T> sum_of_magnitudes(const Elements<T>& elements) noexcept {
  Sum<T> sum{};
  elements.each([&](T value) { sum += value < T{} ? Sum<T>{} - widen(value) : widen(value); });
  return sum;
}

template <class T>
Sum<T> sum_of_squares(const Elements<T>& elements) noexcept {
  Sum<T> sum{};
  elements.each([&](T value) { sum += widen(value) * widen(value); });
  return sum;
}

// The greatest, or with `least` the least element; a NaN wins. Of none: what loses against
// everything.
template <class T>
T extreme_of(const Elements<T>& elements, bool least) noexcept {
  using C = Compute<T>;
  using Limits = std::numeric_limits<C>;
  C best = least ? Limits::max() : Limits::lowest();
  if constexpr (Limits::has_infinity) best = least ? Limits::infinity() : -Limits::infinity();
  elements.each([&](T element) {
    const C value = element;
    if ((least ? value < best : value > best) || value != value) best = value;
  });
  return static_cast<T>(best);
}

// A real number as the result's type; integers toward zero and clamped.
template <class T>
T from_real(double value) noexcept {
  if constexpr (is_small_float<T>) {
    return static_cast<T>(static_cast<float>(value));
  } else if constexpr (is_float<T>) {
    return static_cast<T>(value);
  } else {
    return integer_of<T>(value);
  }
}

template <class T>
T mean_of(const Elements<T>& elements) noexcept {
  const Sum<T> sum = sum_of(elements);
  if constexpr (is_float<T>) {
    return narrow<T>(sum / static_cast<Sum<T>>(elements.count));
  } else if constexpr (std::is_signed_v<T>) {
    return elements.count == 0 ? T{0} : static_cast<T>(static_cast<int64_t>(sum) / elements.count);
  } else {
    return elements.count == 0 ? T{0} : static_cast<T>(sum / static_cast<uint64_t>(elements.count));
  }
}

// log(sum(exp(x))), shifted by the greatest x so that nothing overflows.
template <class T>
double log_sum_exp_of(const Elements<T>& elements) noexcept {
  const auto greatest = static_cast<double>(extreme_of(elements, false));
  const double shift = std::isfinite(greatest) ? greatest : 0;
  double sum = 0;
  elements.each([&](T value) { sum += std::exp(static_cast<double>(value) - shift); });
  return std::log(sum) + shift;
}

// A sum of integers as a real number; a signed one keeps its sign.
template <class T>
double real_of(Sum<T> sum) noexcept {
  if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    return static_cast<double>(static_cast<int64_t>(sum));
  } else {
    return static_cast<double>(sum);
  }
}

template <class T>
T reduce(ReduceKind kind, const Elements<T>& elements) noexcept {
  switch (kind) {
    case ReduceKind::sum: return narrow<T>(sum_of(elements));
    case ReduceKind::mean: return mean_of(elements);
    case ReduceKind::max: return extreme_of(elements, false);
    case ReduceKind::min: return extreme_of(elements, true);
    case ReduceKind::prod: return narrow<T>(product_of(elements));
    case ReduceKind::l1: return narrow<T>(sum_of_magnitudes(elements));
    case ReduceKind::l2: return from_real<T>(std::sqrt(real_of<T>(sum_of_squares(elements))));
    case ReduceKind::sum_square: return narrow<T>(sum_of_squares(elements));
    case ReduceKind::log_sum: return from_real<T>(std::log(real_of<T>(sum_of(elements))));
    case ReduceKind::log_sum_exp: break;
  }
  return from_real<T>(log_sum_exp_of(elements));
}

template <class T>
void reduce_typed(const Launch& launch) noexcept {
  const auto& geometry = prepared<ReduceGeometry>(launch);
  const ReduceKind kind = launch.call->as<ir::Reduce>().kind;
  const int64_t length = geometry.kept.row_length();
  parallel_ranges(
      launch, geometry.results, grain_of(geometry.count), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          geometry.kept.for_rows(i / length, i / length + 1, [&](const int64_t* offsets) {
            const T* first = launch.input<T>(0) + offsets[1] + i % length * geometry.kept.step(1);
            launch.output<T>(0)[i] = reduce<T>(kind, {geometry.reduced, first, geometry.count});
          });
        }
      });
}

void reduce_reference(const Launch& launch) noexcept {
  base::dispatch(launch.call->inputs[0].dtype,
                 [&](auto tag) { reduce_typed<typename decltype(tag)::type>(launch); });
}

}  // namespace

template <>
Kernels kernels<ir::Reduce>() {
  static const std::vector<Kernel> list =
      with_reference(vector_reduce_kernels(), {.name = "cpu.reduce.reference",
                                               .reject = plain_only,
                                               .prepare = prepare_reduce,
                                               .run = reduce_reference,
                                               .strided_inputs = 1});
  return list;
}

}  // namespace tenon::cpu
