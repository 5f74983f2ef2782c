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

/// kRows rows by kVectors vectors of columns in registers, all of k; pairs of vectors lie `apart`
/// from one another in the weight, whose rows are `step` apart.
template <int kRows, int kVectors, class Tag>
HWY_INLINE void tile(Tag tag, const RowProduct& p, const float* weight, int64_t step, int64_t apart,
                     float* out) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  const auto offset = [&](int v) { return v / 2 * apart + v % 2 * lanes; };
  hn::Vec<Tag> sums[kRows][kVectors];
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::LoadU(tag, out + r * p.stride + v * lanes);
  }
  for (int64_t k = 0; k < p.hidden; ++k, weight += step) {
    hn::Vec<Tag> columns[kVectors];
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) columns[v] = hn::LoadU(tag, weight + offset(v));
    HWY_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const auto factor = hn::Set(tag, p.h[r * p.hidden + k]);
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(factor, columns[v], sums[r][v]);
    }
  }
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sums[r][v], tag, out + r * p.stride + v * lanes);
  }
}

constexpr int64_t kPanel = 2 * hn::MaxLanes(hn::ScalableTag<float>());

/// A panel of which some columns are not wanted: their sums stay.
template <int kRows>
HWY_NOINLINE void edge(const RowProduct& p, int64_t column) {
  HWY_ALIGN float part[kRows * kPanel] = {};
  RowProduct here = p;
  here.stride = kPanel;
  tile<kRows, 2>(hn::ScalableTag<float>(), here, p.weight + column * p.hidden, kPanel, 0, part);
  const int64_t first = HWY_MAX(column, p.begin), last = HWY_MIN(column + kPanel, p.end);
  for (int r = 0; r < kRows; ++r)
    for (int64_t j = first; j < last; ++j)
      p.sums[r * p.stride + j] += part[r * kPanel + j - column];
}

template <int kRows>
HWY_NOINLINE void panels(const RowProduct& p) {
  const hn::ScalableTag<float> tag;
  // Sums behind the last column of all may be written.
  const int64_t end = p.end == p.width ? p.stride : p.end;
  int64_t column = p.begin / kPanel * kPanel;
  while (column < p.end) {
    const float* const weight = p.weight + column * p.hidden;
    if (column < p.begin || column + kPanel > end) {
      edge<kRows>(p, column);
      column += kPanel;
    } else if (kRows == 1 && column + 4 * kPanel <= HWY_MIN(end, p.width)) {
      // Eight sums hide the latency of a multiply-add.
      tile<1, 8>(tag, p, weight, kPanel, kPanel * p.hidden, p.sums + column);
      column += 4 * kPanel;
    } else {
      tile<kRows, 2>(tag, p, weight, kPanel, 0, p.sums + column);
      column += kPanel;
    }
  }
}

template <int kRows>
HWY_NOINLINE void plain(const RowProduct& p) {
  const hn::ScalableTag<float> tag;
  const hn::CappedTag<float, 1> one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  constexpr int kVectors = kRows == 1 ? 8 : 2;
  int64_t j = p.begin;
  for (; j + kVectors * lanes <= p.end; j += kVectors * lanes)
    tile<kRows, kVectors>(tag, p, p.weight + j, p.width, 2 * lanes, p.sums + j);
  for (; j + lanes <= p.end; j += lanes)
    tile<kRows, 1>(tag, p, p.weight + j, p.width, 0, p.sums + j);
  for (; j < p.end; ++j) tile<kRows, 1>(one, p, p.weight + j, p.width, 0, p.sums + j);
}

template <bool kPacked, int kRows>
void row_product_of(const RowProduct& p) noexcept {
  if (p.rows < kRows) {
    if constexpr (kRows > 1) row_product_of<kPacked, kRows - 1>(p);
  } else if constexpr (kPacked) {
    panels<kRows>(p);
  } else {
    plain<kRows>(p);
  }
}

template <bool kPacked>
void row_product(const RowProduct& p) noexcept {
  row_product_of<kPacked, recurrent_rows>(p);
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS

#if HWY_ONCE
namespace tenon::cpu {

namespace {

template <class Unit>
const char* reject_plain(const Call& call) {
  if (const char* reason = refuse_unit<Unit>(call)) return reason;
  if (call.inputs[0].dtype != DType::f32) return "it computes f32 only";
  return plain_only(call);
}

template <class Unit>
const char* reject_packed(const Call& call) {
  if (const char* reason = refuse_unit<Unit>(call)) return reason;
  if (call.inputs[0].dtype != DType::f32) return "it computes f32 only";
  return call.inputs[1].weight ? nullptr : "r is not a weight, so it cannot be packed";
}

// Panels of columns, each with all of k: [directions][columns / panel][hidden][panel].
template <class Unit>
ir::Graph pack_recurrent(const Call& call) {
  ir::GraphBuilder graph;
  const auto& dims = call.inputs[1].dims;
  const auto r = graph.input("1", ir::ValueType(DType::f32, ir::Dims(dims.begin(), dims.end())));
  const ir::Layout layout{.order = {0, 2, 1}, .splits = {{2, 2 * Unit::lanes}}};
  graph.output("1", graph.add(ir::Reorder{layout}, {r}));
  return graph.finish();
}

template <class Unit, RowProductFunction product, bool packed>
kernel::Prepared prepare(const Call& call, kernel::Backend&) {
  return prepare_recurrent_f32(call, product, packed ? 2 * Unit::lanes : 0, vector_function<Unit>);
}

template <class Unit, RowProductFunction product>
Kernel packed(std::string_view name) {
  return {.name = name,
          .reject = reject_packed<Unit>,
          .pack = pack_recurrent<Unit>,
          .prepare = prepare<Unit, product, true>,
          .run = run_recurrent_f32};
}

template <class Unit, RowProductFunction product>
Kernel plain(std::string_view name) {
  return {.name = name,
          .reject = reject_plain<Unit>,
          .prepare = prepare<Unit, product, false>,
          .run = run_recurrent_f32};
}

}  // namespace

std::vector<Kernel> vector_recurrent_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    packed<Avx3, N_AVX3::row_product<true>>("cpu.recurrent.packed.avx3"),
#endif
#if HWY_TARGETS & HWY_AVX2
        packed<Avx2, N_AVX2::row_product<true>>("cpu.recurrent.packed.avx2"),
#endif
#if HWY_TARGETS & HWY_AVX3
        plain<Avx3, N_AVX3::row_product<false>>("cpu.recurrent.plain.avx3"),
#endif
#if HWY_TARGETS & HWY_AVX2
        plain<Avx2, N_AVX2::row_product<false>>("cpu.recurrent.plain.avx2"),
#endif
  };
}

}  // namespace tenon::cpu
#endif  // HWY_ONCE
