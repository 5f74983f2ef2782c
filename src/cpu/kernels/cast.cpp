// Casts: by way of f64, i64 or u64, in tiles, so that there are twice thirteen loops and not
// thirteen squared.
#include "base/convert.h"
#include "cpu/kernel_parts.h"
#include "cpu/scalar_math.h"

namespace tenon::cpu {

namespace {

constexpr int64_t kTile = 256;

template <class To, class From>
To converted(From value) noexcept {
  if constexpr (std::is_same_v<To, bool>) {
    return value != 0;
  } else if constexpr (is_small_float<To>) {
    return static_cast<To>(static_cast<float>(value));
  } else if constexpr (std::is_integral_v<To> && std::is_same_v<From, double>) {
    return integer_of<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

/// Every value of an element type fits the middle one.
template <class T>
using Middle = std::conditional_t<is_float<T>, double,
                                  std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;

template <class From>
void cast_from(const Launch& launch, int64_t begin, int64_t count) noexcept {
  Middle<From> tile[kTile];
  const From* from = launch.input<From>(0) + begin;
  for (int64_t i = 0; i < count; ++i) tile[i] = static_cast<Middle<From>>(from[i]);
  base::dispatch(launch.call->outputs[0].dtype, [&](auto tag) {
    using To = typename decltype(tag)::type;
    To* to = launch.output<To>(0) + begin;
    for (int64_t i = 0; i < count; ++i) to[i] = converted<To>(tile[i]);
  });
}

// Between narrow types and others, by way of f64.
void cast_narrow(const Launch& launch, int64_t begin, int64_t count) noexcept {
  const DType from = launch.call->inputs[0].dtype, to = launch.call->outputs[0].dtype;
  const auto& op = launch.call->as<ir::Cast>();
  double tile[kTile];
  if (is_narrow(from)) {
    base::decode_narrow(from, launch.input<uint8_t>(0) + begin, tile, count);
  } else {
    base::dispatch(from, [&](auto tag) {
      using From = typename decltype(tag)::type;
      for (int64_t i = 0; i < count; ++i)
        tile[i] = static_cast<double>(launch.input<From>(0)[begin + i]);
    });
  }
  if (is_narrow(to)) {
    base::encode_narrow(to, tile, launch.output<uint8_t>(0) + begin, count,
                        {op.saturate, op.rounding});
    return;
  }
  base::dispatch(to, [&](auto tag) {
    using To = typename decltype(tag)::type;
    for (int64_t i = 0; i < count; ++i) launch.output<To>(0)[begin + i] = converted<To>(tile[i]);
  });
}

void cast_range(const Launch& launch, int64_t begin, int64_t end) noexcept {
  const DType from = launch.call->inputs[0].dtype;
  const DType to = launch.call->outputs[0].dtype;
  if (base::converts(from, to)) {  // rounds once, f64 to f16 too
    base::convert(from, launch.input<std::byte>(0) + byte_count(from, begin), to,
                  launch.output<std::byte>(0) + byte_count(to, begin), end - begin);
    return;
  }
  const bool narrow = is_narrow(from) || is_narrow(to);
  base::dispatch(from, [&](auto tag) {
    for (int64_t first = begin; first < end; first += kTile) {
      const int64_t count = std::min(kTile, end - first);
      if (narrow)
        cast_narrow(launch, first, count);
      else
        cast_from<typename decltype(tag)::type>(launch, first, count);
    }
  });
}

void cast_reference(const Launch& launch) noexcept {
  int64_t count = 1;
  for (const int64_t extent : launch.call->outputs[0].dims) count *= extent;
  parallel_ranges(launch, count, 32 * kTile,
                  [&](int64_t begin, int64_t end) { cast_range(launch, begin, end); });
}

}  // namespace

template <>
Kernels kernels<ir::Cast>() {
  static constexpr Kernel list[] = {
      {.name = "cpu.cast.reference", .reject = plain_only, .run = cast_reference},
  };
  return list;
}

}  // namespace tenon::cpu
