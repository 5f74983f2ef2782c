// Rows copied, repeated or gathered, as their step is 1, 0 or another.
#include "cpu/strided_copy.h"

namespace tenon::cpu {

namespace {

struct StridedCopy {
  Walk walk;  // the output, then the input
  int64_t first = 0;
};

// A row of more elements than this is cut, so that threads share it.
constexpr int64_t kPiece = int64_t{1} << 16;

// `Bits` is an unsigned integer of the element's size.
template <class Bits>
void copy_row(Bits* to, const Bits* from, int64_t step, int64_t count) noexcept {
  if (step == 1) {
    std::copy_n(from, count, to);
  } else if (step == 0) {
    std::fill_n(to, count, *from);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i * step];
  }
}

template <class Bits>
void copy_typed(const Launch& launch) noexcept {
  const auto& geometry = prepared<StridedCopy>(launch);
  const Walk& walk = geometry.walk;
  if (walk.rows() == 0) return;
  const Bits* const input = launch.input<Bits>(0) + geometry.first;
  const int64_t length = walk.row_length(), step = walk.step(1);
  const int64_t pieces = std::max<int64_t>(1, (length + kPiece - 1) / kPiece);
  // The rows [begin, end), of each the elements from `first` on.
  const auto copy = [&](int64_t begin, int64_t end, int64_t first, int64_t count) {
    walk.for_rows(begin, end, [&](const int64_t* offsets) {
      copy_row(launch.output<Bits>(0) + offsets[0] + first, input + offsets[1] + first * step, step,
               count);
    });
  };
  const int64_t grain = pieces > 1 ? 1 : grain_of(length);
  parallel_ranges(launch, walk.rows() * pieces, grain, [&](int64_t begin, int64_t end) {
    if (pieces == 1) return copy(begin, end, 0, length);
    const int64_t first = begin % pieces * kPiece;
    copy(begin / pieces, begin / pieces + 1, first, std::min(kPiece, length - first));
  });
}

}  // namespace

kernel::Prepared prepare_strided_copy(std::span<const int64_t> dims, Strides input, int64_t first) {
  Walk walk(dims, {dense_strides(dims), std::move(input)});
  return {std::make_shared<const StridedCopy>(StridedCopy{std::move(walk), first})};
}

void run_strided_copy(const Launch& launch) noexcept {
  switch (byte_count(launch.call->outputs[0].dtype, 1)) {
    case 1: return copy_typed<uint8_t>(launch);
    case 2: return copy_typed<uint16_t>(launch);
    case 4: return copy_typed<uint32_t>(launch);
    default: return copy_typed<uint64_t>(launch);
  }
}

}  // namespace tenon::cpu
