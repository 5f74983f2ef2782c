// One plain loop for each pair of element types; the compiler vectorises them.
#include "base/convert.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/bytes.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/thread_pool.h"

namespace tenon::base {

namespace {

template <class T>
constexpr bool is_narrow = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

template <class T>
constexpr bool is_float = std::is_floating_point_v<T> || is_narrow<T>;

// A byte that is neither 0 nor 1 is no bool, but bytes may come from anywhere.
template <class T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;

// Rounds to odd: a later rounding to 16 bits then gives the nearest of the exact value, where two
// roundings to nearest would not (Boldo and Melquiond, "Emulation of FMA and correctly rounded
// sums: proved algorithms using rounding to odd").
float round_to_odd(double value) noexcept {
  const auto rounded = static_cast<float>(value);
  const auto bits = std::bit_cast<uint32_t>(rounded);
  const auto back = static_cast<double>(rounded);
  const bool exact = back == value || value != value;
  const uint32_t towards = std::abs(back) > std::abs(value) ? bits - 1 : bits + 1;
  return std::bit_cast<float>(exact || (bits & 1u) ? bits : towards);
}

// Towards zero; what does not fit becomes the nearest bound, a NaN zero.
template <class To>
To truncate(double value) noexcept {
  constexpr auto least = static_cast<double>(std::numeric_limits<To>::min());
  constexpr double above = 2.0 * static_cast<double>(std::numeric_limits<To>::max() / 2 + 1);
  if (value != value) return 0;
  if (value >= above) return std::numeric_limits<To>::max();
  if (value <= least) return std::numeric_limits<To>::min();
  return static_cast<To>(value);
}

template <class To, class From>
Stored<To> convert_one(Stored<From> value) noexcept {
  if constexpr (std::is_same_v<To, bool>) {
    if constexpr (is_narrow<From>)
      return static_cast<float>(value) != 0;
    else
      return value != 0;
  } else if constexpr (std::is_same_v<From, bool>) {
    return static_cast<To>(static_cast<float>(value != 0));
  } else if constexpr (is_narrow<To>) {
    if constexpr (sizeof(From) >= 4 && !std::is_same_v<From, float>) {
      return To(round_to_odd(static_cast<double>(value)));
    } else {
      return To(static_cast<float>(value));
    }
  } else if constexpr (is_float<From> && !is_float<To>) {
    return truncate<To>(static_cast<double>(value));
  } else if constexpr (is_narrow<From>) {
    return static_cast<To>(static_cast<float>(value));
  } else {
    return static_cast<To>(value);
  }
}

template <class T>
bool is_infinite(T value) noexcept {
  if constexpr (std::is_same_v<T, Half>)
    return (value.bits & 0x7fffu) == 0x7c00u;
  else if constexpr (std::is_same_v<T, BFloat16>)
    return (value.bits & 0x7fffu) == 0x7f80u;
  else if constexpr (is_float<T>)
    return std::isinf(value);
  else
    return false;
}

template <class To, class From>
int64_t convert_all(const char* source, char* target, int64_t count) noexcept {
  using In = Stored<From>;
  using Out = Stored<To>;
  // Counts of a block fit 32 bits, which keeps the loop's lanes narrow.
  constexpr int64_t kBlock = 4096;
  int64_t overflowed = 0;
  for (int64_t start = 0; start < count; start += kBlock) {
    const int64_t end = std::min(count, start + kBlock);
    uint32_t infinite = 0;
    for (int64_t i = start; i < end; ++i) {
      const In in = load<In>(source + i * static_cast<int64_t>(sizeof(In)));
      const Out out = convert_one<To, From>(in);
      if constexpr (is_float<To>) infinite += is_infinite(out) && !is_infinite(in);
      std::memcpy(target + i * static_cast<int64_t>(sizeof(Out)), &out, sizeof out);
    }
    overflowed += infinite;
  }
  return overflowed;
}

// The trailing axes of a view whose elements lie densely, as a count of elements.
struct DenseTail {
  size_t axes = 0;
  int64_t elements = 1;
};

DenseTail dense_tail(const TensorView& view) noexcept {
  DenseTail tail;
  const size_t rank = view.shape.size();
  for (; tail.axes < rank; ++tail.axes) {
    const size_t axis = rank - 1 - tail.axes;
    if (view.shape[axis] != 1 && view.strides[axis] != tail.elements) break;
    tail.elements *= view.shape[axis];
  }
  return tail;
}

void check_strides(const TensorView& view) {
  if (view.strides.empty() || view.strides.size() == view.shape.size()) return;
  fail(ErrorCode::invalid_input,
       "tensor of shape {} has {} strides; give one for each axis, or none", to_string(view.shape),
       view.strides.size());
}

void gather(const TensorView& view, void* target) noexcept {
  const auto element = static_cast<int64_t>(byte_count(view.dtype, 1));
  const DenseTail tail = dense_tail(view);
  const size_t run = static_cast<size_t>(tail.elements * element);
  const size_t axes = view.shape.size() - tail.axes;
  Shape index(axes, 0);
  const char* from = static_cast<const char*>(view.data);
  for (size_t done = 0; done < view.bytes(); done += run) {
    std::memcpy(static_cast<char*>(target) + done, from, run);
    for (size_t axis = axes; axis-- > 0;) {
      from += view.strides[axis] * element;
      if (++index[axis] < view.shape[axis]) break;
      from -= view.strides[axis] * element * view.shape[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

bool converts(DType from, DType to) noexcept {
  return from == to || (is_floating(from) && is_floating(to));
}

int64_t convert(DType from, const void* source, DType to, void* target, int64_t count) noexcept {
  if (count <= 0) return 0;
  if (from == to) {
    std::memcpy(target, source, byte_count(from, count));
    if (to == DType::bool_) make_bools(target, static_cast<size_t>(count));
    return 0;
  }
  const FloatMode mode;
  return dispatch(from, [&]<class From>(TypeTag<From>) {
    return dispatch(to, [&]<class To>(TypeTag<To>) {
      return convert_all<To, From>(static_cast<const char*>(source), static_cast<char*>(target),
                                   count);
    });
  });
}

bool is_dense(const TensorView& view) noexcept {
  if (view.strides.empty()) return true;
  if (view.strides.size() != view.shape.size()) return false;
  // A view without elements is dense whatever its strides are.
  if (std::find(view.shape.begin(), view.shape.end(), 0) != view.shape.end()) return true;
  return dense_tail(view).axes == view.shape.size();
}

bool are_bools(const void* bytes, size_t count) noexcept {
  uint8_t bits = 0;  // no early end: the loop then has lanes
  for (size_t i = 0; i < count; ++i) bits |= static_cast<const uint8_t*>(bytes)[i];
  return bits <= 1;
}

void make_bools(void* bytes, size_t count) noexcept {
  for (size_t i = 0; i < count; ++i) {
    auto& byte = static_cast<uint8_t*>(bytes)[i];
    byte = byte != 0;
  }
}

void make_dense(const TensorView& view, void* target) {
  check_strides(view);
  if (view.bytes() == 0) return;
  if (is_dense(view)) {
    std::memcpy(target, view.data, view.bytes());
  } else {
    gather(view, target);
  }
  if (view.dtype == DType::bool_) make_bools(target, view.bytes());
}

}  // namespace tenon::base
