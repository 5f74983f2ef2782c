// The product of a few rows and a matrix, for the steps of recurrent layers in f32.
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/recurrent.cpp"
#include "cpu/kernel_parts.h"
#include "cpu/recurrent.h"
#include "cpu/vector/vector_kernels.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

namespace hn = hwy::HWY_NAMESPACE;

/// kRows rows by kVectors vectors of columns in registers, all of k.
template <int kRows, int kVectors, class Tag>
HWY_INLINE void tile(Tag tag, const RowProduct& p, int64_t row, int64_t column) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  hn::Vec<Tag> sums[kRows][kVectors];
  float* const out = p.sums + row * p.width + column;
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::LoadU(tag, out + r * p.width + v * lanes);
  const float* weight = p.weight + column;
  const float* h = p.h + row * p.hidden;
  for (int64_t k = 0; k < p.hidden; ++k, weight += p.width) {
    hn::Vec<Tag> columns[kVectors];
    for (int v = 0; v < kVectors; ++v) columns[v] = hn::LoadU(tag, weight + v * lanes);
    for (int r = 0; r < kRows; ++r) {
      const auto factor = hn::Set(tag, h[r * p.hidden + k]);
      for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(factor, columns[v], sums[r][v]);
    }
  }
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sums[r][v], tag, out + r * p.width + v * lanes);
}

template <int kRows>
HWY_INLINE void rows(const RowProduct& p, int64_t row) {
  const hn::ScalableTag<float> tag;
  const hn::CappedTag<float, 1> one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  // Eight sums at least hide the latency of a multiply-add.
  constexpr int kVectors = kRows == 1 ? 8 : kRows == 2 ? 4 : 2;
  int64_t column = p.begin;
  for (; column + kVectors * lanes <= p.end; column += kVectors * lanes)
    tile<kRows, kVectors>(tag, p, row, column);
  for (; column + lanes <= p.end; column += lanes) tile<kRows, 1>(tag, p, row, column);
  for (; column < p.end; ++column) tile<kRows, 1>(one, p, row, column);
}

void row_product(const RowProduct& p) noexcept {
  static_assert(recurrent_rows == 4);
  switch (p.rows) {
    case 1: return rows<1>(p, 0);
    case 2: return rows<2>(p, 0);
    case 3: return rows<3>(p, 0);
    default: return rows<4>(p, 0);
  }
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS

#if HWY_ONCE
namespace tenon::cpu {

namespace {

template <class Unit>
const char* reject_recurrent(const Call& call) {
  if (const char* reason = refuse_unit<Unit>(call)) return reason;
  if (call.inputs[0].dtype != DType::f32) return "it computes f32 only";
  return plain_only(call);
}

}  // namespace

std::vector<Kernel> vector_recurrent_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    {.name = "cpu.recurrent.rows.avx3",
     .reject = reject_recurrent<Avx3>,
     .prepare =
         [](const Call& call, kernel::Backend&) {
           return prepare_recurrent_f32(call, N_AVX3::row_product, vector_function<Avx3>);
         },
     .run = run_recurrent_f32},
#endif
#if HWY_TARGETS & HWY_AVX2
        {.name = "cpu.recurrent.rows.avx2",
         .reject = reject_recurrent<Avx2>,
         .prepare =
             [](const Call& call, kernel::Backend&) {
               return prepare_recurrent_f32(call, N_AVX2::row_product, vector_function<Avx2>);
             },
         .run = run_recurrent_f32},
#endif
  };
}

}  // namespace tenon::cpu
#endif  // HWY_ONCE
