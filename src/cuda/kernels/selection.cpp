// Ops that pick: where a tensor is not zero, the greatest of a line, the boxes that overlap no
// better one.
#include "cuda/program.h"
#include "ir/ops/non_max_suppression.h"
#include "ir/ops/non_zero.h"
#include "ir/ops/top_k.h"

namespace tenon::cuda {

namespace {

// One block; each thread has a run of elements. n: elements, columns, the extents.
constexpr std::string_view kNonZero = R"(
KERNEL {
  __shared__ i64 counts[THREADS];
  const T* x = (const T*)buffers.at[0];
  i64* out = (i64*)buffers.at[1];
  const i64 run = (n[0] + THREADS - 1) / THREADS, begin = threadIdx.x * run;
  const i64 end = begin + run < n[0] ? begin + run : n[0];
  i64 own = 0;
  for (i64 i = begin; i < end; ++i) own += get(x[i]) != 0;
  counts[threadIdx.x] = own;
  __syncthreads();
  i64 column = 0, all = 0;
  for (int t = 0; t < THREADS; ++t) {
    if (t < (int)threadIdx.x) column += counts[t];
    all += counts[t];
  }
  if (all != n[1] && threadIdx.x == 0) FAIL();
  for (i64 i = begin; i < end; ++i) {
    if (get(x[i]) == 0) continue;
    i64 rest = i;
    for (int a = RANK - 1; a >= 0 && column < n[1]; --a) {
      out[a * n[1] + column] = rest % n[2 + a];
      rest /= n[2 + a];
    }
    ++column;
  }
})";

// Round after round the best of those behind the last one: of equal values the lower index.
// n: lines, length of one, its step, k.
constexpr std::string_view kTopK = R"(
typedef Facts<T>::Compute C;
struct Entry { C value; i64 index; };
__device__ inline bool better(Entry a, Entry b) {
  if (a.index < 0 || b.index < 0) return b.index < 0 && a.index >= 0;
  if (before(a.value, b.value, !LARGEST)) return true;
  return !before(b.value, a.value, !LARGEST) && a.index < b.index;
}
KERNEL {
  const i64 length = n[1], step = n[2], k = n[3];
  EACH_BY_TEAM(line, lane, n[0]) {
    const i64 block = line / step * step, within = line % step;
    const T* x = (const T*)buffers.at[0] + block * length + within;
    Entry last = {0, -1};
    for (i64 j = 0; j < k; ++j) {
      Entry best = {0, -1};
      for (i64 i = lane; i < length; i += TEAM) {
        const Entry entry = {get(x[i * step]), i};
        if ((last.index < 0 || better(last, entry)) && better(entry, best)) best = entry;
      }
      best = together<TEAM>(best, [](Entry a, Entry b) { return better(b, a) ? b : a; });
      last = best;
      if (lane != 0) continue;
      const i64 at = block * k + within + j * step;
      ((T*)buffers.at[1])[at] = x[best.index * step];
      if (INDEXED) ((i64*)buffers.at[2])[at] = best.index;
    }
  }
})";

// A thread for each batch and class. n: units, classes, boxes, rows of a unit; the scratch holds a
// count for each unit, then an index for each of its boxes.
constexpr std::string_view kSelect = R"(
struct Box { f32 x0, y0, x1, y1; };
__device__ inline f32 area(Box b) { return (b.x1 - b.x0) * (b.y1 - b.y0); }
__device__ inline Box box_at(const f32* b) {
  if (CENTER) return Box{b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2};
  return Box{s_min(b[1], b[3]), s_min(b[0], b[2]), s_max(b[1], b[3]), s_max(b[0], b[2])};
}
__device__ inline bool overlap(Box a, Box b, f32 threshold) {
  const f32 width = s_min(a.x1, b.x1) - s_max(a.x0, b.x0);
  const f32 height = s_min(a.y1, b.y1) - s_max(a.y0, b.y0);
  if (width <= 0 || height <= 0) return false;
  const f32 whole = area(a) + area(b) - width * height;
  return area(a) > 0 && area(b) > 0 && whole > 0 && width * height / whole > threshold;
}
__device__ inline bool better(const f32* scores, i64 a, i64 b) {
  if (before(scores[a], scores[b], false)) return true;
  return !before(scores[b], scores[a], false) && a < b;
}
// Heap sort, best first.
__device__ inline void sift(const f32* scores, i64* heap, i64 at, i64 count) {
  for (i64 child = 2 * at + 1; child < count; at = child, child = 2 * at + 1) {
    if (child + 1 < count && better(scores, heap[child], heap[child + 1])) ++child;
    if (!better(scores, heap[at], heap[child])) return;
    const i64 held = heap[at];
    heap[at] = heap[child];
    heap[child] = held;
  }
}
KERNEL {
  const i64 classes = n[1], boxes = n[2], most_rows = n[3];
  i64* counts = (i64*)buffers.scratch;
  i64 most = MOST ? *(const i64*)buffers.at[2] : 0;
  most = most < 0 ? 0 : most > most_rows ? most_rows : most;
  const f32 iou = IOU ? *(const f32*)buffers.at[3] : 0;
  EACH(i64, unit, n[0]) {
    const f32* all = (const f32*)buffers.at[0] + unit / classes * boxes * 4;
    const f32* scores = (const f32*)buffers.at[1] + unit * boxes;
    i64* candidates = counts + n[0] + unit * boxes;
    i64* rows = (i64*)buffers.at[OUTPUT] + unit * most_rows * 3;
    i64 count = 0, selected = 0;
    for (i64 i = 0; i < boxes; ++i)
      if (!LEAST || scores[i] > *(const f32*)buffers.at[4]) candidates[count++] = i;
    for (i64 at = count / 2; at-- > 0;) sift(scores, candidates, at, count);
    for (i64 end = count; end-- > 1;) {
      const i64 held = candidates[0];
      candidates[0] = candidates[end];
      candidates[end] = held;
      sift(scores, candidates, 0, end);
    }
    for (i64 i = 0; i < count && selected < most; ++i) {
      const Box box = box_at(all + candidates[i] * 4);
      bool keeps = true;
      for (i64 k = 0; k < selected && keeps; ++k)
        keeps = !overlap(box, box_at(all + rows[k * 3 + 2] * 4), iou);
      if (!keeps) continue;
      rows[selected * 3] = unit / classes;
      rows[selected * 3 + 1] = unit % classes;
      rows[selected++ * 3 + 2] = candidates[i];
    }
    counts[unit] = selected;
  }
})";

