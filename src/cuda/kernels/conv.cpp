// Convolution: as a matrix product whose second factor is read out of the input, and the
// definition.
#include "ir/ops/conv.h"

#include <algorithm>

#include "cuda/channels_last.h"
#include "cuda/kernels/product.h"
#include "cuda/kernels/tensor_cores.h"
#include "cuda/kernels/tensor_text.h"
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

// --- on tensor cores: channels last in blocks of 8, filters as [o, k…, c]

// After the product's: extents of the input, chunks of its channels, places of a plane of the
// result, its last extent; of the window the last extent, strides, dilations, paddings.
constexpr std::string_view kWindowLoads = R"(
struct LoadA {
  static constexpr int COUNT = BM * 8 / THREADS;
  const T* images[COUNT];
  i32 y[COUNT], x[COUNT];
  i32 height, width, channels, taps, step_y, step_x, chunk, row, column, left;
  __device__ LoadA(const Buffers& buffers, const Numbers<NUMBERS>& n, i64, i32 row0, i32 first)
      : height((i32)n[6]), width((i32)n[7]), channels((i32)n[8]), taps((i32)n[11]),
        step_y((i32)n[14]), step_x((i32)n[15]) {
    const i32 places = (i32)n[9], places_x = (i32)n[10];
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const i32 place = row0 + threadIdx.x / 8 + i * (THREADS / 8);
      const i32 image = place / places, at = place % places;
      images[i] = (const T*)buffers.at[0] + (i64)image * n[6] * n[7] * n[8] * V;
      y[i] = at / places_x * (i32)n[12] - (i32)n[16];
      x[i] = at % places_x * (i32)n[13] - (i32)n[17];
      if (place >= n[0]) y[i] = -(1 << 28);  // outside, whatever the tap
    }
    const i32 tap = first / channels;
    chunk = first % channels;
    row = tap / taps;
    column = tap % taps;
    left = (i32)n[3] - first;
  }
  __device__ void slice(u32 shared) {
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const i32 at_y = y[i] + row * step_y, at_x = x[i] + column * step_x;
      const bool inside =
          left > 0 && (u32)at_y < (u32)height && (u32)at_x < (u32)width;
      const T* from = images[i] + ((i64)(at_y * width + at_x) * channels + chunk) * V;
      copy_chunk(chunk_at(shared, threadIdx.x / 8 + i * (THREADS / 8), threadIdx.x % 8),
                 inside ? from : (const T*)images[i], inside);
    }
    left -= 8;
    chunk += 8;
    while (chunk >= channels) {
      chunk -= channels;
      if (++column == taps) {
        column = 0;
        ++row;
      }
    }
  }
};
)";
// A window of one place, unpadded: the places themselves are rows.
constexpr std::string_view kPointLoads = R"(
struct LoadA : Rows<BM> {
  __device__ LoadA(const Buffers& buffers, const Numbers<NUMBERS>& n, i64, i32 row0, i32 first)
      : Rows<BM>((const T*)buffers.at[0], n[3] * V, row0, (i32)n[0], first, (i32)n[3]) {}
};
)";
constexpr std::string_view kFilterLoads = R"(
struct LoadB : Rows<BN> {
  __device__ LoadB(const Buffers& buffers, const Numbers<NUMBERS>& n, i64, i32 column0, i32 first)
      : Rows<BN>((const T*)buffers.at[1], n[3] * V, column0, (i32)n[1], first, (i32)n[3]) {}
};
__device__ inline T* result_of(const Buffers& buffers, const Numbers<NUMBERS>&, i64) {
  return (T*)buffers.at[INPUTS];
}
)";

struct TensorConv {
  kernel::WindowGeometry window;
  int64_t images = 0, inputs = 0, outputs = 0, chunks = 0;

  explicit TensorConv(const Call& call) {
    const auto &x = call.inputs[0].dims, &weight = call.inputs[1].dims;
    window = kernel::window_geometry(call.as<ir::Conv>().window(std::span(weight).subspan(2)), x,
                                     call.outputs[0].dims);
    images = x[0];
    inputs = padded_channels(weight[1]);
    outputs = weight[0];
    chunks = window.taps * inputs / chunk_elements(call.outputs[0].dtype);
  }
  int64_t rows() const { return images * window.out_size; }
  bool is_point() const {
    for (size_t a = 0; a < window.rank; ++a) {
      const auto& axis = window.axes[a];
      if (axis.kernel != 1 || axis.stride != 1 || axis.pad_begin != 0 || axis.in != axis.out)
        return false;
    }
    return true;
  }
};

