// Pooling, one result a thread.
#include "ir/ops/pool.h"

#include "cuda/window_text.h"

namespace tenon::cuda {

namespace {

constexpr size_t kWindowNumbers = 4;  // before those of the window

// n: results, those of a plane, elements of a plane of the input, taps.
constexpr std::string_view kAverage = R"(
KERNEL {
  EACH(i64, i, n[0]) {
    const T* plane = (const T*)buffers.at[0] + i / n[1] * n[2];
    Place first[RANK], count = 0;
    window_start(n, (Place)(i % n[1]), first);
    Facts<T>::Sum sum = 0;
    for (Place tap = 0; tap < n[3]; ++tap) {
      const Place offset = window_offset(n, tap, first);
      if (offset < 0) continue;
      sum += widen(plane[offset]);
      ++count;
    }
    if (COUNT_PADDING) count = window_taps(n, (Place)(i % n[1]));
    ((T*)buffers.at[1])[i] = As<T>::of(sum / (Facts<T>::Sum)count);
  }
})";

// The first of equal ones; a NaN wins.
constexpr std::string_view kMax = R"(
KERNEL {
  EACH(i64, i, n[0]) {
    const T* plane = (const T*)buffers.at[0] + i / n[1] * n[2];
    Place first[RANK];
    i64 best_offset = -1;
    window_start(n, (Place)(i % n[1]), first);
    Facts<T>::Compute best = Facts<T>::least();
    for (Place tap = 0; tap < n[3]; ++tap) {
      const Place offset = window_offset(n, tap, first);
      if (offset < 0) continue;
      const Facts<T>::Compute value = get(plane[offset]);
      if (best_offset < 0 || value > best || (value != value && best == best)) {
        best = value;
        best_offset = offset;
      }
    }
    ((T*)buffers.at[1])[i] = As<T>::of(best);
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
    ((i64*)buffers.at[2])[i] = i / n[1] * n[2] + best_offset;
  }
})";

kernel::Prepared prepare_pool(const Call& call, const ir::Window& window, std::string text) {
  const auto geometry = kernel::window_geometry(window, call.inputs[0].dims, call.outputs[0].dims);
  const int64_t count = call.outputs[0].elements();
  Stage stage{.text = define_type("T", type_name(call.inputs[0].dtype)) +
                      window_text(geometry, kWindowNumbers) + std::move(text),
              .numbers = {count, geometry.out_size, geometry.in_size, geometry.taps},
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
       .reject = plain_only,
       .prepare = prepare_average_pool,
       .run = run_stages},
  };
  return list;
}

template <>
Kernels kernels<ir::MaxPool>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.max_pool.reference",
       .reject = plain_only,
       .prepare = prepare_max_pool,
       .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