// One thread moves the rows together. n: units, rows of a unit, numbers of the result.
constexpr std::string_view kCompact = R"(
KERNEL {
  if (threadIdx.x + blockIdx.x > 0) return;
  const i64* counts = (const i64*)buffers.scratch;
  i64* rows = (i64*)buffers.at[OUTPUT];
  i64 end = 0;
  for (i64 unit = 0; unit < n[0]; ++unit)
    for (i64 i = 0; i < counts[unit] * 3; ++i) rows[end++] = rows[unit * n[1] * 3 + i];
  if (COUNTED) *(i64*)buffers.at[OUTPUT + 1] = end / 3;
  while (end < n[2]) rows[end++] = 0;
})";

kernel::Prepared prepare_non_zero(const Call& call, kernel::Backend&) {
  constexpr int64_t kThreads = 256;
  const auto& dims = call.inputs[0].dims;
  Stage stage{.text = define_type("T", type_name(call.inputs[0].dtype)) +
                      define("RANK", std::ssize(dims)) + define("THREADS", kThreads) +
                      std::string(kNonZero),
              .numbers = {call.inputs[0].elements(), call.outputs[0].dims[1]},
              .blocks = 1,
              .threads = kThreads};
  stage.numbers.insert(stage.numbers.end(), dims.begin(), dims.end());
  return prepare_stages(call, {std::move(stage)},
                        {.sentence = "more or fewer elements than counted are not zero"});
}

kernel::Prepared prepare_top_k(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::TopK>();
  const AroundAxis lines(call.inputs[0].dims, op.axis);
  const int64_t count = lines.outer * lines.inner;
  return prepare_stages(
      call,
      {team_stage(define_type("T", type_name(call.inputs[0].dtype)) +
                      define("LARGEST", op.largest ? 1 : 0) +
                      define("INDEXED", call.outputs.size() > 1 ? 1 : 0) + std::string(kTopK),
                  {count, lines.extent, lines.inner, op.k[0].constant()}, count, lines.extent)});
}

kernel::Prepared prepare_non_max_suppression(const Call& call, kernel::Backend&) {
  const auto& dims = call.inputs[1].dims;
  const int64_t units = dims[0] * dims[1];
  const int64_t rows = units == 0 ? 0 : call.outputs[0].dims[0] / units;
  const std::string output = define("OUTPUT", std::ssize(call.inputs));
  const auto has = [&](std::string_view name, size_t i) {
    return define(name, has_input(call, i) ? 1 : 0);
  };
  Stage first{.text = output + has("MOST", 2) + has("IOU", 3) + has("LEAST", 4) +
                      define("CENTER", call.as<ir::NonMaxSuppression>().center_point_box ? 1 : 0) +
                      std::string(kSelect),
              .numbers = {units, dims[1], dims[2], rows},
              .items = units};
  Stage second{
      .text = output + define("COUNTED", call.outputs.size() > 1 ? 1 : 0) + std::string(kCompact),
      .numbers = {units, rows, call.outputs[0].elements()},
      .blocks = 1,
      .threads = 32};
  const size_t scratch = sizeof(int64_t) * static_cast<size_t>(units * (dims[2] + 1));
  return prepare_stages(call, {std::move(first), std::move(second)}, {.scratch = scratch});
}

}  // namespace

template <>
Kernels kernels<ir::NonZero>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.non_zero.reference",
       .reject = plain_only,
       .prepare = prepare_non_zero,
       .run = run_stages},
  };
  return list;
}

template <>
Kernels kernels<ir::TopK>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.top_k.reference",
       .reject = plain_only,
       .prepare = prepare_top_k,
       .run = run_stages},
  };
  return list;
}

template <>
Kernels kernels<ir::NonMaxSuppression>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.non_max_suppression.reference",
       .reject = plain_only,
       .prepare = prepare_non_max_suppression,
       .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
