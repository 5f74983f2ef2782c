// Convolution: as a matrix product whose second factor is read out of the input, and the
// definition.
#include "ir/ops/conv.h"

#include "cuda/kernels/product.h"
#include "cuda/walk_text.h"
#include "cuda/window_text.h"

namespace tenon::cuda {

namespace {

constexpr size_t kWindowNumbers = 12;  // before those of the window

// n: elements of the result, places of a plane, of an input's plane, taps, input channels and
// output channels of a group, groups, images, blocks along the channels and along the places, depth
// of a part, parts.
constexpr std::string_view kReference = R"(
KERNEL {
  EACH(i64, i, n[0]) {
    const i64 channel = i / n[1] % (n[5] * n[6]), image = i / n[1] / (n[5] * n[6]);
    const i64 group = channel / n[5];
    const T* x = (const T*)buffers.at[0] + (image * n[6] + group) * n[4] * n[2];
    const T* weight = (const T*)buffers.at[1] + channel * n[4] * n[3];
    Place first[RANK];
    window_start(n, (Place)(i % n[1]), first);
    Facts<T>::Sum sum = 0;
    for (Place tap = 0; tap < n[3]; ++tap) {
      const Place offset = window_offset(n, tap, first);
      if (offset < 0) continue;
      for (i64 c = 0; c < n[4]; ++c)
        sum += widen(x[c * n[2] + offset]) * widen(weight[c * n[3] + tap]);
    }
    if (BIAS) sum += widen(((const T*)buffers.at[2])[channel]);
    FINISH(sum, i);
  }
})";

// Rows are output channels of a group, columns are places of all images.
constexpr std::string_view kTiled = R"(
KERNEL {
  const u32 blocks = gridDim.x / (u32)n[11];
  const i64 block = blockIdx.x % blocks, begin = blockIdx.x / blocks * n[10];
  const i64 group = block / (n[8] * n[9]);
  const i64 row0 = block / n[9] % n[8] * 64, column0 = block % n[9] * 64;
  const i64 depth = n[4] * n[3], rows = n[5] - row0, columns = n[1] * n[7] - column0;
  const T* weight = (const T*)buffers.at[1] + (group * n[5] + row0) * depth;
  const i64 end = begin + n[10] < depth ? begin + n[10] : depth;
  // Each thread reads one column of the second factor: its window is found once.
  const i64 own = column0 + threadIdx.x % 64;
  const T* x = (const T*)buffers.at[0] + (own / n[1] * n[6] + group) * n[4] * n[2];
  const bool inside = own < n[1] * n[7];
  Place first[RANK];
  window_start(n, (Place)(own % n[1]), first);
  const i32 taps = (i32)n[3];
  f32 sums[4][4] = {};
  product_tile(
      [&](int row, i64 k) {
        return row < rows && k < end ? (f32)get(weight[row * depth + k]) : 0.0f;
      },
      [&](i64 k, int) {
        if (!inside || k >= end) return 0.0f;
        const i32 channel = (i32)k / taps;
        const Place offset = window_offset(n, (Place)((i32)k % taps), first);
        return offset < 0 ? 0.0f : (f32)get(x[channel * n[2] + offset]);
      },
      begin, end, sums);
  const i64 row = threadIdx.x / 16 * 4, column = threadIdx.x % 16 * 4;
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (row + i >= rows || column + j >= columns) continue;
      const i64 channel = group * n[5] + row0 + row + i, place = column0 + column + j;
      STORE((place / n[1] * n[5] * n[6] + channel) * n[1] + place % n[1], channel, sums[i][j]);
    }
})";

kernel::Prepared prepare(const Call& call, bool tiled) {
  const auto& op = call.as<ir::Conv>();
  const auto &x = call.inputs[0].dims, &weight = call.inputs[1].dims;
  const auto window =
      kernel::window_geometry(op.window(std::span(weight).subspan(2)), x, call.outputs[0].dims);
  const int64_t outputs = weight[0] / op.groups, count = call.outputs[0].elements();
  const ProductCut cut(op.groups, outputs, window.out_size * x[0], weight[1] * window.taps);
  const auto more = window_numbers(window);
  const Finish finish = make_finish(call, op.epilogue, kWindowNumbers + more.size());
  const std::string types = define_type("T", type_name(call.outputs[0].dtype)) +
                            define("BIAS", has_input(call, 2) ? 1 : 0) +
                            define("INPUTS", std::ssize(call.inputs)) +
                            "#define A_BY_ROWS 1\n#define B_BY_ROWS 1\n" +
                            define_index(std::max<int64_t>(1, finish.reach)) + finish.text +
                            window_text(window, kWindowNumbers);
  std::vector<int64_t> numbers = {count,       window.out_size, window.in_size, window.taps,
                                  weight[1],   outputs,         op.groups,      x[0],
                                  cut.tiles_m, cut.tiles_n,     cut.depth,      cut.parts};
  numbers.insert(numbers.end(), more.begin(), more.end());
  numbers.insert(numbers.end(), finish.numbers.begin(), finish.numbers.end());
  if (tiled) {
    return prepare_product(
        call, {types, std::string(kTiled), "i / n[1] % (n[5] * n[6])", finish.sentence},
        std::move(numbers), cut);
  }
  return prepare_stages(
      call,
      {Stage{
          .text = types + std::string(kReference), .numbers = std::move(numbers), .items = count}},
      {.sentence = finish.sentence});
}

const char* reject_tiled(const Call& call) {
  constexpr int64_t kLeastRows = 8;  // fewer leave most of a tile idle
  const auto& op = call.as<ir::Conv>();
  const auto& weight = call.inputs[1].dims;
  if (call.outputs[0].dtype == DType::f64) return "it multiplies f32, f16 and bf16 only";
  if (weight[0] / op.groups < kLeastRows) return "its groups have 8 output channels or more";
  if (element_count(weight) > INT32_MAX) return "it counts a filter's elements in 32 bits";
  return plain_only(call);
}

kernel::Prepared prepare_tiled(const Call& call, kernel::Backend&) { return prepare(call, true); }

kernel::Prepared prepare_reference(const Call& call, kernel::Backend&) {
  return prepare(call, false);
}

}  // namespace

template <>
Kernels kernels<ir::Conv>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.conv.tiled",
       .reject = reject_tiled,
       .prepare = prepare_tiled,
       .run = run_stages},
      {.name = "cuda.conv.reference",
       .reject = plain_only,
       .prepare = prepare_reference,
       .run = run_stages},
  };
  return list;
}

}  // namespace tenon::cuda
