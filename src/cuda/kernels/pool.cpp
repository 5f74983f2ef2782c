// Pooling, one result a thread.
#include "ir/ops/pool.h"

#include <algorithm>

#include "cuda/channels_last.h"
#include "cuda/window_text.h"

namespace tenon::cuda {

namespace {

constexpr size_t kWindowNumbers = 5;  // before those of the window

// n: chunks of results, results of a plane, elements of a plane of the input, taps, chunks of
// channels. A chunk is one element, or WIDTH channels that lie beside one another: its place in its
// plane, and where its plane's chunks stand, STEP from one to the next.
constexpr std::string_view kPlanes = R"(
struct alignas(sizeof(T) * WIDTH) Chunk { T at[WIDTH]; };
#define N(i) (Index)n[i]
#if CHANNELS_LAST
#define STEP N(4)
#define PLACE(i) (Place)(i / N(4) % N(1))
#define PLANE(i) ((const Chunk*)buffers.at[0] + i / N(4) / N(1) * n[2] * n[4] + i % N(4))
#else
#define STEP 1
#define PLACE(i) (Place)(i % N(1))
#define PLANE(i) ((const Chunk*)buffers.at[0] + i / N(1) * n[2])
#endif
)";

constexpr std::string_view kAverage = R"(
KERNEL {
  EACH(Index, i, n[0]) {
    const Chunk* plane = PLANE(i);
    Place first[RANK], count = 0;
    window_start(n, PLACE(i), first);
    WindowWalk walk;
    Facts<T>::Sum sums[WIDTH] = {};
    for (Place tap = 0; tap < n[3]; ++tap) {
      const Place offset = walk.next(n, first);
      if (offset < 0) continue;
      const Chunk chunk = plane[offset * STEP];
#pragma unroll
      for (int e = 0; e < WIDTH; ++e) sums[e] += widen(chunk.at[e]);
      ++count;
    }
    if (COUNT_PADDING) count = window_taps(n, PLACE(i));
    Chunk result;
#pragma unroll
    for (int e = 0; e < WIDTH; ++e) result.at[e] = As<T>::of(sums[e] / (Facts<T>::Sum)count);
    ((Chunk*)buffers.at[1])[i] = result;
  }
})";

// The first of equal ones; a NaN wins.
constexpr std::string_view kMax = R"(
KERNEL {
  EACH(Index, i, n[0]) {
    const Chunk* plane = PLANE(i);
    Place first[RANK];
    i64 best_offset = -1;
    window_start(n, PLACE(i), first);
    WindowWalk walk;
    Facts<T>::Compute best[WIDTH];
#pragma unroll
    for (int e = 0; e < WIDTH; ++e) best[e] = Facts<T>::least();
    for (Place tap = 0; tap < n[3]; ++tap) {
      const Place offset = walk.next(n, first);
      if (offset < 0) continue;
      const Chunk chunk = plane[offset * STEP];
#pragma unroll
      for (int e = 0; e < WIDTH; ++e) {
        const Facts<T>::Compute value = get(chunk.at[e]);
        const bool better =
            best_offset < 0 || value > best[e] || (value != value && best[e] == best[e]);
        if (better) best[e] = value;
        if (INDEXED && better) best_offset = offset;  // of the one element
      }
      if (!INDEXED) best_offset = offset;
    }
    Chunk result;
#pragma unroll
    for (int e = 0; e < WIDTH; ++e) result.at[e] = As<T>::of(best[e]);
    ((Chunk*)buffers.at[1])[i] = result;
    if (!INDEXED) continue;
    if (BY_COLUMNS) {  // the first spatial axis runs fastest
      i64 index = 0, scale = n[2], rest = best_offset;
#pragma unroll
      for (int a = RANK - 1; a >= 0; --a) {
        scale /= IN(a);
        index += rest % IN(a) * scale;
        rest /= IN(a);
      }
      best_offset = index;
    }
    ((i64*)buffers.at[2])[i] = i / N(1) * n[2] + best_offset;
  }
})";

kernel::Prepared prepare_pool(const Call& call, const ir::Window& window, std::string text) {
  const auto geometry = kernel::window_geometry(window, call.inputs[0].dims, call.outputs[0].dims);
  const kernel::Operand& x = call.inputs[0];
  const bool last = !x.layout.plain();
  // 16 bytes, where so many channels lie beside one another.
  const int64_t width =
      last ? std::min<int64_t>(16 / static_cast<int64_t>(byte_count(x.dtype, 1)), channel_block)
           : 1;
  const int64_t count = call.outputs[0].elements() / width;
  Stage stage{
      .text = define_type("T", type_name(x.dtype)) +
              define_type("Index", index_type(std::max(count, x.elements()))) +
              define("WIDTH", width) + define("CHANNELS_LAST", last ? 1 : 0) +
              window_text(geometry, kWindowNumbers) + std::string(kPlanes) + std::move(text),
      .numbers = {count, geometry.out_size, geometry.in_size, geometry.taps, x.dims[1] / width},
      .items = count};
  const auto numbers = window_numbers(geometry);
  stage.numbers.insert(stage.numbers.end(), numbers.begin(), numbers.end());
  return prepare_stages(call, {std::move(stage)});
}

kernel::Prepared prepare_average_pool(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::AveragePool>();
  return prepare_pool(
      call, op.window(),
      define("COUNT_PADDING", op.count_include_pad ? 1 : 0) + std::string(kAverage));
}

const char* reject_max_pool(const Call& call) {
  const bool indexed = call.outputs.size() > 1 && call.outputs[1].present;
  return indexed ? plain_only(call) : refuse_without_strides(call);
}

kernel::Prepared prepare_max_pool(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::MaxPool>();
  const bool indexed = call.outputs.size() > 1 && call.outputs[1].present;
  return prepare_pool(call, op.window(),
                      define("INDEXED", indexed ? 1 : 0) +
                          define("BY_COLUMNS", op.storage_order == 1 ? 1 : 0) + std::string(kMax));
}

}  // namespace

template <>
Kernels kernels<ir::AveragePool>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.average_pool.reference",
       .reject = refuse_without_strides,
       .layouts = follow_layout,
       .prepare = prepare_average_pool,
       .run = run_stages},
  };
  return list;
}

template <>
Kernels kernels<ir::MaxPool>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.max_pool.reference",
       .reject = reject_max_pool,
       .layouts = follow_layout,
       .prepare = prepare_max_pool,
       .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
