// As kernel/window.cpp counts.
#include "cuda/window_text.h"

#include <algorithm>

namespace tenon::cuda {

namespace {

constexpr std::string_view kWindow = R"(
#define AXIS(a, field) (Place)n[WINDOW + (a) * 7 + field]
#define IN(a) AXIS(a, 0)
#define OUT(a) AXIS(a, 1)
#define TAPS(a) AXIS(a, 2)
#define STRIDE(a) AXIS(a, 3)
#define DILATION(a) AXIS(a, 4)
#define PAD_BEGIN(a) AXIS(a, 5)
#define PAD_END(a) AXIS(a, 6)
__device__ inline void window_start(const Numbers<NUMBERS>& n, Place position, Place* first) {
#pragma unroll
  for (int a = RANK - 1; a >= 0; --a) {
    first[a] = position % OUT(a) * STRIDE(a) - PAD_BEGIN(a);
    position /= OUT(a);
  }
}
__device__ inline Place window_offset(const Numbers<NUMBERS>& n, Place tap, const Place* first) {
  Place offset = 0, scale = 1;
#pragma unroll
  for (int a = RANK - 1; a >= 0; --a) {
    const Place index = first[a] + tap % TAPS(a) * DILATION(a);
    tap /= TAPS(a);
    if (index < 0 || index >= IN(a)) return -1;
    offset += index * scale;
    scale *= IN(a);
  }
  return offset;
}
// All taps one after another, without a division.
struct WindowWalk {
  Place at[RANK];
  __device__ WindowWalk() {
#pragma unroll
    for (int a = 0; a < RANK; ++a) at[a] = 0;
  }
  // The offset of this tap or -1; goes on to the next.
  __device__ Place next(const Numbers<NUMBERS>& n, const Place* first) {
    Place offset = 0, scale = 1;
    bool inside = true;
#pragma unroll
    for (int a = RANK - 1; a >= 0; --a) {
      const Place index = first[a] + at[a] * DILATION(a);
      inside &= index >= 0 && index < IN(a);
      offset += index * scale;
      scale *= IN(a);
    }
#pragma unroll
    for (int a = RANK - 1; a >= 0; --a) {
      if (++at[a] < TAPS(a)) break;
      at[a] = 0;
    }
    return inside ? offset : -1;
  }
};
__device__ inline Place window_taps(const Numbers<NUMBERS>& n, Place position) {
  Place count = 1;
#pragma unroll
  for (int a = RANK - 1; a >= 0; --a) {
    const Place first = position % OUT(a) * STRIDE(a) - PAD_BEGIN(a);
    position /= OUT(a);
    Place inside = 0;
    for (Place tap = 0; tap < TAPS(a); ++tap)
      inside += first + tap * DILATION(a) < IN(a) + PAD_END(a);
    count *= inside;
  }
  return count;
}
)";

}  // namespace

std::string window_text(const kernel::WindowGeometry& window, size_t first) {
  // Places in the padded input and in the result.
  int64_t reach = window.out_size;
  int64_t padded = 1;
  for (size_t a = 0; a < window.rank; ++a) {
    const auto& axis = window.axes[a];
    padded *= std::max(axis.in, (axis.out - 1) * axis.stride + axis.kernel * axis.dilation) +
              axis.pad_begin + axis.pad_end;
  }
  reach = std::max(reach, padded);
  return define_type("Place", index_type(reach)) +
         define("RANK", static_cast<int64_t>(window.rank)) +
         define("WINDOW", static_cast<int64_t>(first)) + std::string(kWindow);
}

std::vector<int64_t> window_numbers(const kernel::WindowGeometry& window) {
  std::vector<int64_t> numbers;
  for (size_t a = 0; a < window.rank; ++a) {
    const auto& axis = window.axes[a];
    numbers.insert(numbers.end(), {axis.in, axis.out, axis.kernel, axis.stride, axis.dilation,
                                   axis.pad_begin, axis.pad_end});
  }
  return numbers;
}

}  // namespace tenon::cuda
