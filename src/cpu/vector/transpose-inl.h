// Transposes of f32 matrices by small squares. Included once for each vector unit.
#if defined(TENON_TRANSPOSE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TENON_TRANSPOSE_INL
#undef TENON_TRANSPOSE_INL
#else
#define TENON_TRANSPOSE_INL
#endif

#include "hwy/highway.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

namespace hn = hwy::HWY_NAMESPACE;
using SquareTag = hn::FixedTag<float, 4>;

/// A matrix in memory; `stride` from one row to the next, in elements.
struct From {
  const float* at;
  int64_t stride;
};
struct To {
  float* at;
  int64_t stride;
};

// 4 x 4 in registers: eight shuffles for sixteen elements.
HWY_INLINE void transpose_square(From from, To to) {
  const SquareTag tag;
  const auto a = hn::LoadU(tag, from.at), b = hn::LoadU(tag, from.at + from.stride);
  const auto c = hn::LoadU(tag, from.at + 2 * from.stride),
             d = hn::LoadU(tag, from.at + 3 * from.stride);
  const auto ac = hn::InterleaveLower(tag, a, c), bd = hn::InterleaveLower(tag, b, d);
  const auto ac_upper = hn::InterleaveUpper(tag, a, c), bd_upper = hn::InterleaveUpper(tag, b, d);
  hn::StoreU(hn::InterleaveLower(tag, ac, bd), tag, to.at);
  hn::StoreU(hn::InterleaveUpper(tag, ac, bd), tag, to.at + to.stride);
  hn::StoreU(hn::InterleaveLower(tag, ac_upper, bd_upper), tag, to.at + 2 * to.stride);
  hn::StoreU(hn::InterleaveUpper(tag, ac_upper, bd_upper), tag, to.at + 3 * to.stride);
}

HWY_INLINE void transpose_elements(From from, To to, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) to.at[j * to.stride + i] = from.at[i * from.stride + j];
  }
}

/// to[j][i] = from[i][j], in squares of a cache line's length: each line of the target is filled
/// before it can be evicted, for rows that are a power of two apart share their place in the cache.
void transpose(From from, To to, int64_t rows, int64_t columns) {
  constexpr int64_t kLine = 16;
  const int64_t whole_columns = columns / 4 * 4;
  for (int64_t first = 0; first < rows; first += kLine) {
    const int64_t height = HWY_MIN(kLine, rows - first);
    const int64_t whole = height / 4 * 4;
    for (int64_t j = 0; j < whole_columns; j += 4) {
      const From source{from.at + first * from.stride + j, from.stride};
      const To target{to.at + j * to.stride + first, to.stride};
      for (int64_t i = 0; i < whole; i += 4) {
        transpose_square({source.at + i * source.stride, source.stride},
                         {target.at + i, target.stride});
      }
      transpose_elements({source.at + whole * source.stride, source.stride},
                         {target.at + whole, target.stride}, height - whole, 4);
    }
    transpose_elements({from.at + first * from.stride + whole_columns, from.stride},
                       {to.at + whole_columns * to.stride + first, to.stride}, height,
                       columns - whole_columns);
  }
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS
#endif  // TENON_TRANSPOSE_INL
