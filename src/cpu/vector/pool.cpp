// f32 pooling over two spatial axes, in blocks of channels or plain.
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/pool.cpp"
#include "base/error.h"
#include "cpu/kernel_parts.h"
#include "cpu/vector/pool_geometry.h"
#include "cpu/vector/vector_kernels.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

namespace hn = hwy::HWY_NAMESPACE;

/// The greatest element; a NaN wins.
struct Greatest {
  template <class Tag>
  static HWY_INLINE hn::Vec<Tag> start(Tag tag) {
    return hn::Set(tag, -__builtin_inff());
  }
  template <class V>
  static HWY_INLINE V add(V best, V value) {
    // On x86 Max gives its second operand where either is NaN: a NaN in `value` passes, one in
    // `best` must be kept.
    return hn::IfThenElse(hn::IsNaN(best), best, hn::Max(best, value));
  }
  template <class V>
  static HWY_INLINE V finish(V best, V) {
    return best;
  }
};

struct Mean {
  template <class Tag>
  static HWY_INLINE hn::Vec<Tag> start(Tag tag) {
    return hn::Zero(tag);
  }
  template <class V>
  static HWY_INLINE V add(V sum, V value) {
    return hn::Add(sum, value);
  }
  template <class V>
  static HWY_INLINE V finish(V sum, V divisor) {
    return hn::Div(sum, divisor);
  }
};

/// One vector of one output pixel; `x` is the pixel of the first tap.
template <class Reduction, class Tag>
HWY_INLINE void pool_pixel(Tag tag, const PoolGeometry& geometry, const PoolGeometry::Taps& row,
                           const PoolGeometry::Taps& column, const float* x, float* y) {
  const int64_t row_step = geometry.dilation_h * geometry.w * geometry.block;
  const int64_t column_step = geometry.dilation_w * geometry.block;
  auto result = Reduction::start(tag);
  for (int64_t i = 0; i < row.count; ++i) {
    for (int64_t j = 0; j < column.count; ++j) {
      result = Reduction::add(result, hn::LoadU(tag, x + i * row_step + j * column_step));
    }
  }
  const auto divisor = hn::Set(tag, static_cast<float>(row.divisor * column.divisor));
  hn::StoreU(Reduction::finish(result, divisor), tag, y);
}

template <class Reduction, class Tag>
void pool_row(Tag tag, const PoolGeometry& geometry, const PoolGeometry::Taps& row,
              const float* plane, float* y) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  const PoolGeometry::Taps* columns = geometry.columns.data();
  const auto count = static_cast<int64_t>(geometry.columns.size());
  for (int64_t i = 0; i < count; ++i) {
    const float* x = plane + (row.first * geometry.w + columns[i].first) * geometry.block;
    for (int64_t lane = 0; lane < geometry.block; lane += lanes) {
      pool_pixel<Reduction>(tag, geometry, row, columns[i], x + lane,
                            y + i * geometry.block + lane);
    }
  }
}

template <class Reduction>
void run_pool(const Launch& launch) noexcept {
  const auto& geometry = prepared<PoolGeometry>(launch);
  const auto out_h = static_cast<int64_t>(geometry.rows.size());
  const int64_t out_row = static_cast<int64_t>(geometry.columns.size()) * geometry.block;
  // Ten microseconds or so: vectors are about as dear as single elements.
  const int64_t grain = grain_of(out_row * 4);
  parallel_ranges(launch, geometry.planes * out_h, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* plane =
          launch.input<float>(0) + i / out_h * geometry.h * geometry.w * geometry.block;
      const PoolGeometry::Taps& row = geometry.rows.data()[i % out_h];
      float* y = launch.output<float>(0) + i * out_row;
      // A follower takes the blocks that others chose, be they smaller than its vectors.
      constexpr int64_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
      if (geometry.block % kLanes == 0) {
        pool_row<Reduction>(hn::ScalableTag<float>(), geometry, row, plane, y);
      } else if (geometry.block % 8 == 0) {
        pool_row<Reduction>(hn::CappedTag<float, 8>(), geometry, row, plane, y);
      } else {
        pool_row<Reduction>(hn::CappedTag<float, 1>(), geometry, row, plane, y);
      }
    }
  });
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS

#if HWY_ONCE
namespace tenon::cpu {

namespace {

bool takes_layout(const ir::Layout& layout) {
  return layout.order.empty() &&
         (layout.splits.empty() || (layout.splits.size() == 1 && layout.splits[0].axis == 1));
}

template <class Unit>
const char* reject_pool(const Call& call) {
  if (const char* reason = refuse_unit_and_dtype<Unit>(call)) return reason;
  if (call.inputs[0].dims.size() != 4) return "it runs over two spatial axes only";
  if (call.outputs.size() > 1 && call.outputs[1].present) return "it gives no indices";
  return takes_layout(call.inputs[0].layout) ? nullptr
                                             : "its layouts are plain and blocks of channels";
}

kernel::Layouts follow(const Call&) { return {.follow = true}; }

kernel::Prepared prepare_pool(const Call& call, const ir::Window& window, bool count_padding) {
  const ir::Layout& layout = call.inputs[0].layout;
  if (!takes_layout(layout)) {
    base::fail(ErrorCode::build, "{}: internal: it cannot follow layout {}", call.op.info().name,
               layout.text(4));
  }
  return {std::make_shared<const PoolGeometry>(make_pool_geometry(call, window, count_padding))};
}

kernel::Prepared prepare_max_pool(const Call& call, kernel::Backend&) {
  return prepare_pool(call, call.as<ir::MaxPool>().window(), false);
}

kernel::Prepared prepare_average_pool(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::AveragePool>();
  return prepare_pool(call, op.window(), op.count_include_pad);
}

}  // namespace

std::vector<Kernel> vector_max_pool_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    {.name = "cpu.max_pool.blocks.avx3",
     .reject = reject_pool<Avx3>,
     .layouts = follow,
     .prepare = prepare_max_pool,
     .run = N_AVX3::run_pool<N_AVX3::Greatest>},
#endif
#if HWY_TARGETS & HWY_AVX2
        {.name = "cpu.max_pool.blocks.avx2",
         .reject = reject_pool<Avx2>,
         .layouts = follow,
         .prepare = prepare_max_pool,
         .run = N_AVX2::run_pool<N_AVX2::Greatest>},
#endif
  };
}

std::vector<Kernel> vector_average_pool_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    {.name = "cpu.average_pool.blocks.avx3",
     .reject = reject_pool<Avx3>,
     .layouts = follow,
     .prepare = prepare_average_pool,
     .run = N_AVX3::run_pool<N_AVX3::Mean>},
#endif
#if HWY_TARGETS & HWY_AVX2
        {.name = "cpu.average_pool.blocks.avx2",
         .reject = reject_pool<Avx2>,
         .layouts = follow,
         .prepare = prepare_average_pool,
         .run = N_AVX2::run_pool<N_AVX2::Mean>},
#endif
  };
}

}  // namespace tenon::cpu
#endif  // HWY_ONCE