/// How an epilogue operand lies beside the result: as large, one element a channel, or one.
enum class Beside { whole, channel, single, other };
Beside beside(const kernel::Operand& operand, const std::vector<int64_t>& result) {
  if (operand.dims == result) return Beside::whole;
  if (operand.elements() == 1) return Beside::single;
  const size_t missing = result.size() - operand.dims.size();
  for (size_t a = 0; a < operand.dims.size(); ++a) {
    if (operand.dims[a] != (missing + a == 1 ? result[1] : 1)) return Beside::other;
  }
  return Beside::channel;
}

const char* reject_tensor_cores(const Call& call) {
  const auto& op = call.as<ir::Conv>();
  const auto &x = call.inputs[0].dims, &weight = call.inputs[1].dims, &y = call.outputs[0].dims;
  if (const char* reason = refuse_tensor_cores(call, op.tf32)) return reason;
  if (op.groups != 1) return "it knows one group only";
  if (x.size() != 3 && x.size() != 4) return "it knows one and two spatial axes only";
  if (padded_channels(x[1]) * element_count(std::span(x).subspan(2)) > INT32_MAX / 2 ||
      x[0] * padded_channels(y[1]) * element_count(std::span(y).subspan(2)) > INT32_MAX / 2)
    return "it counts elements in 32 bits";
  for (const int64_t extent : weight)
    if (extent > (1 << 20)) return "it knows windows of up to 2^20 places";
  for (size_t i = ir::first_epilogue_operand; i < call.inputs.size(); ++i) {
    if (beside(call.inputs[i], y) == Beside::other)
      return "its epilogue reads whole tensors, channels and single elements only";
  }
  return nullptr;
}

kernel::Layouts tensor_layouts(const Call& call) {
  const size_t rank = call.inputs[0].dims.size();
  kernel::Layouts layouts{.inputs = std::vector<ir::Layout>(call.inputs.size()),
                          .outputs = {channels_last(rank)}};
  layouts.inputs[0] = layouts.inputs[1] = channels_last(rank);
  for (size_t i = ir::first_epilogue_operand; i < call.inputs.size(); ++i) {
    if (beside(call.inputs[i], call.outputs[0].dims) == Beside::whole)
      layouts.inputs[i] = channels_last(rank);
  }
  return layouts;
}

std::vector<kernel::Tactic> conv_tactics(const Call& call, kernel::Backend&) {
  const TensorConv conv(call);
  return tensor_tactics(call, 1, conv.rows(), padded_channels(conv.outputs), conv.chunks);
}

kernel::Prepared prepare_tensor_cores(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::Conv>();
  const TensorConv conv(call);
  const int64_t stored = padded_channels(conv.outputs);
  TensorProduct product{
      .rows = conv.rows(), .columns = conv.outputs, .stored = stored, .chunks = conv.chunks};
  product.text = define("INPUTS", std::ssize(call.inputs)) + std::string(tensor_rows_text);
  if (conv.is_point()) {
    product.text += kPointLoads;
  } else {
    product.text += kWindowLoads;
    const auto& axes = conv.window.axes;
    const kernel::WindowGeometry::Axis one;
    const auto &v = conv.window.rank == 2 ? axes[0] : one,
               &h = conv.window.rank == 2 ? axes[1] : axes[0];
    product.numbers = {v.in,
                       h.in,
                       conv.chunks / conv.window.taps,
                       conv.window.out_size,
                       h.out,
                       h.kernel,
                       v.stride,
                       h.stride,
                       v.dilation,
                       h.dilation,
                       v.pad_begin,
                       h.pad_begin};
  }
  product.text += kFilterLoads;
  std::vector<MatrixSteps> steps;
  for (size_t i = ir::first_epilogue_operand; i < call.inputs.size(); ++i) {
    const Beside where = beside(call.inputs[i], call.outputs[0].dims);
    steps.push_back(
        {.row = where == Beside::whole ? stored : 0, .column = where == Beside::single ? 0 : 1});
  }
  product.finish = matrix_finish(call, op.epilogue, steps, conv.outputs,
                                 tensor_numbers + product.numbers.size());
  const char* const sentence = product.finish.sentence;
  return prepare_stages(call, {tensor_stage(call, product)}, {.sentence = sentence});
}

kernel::Prepared prepare_tiled(const Call& call, kernel::Backend&) { return prepare(call, true); }

kernel::Prepared prepare_reference(const Call& call, kernel::Backend&) {
  return prepare(call, false);
}

}  // namespace

template <>
Kernels kernels<ir::Conv>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.conv.tensor_cores",
       .reject = reject_tensor_cores,
       .layouts = tensor_layouts,
       .tactics = conv_tactics,
       .prepare = prepare_tensor_cores,
       .run = run_stages},
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
