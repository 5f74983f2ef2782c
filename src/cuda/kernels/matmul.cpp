// Matrix products with broadcast batches: tiles for floating types, and the definition.
#include "ir/ops/matmul.h"

#include <algorithm>
#include <utility>

#include "cuda/kernels/product.h"
#include "cuda/kernels/tensor_cores.h"
#include "cuda/kernels/tensor_text.h"
#include "cuda/walk_text.h"
#include "ir/ops/transpose.h"

namespace tenon::cuda {

namespace {

constexpr size_t kWalkNumbers = 12;  // before those of the walk
constexpr uint32_t kViews = 0b11;    // a and b may be

// n: elements of the result, rows, columns, depth, strides of a by row and column, of b, blocks
// along the rows and along the columns, depth of a part, parts. `o` counts matrices of the result,
// and elements of a and b, which may be views.
constexpr std::string_view kMatrices = R"(
struct Matrices {
  const T *a, *b, *bias;
  T* y;
};
__device__ inline Matrices matrices_at(const Buffers& buffers, const Numbers<NUMBERS>& n, i64 at) {
  Index o[3];
  batches(n, (Index)at, o);
  return Matrices{(const T*)buffers.at[0] + o[1], (const T*)buffers.at[1] + o[2],
                  BIAS ? (const T*)buffers.at[2] : nullptr,
                  (T*)buffers.at[INPUTS] + (i64)o[0] * n[1] * n[2]};
}
)";

constexpr std::string_view kReference = R"(
KERNEL {
  EACH(i64, i, n[0]) {
    const Matrices at = matrices_at(buffers, n, i / (n[1] * n[2]));
    const i64 row = i / n[2] % n[1], column = i % n[2];
    Facts<T>::Sum sum = 0;
    for (i64 k = 0; k < n[3]; ++k)
      sum += widen(at.a[row * n[4] + k * n[5]]) * widen(at.b[k * n[6] + column * n[7]]);
    if (BIAS) sum += widen(at.bias[column]);
    FINISH(sum, i);
  }
})";

constexpr std::string_view kTiled = R"(
KERNEL {
  const u32 blocks = gridDim.x / (u32)n[11];
  const i64 block = blockIdx.x % blocks, begin = blockIdx.x / blocks * n[10];
  const Matrices at = matrices_at(buffers, n, block / (n[8] * n[9]));
  const i64 row0 = block / n[9] % n[8] * 64, column0 = block % n[9] * 64;
  const i64 rows = n[1] - row0, columns = n[2] - column0, depth = n[3];
  const i64 end = begin + n[10] < depth ? begin + n[10] : depth;
  const T* a = at.a + row0 * n[4];
  const T* b = at.b + column0 * n[7];
  const i64 a_row = n[4], a_column = n[5], b_row = n[6], b_column = n[7];
  f32 sums[4][4] = {};
  product_tile(
      [&](int row, i64 k) {
        return row < rows && k < end ? (f32)get(a[row * a_row + k * a_column]) : 0.0f;
      },
      [&](i64 k, int column) {
        return column < columns && k < end ? (f32)get(b[k * b_row + column * b_column]) : 0.0f;
      },
      begin, end, sums);
  const i64 row = threadIdx.x / 16 * 4, column = threadIdx.x % 16 * 4;
  const i64 first = at.y - (T*)buffers.at[INPUTS];
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (row + i >= rows || column + j >= columns) continue;
      const i64 place = first + (row0 + row + i) * n[2] + column0 + column + j;
      STORE(place, column0 + column + j, sums[i][j]);
    }
})";

struct Geometry {
  int64_t m = 0, n = 0, k = 0;
  int64_t a_row = 0, a_column = 0, b_row = 0, b_column = 0;
  std::vector<int64_t> batch;
  // Of the result in matrices, of a and b in elements.
  std::vector<kernel::Strides> strides;
};

// Strides of an operand's matrices along `batch`, and of its rows and columns behind them.
kernel::Strides strides_along(const kernel::Operand& operand, std::vector<int64_t> batch) {
  batch.insert(batch.end(), operand.dims.end() - 2, operand.dims.end());
  return kernel::broadcast_strides(operand, batch);
}

// Whether the rows of all matrices follow one another with one step.
bool is_one_matrix(const kernel::Operand& operand, const std::vector<int64_t>& batch) {
  const std::vector<int64_t> dims(operand.dims.begin(), operand.dims.end() - 2);
  return operand.strides.empty() && element_count(dims) == element_count(batch);
}

Geometry geometry_of(const Call& call) {
  const auto& op = call.as<ir::MatMul>();
  const kernel::Operand &a = call.inputs[0], &b = call.inputs[1];
  const auto& y = call.outputs[0].dims;
  Geometry geometry;
  geometry.m = y[y.size() - 2];
  geometry.n = y[y.size() - 1];
  geometry.k = a.dims[a.dims.size() - (op.transpose_a ? 2 : 1)];
  geometry.batch = {y.begin(), y.end() - 2};
  kernel::Strides a_strides = strides_along(a, geometry.batch);
  kernel::Strides b_strides = strides_along(b, geometry.batch);
  const auto take = [](kernel::Strides& strides) {
    return std::exchange(strides, {strides.begin(), strides.end() - 1}).back();
  };
  geometry.a_column = take(a_strides);
  geometry.a_row = take(a_strides);
  geometry.b_column = take(b_strides);
  geometry.b_row = take(b_strides);
  if (op.transpose_a) std::swap(geometry.a_row, geometry.a_column);
  if (op.transpose_b) std::swap(geometry.b_row, geometry.b_column);
  const bool one_b = element_count(b.dims) == geometry.k * geometry.n;
  if (!op.transpose_a && one_b && is_one_matrix(a, geometry.batch)) {
    geometry.m *= element_count(geometry.batch);  // one matrix of all rows
    geometry.batch.clear();
    geometry.strides.resize(3);
  } else {
    geometry.strides = {kernel::dense_strides(geometry.batch), a_strides, b_strides};
  }
  return geometry;
}

kernel::Prepared prepare(const Call& call, bool tiled) {
  const Geometry g = geometry_of(call);
  const WalkText walk = walk_text("batches", kWalkNumbers, g.batch, g.strides);
  const int64_t count = call.outputs[0].elements();
  const ProductCut cut(walk.count, g.m, g.n, g.k);
  const Finish finish =
      make_finish(call, call.as<ir::MatMul>().epilogue, kWalkNumbers + walk.numbers.size());
  const std::string types =
      define_type("T", type_name(call.outputs[0].dtype)) +
      define_index(std::max(walk.reach, finish.reach)) +
      define("BIAS", has_input(call, 2) ? 1 : 0) + define("INPUTS", std::ssize(call.inputs)) +
      define("A_BY_ROWS", g.a_column == 1 ? 1 : 0) + define("B_BY_ROWS", g.b_column == 1 ? 1 : 0) +
      finish.text + walk.text + std::string(kMatrices);
  std::vector<int64_t> numbers = {count,       g.m,         g.n,       g.k,
                                  g.a_row,     g.a_column,  g.b_row,   g.b_column,
                                  cut.tiles_m, cut.tiles_n, cut.depth, cut.parts};
  numbers.insert(numbers.end(), walk.numbers.begin(), walk.numbers.end());
  numbers.insert(numbers.end(), finish.numbers.begin(), finish.numbers.end());
  if (tiled)
    return prepare_product(call, {types, std::string(kTiled), "i % n[2]", finish.sentence},
                           std::move(numbers), cut);
  return prepare_stages(
      call,
      {Stage{
          .text = types + std::string(kReference), .numbers = std::move(numbers), .items = count}},
      {.sentence = finish.sentence});
}

// --- on tensor cores: both factors by rows along the depth

// Loaders of the matrices that a tile multiplies: `o` counts matrices of the result, and elements
// of a and b. After the product's numbers: steps from row to row of a, and from column to column
// (or from row to row) of b.
constexpr std::string_view kTensorLoads = R"(
struct LoadA : Rows<BM> {
  __device__ LoadA(const Buffers& buffers, const Numbers<NUMBERS>& n, i64 matrix, i32 row0, i32 first)
      : Rows<BM>((const T*)buffers.at[0] + batch_at(n, matrix, 1), n[6], row0, (i32)n[0], first,
                 (i32)n[3]) {}
};
__device__ inline T* result_of(const Buffers& buffers, const Numbers<NUMBERS>& n, i64 matrix) {
  return (T*)buffers.at[INPUTS] + matrix * n[0] * n[1];
}
)";
constexpr std::string_view kBatchAt = R"(
__device__ inline i64 batch_at(const Numbers<NUMBERS>& n, i64 matrix, int tensor) {
  Index o[3];
  batches(n, (Index)matrix, o);
  return o[tensor];
}
)";
constexpr std::string_view kColumnLoads = R"(
struct LoadB : Rows<BN> {
  __device__ LoadB(const Buffers& buffers, const Numbers<NUMBERS>& n, i64 matrix, i32 column0,
                   i32 first)
      : Rows<BN>((const T*)buffers.at[1] + batch_at(n, matrix, 2), n[7], column0, (i32)n[1], first,
                 (i32)n[3]) {}
};
)";
// b lies by rows: chunks of a row are turned on their way.
constexpr std::string_view kTurnedLoads = R"(
struct LoadB {
  const T* from;
  i64 stride;
  i32 column0, columns, depth, k0;
  __device__ LoadB(const Buffers& buffers, const Numbers<NUMBERS>& n, i64 matrix, i32 column0,
                   i32 first)
      : from((const T*)buffers.at[1] + batch_at(n, matrix, 2)), stride(n[7]), column0(column0),
        columns((i32)n[1]), depth((i32)n[3] * V), k0((first - threadIdx.x % 8) * V) {}
  __device__ void slice(u32 shared) {
#pragma unroll
    for (int i = 0; i < BN * 8 / THREADS; ++i) {
      const int own = threadIdx.x + i * THREADS, k = own % (8 * V), column = own / (8 * V) * V;
      Chunk chunk = {};
      if (k0 + k < depth && column0 + column < columns)
        chunk = *(const Chunk*)(from + (k0 + k) * stride + column0 + column);
#pragma unroll
      for (int e = 0; e < V; ++e)
        put_element(chunk_at(shared, column + e, k / V) + k % V * (u32)sizeof(T), chunk.at[e]);
    }
    k0 += 8 * V;
  }
};
)";

bool turns_b(const Call& call) {
  return !call.as<ir::MatMul>().transpose_b &&
         !(call.inputs[1].weight && call.inputs[1].dims.size() == 2);
}

// [k, n] as [n, k].
ir::Graph pack_columns(const Call& call) {
  ir::GraphBuilder builder;
  if (call.as<ir::MatMul>().transpose_b || turns_b(call)) return builder.finish();
  const kernel::Operand& b = call.inputs[1];
  const ir::ValueId plain =
      builder.input("1", ir::ValueType(b.dtype, ir::Dims(b.dims.begin(), b.dims.end())));
  builder.output("1", builder.add(ir::Transpose{{1, 0}}, {plain}));
  return builder.finish();
}

/// The call as it was before its b was packed.
kernel::Call unpacked(const Call& call) {
  kernel::Call plain = call;
  if (!plain.plain_inputs.empty()) plain.inputs = plain.plain_inputs;
  return plain;
}

std::optional<std::vector<MatrixSteps>> epilogue_steps(const Call& call) {
  std::vector<MatrixSteps> all;
  const auto& dims = call.outputs[0].dims;
  for (size_t i = ir::first_epilogue_operand; i < call.inputs.size(); ++i) {
    const auto steps = matrix_steps(dims, kernel::broadcast_strides(call.inputs[i], dims));
    if (!steps) return std::nullopt;
    all.push_back(*steps);
  }
  return all;
}

const char* reject_tensor_cores(const Call& call) {
  const auto& op = call.as<ir::MatMul>();
  if (const char* reason = refuse_tensor_cores(call, op.tf32)) return reason;
  const kernel::Call plain = unpacked(call);
  const Geometry g = geometry_of(plain);
  const int64_t chunk = chunk_elements(call.outputs[0].dtype);
  if (op.transpose_a) return "it reads rows of a";
  if (g.k == 0 || g.k % chunk != 0) return "its depth is a multiple of 16 bytes";
  if (turns_b(plain) && (g.n % chunk != 0)) return "rows of b are multiples of 16 bytes";
  if (g.m > INT32_MAX / 2 || g.n > INT32_MAX / 2 || g.k > INT32_MAX / 2)
    return "it counts rows in 32 bits";
  if (!epilogue_steps(plain)) return "the rows of its epilogue's operands follow evenly";
  return plain_only(call);
}

std::vector<kernel::Tactic> matmul_tactics(const Call& call, kernel::Backend&) {
  const Geometry g = geometry_of(call);
  return tensor_tactics(call, element_count(g.batch), g.m, g.n,
                        g.k / chunk_elements(call.outputs[0].dtype));
}

/// Both ways; the second where an operand does not lie at multiples of 16 bytes.
struct Ways {
  kernel::Prepared tensor_cores, tiled;
};

kernel::Prepared tensor_way(const Call& call, const Call& plain) {
  const Geometry g = geometry_of(plain);
  const int64_t chunk = chunk_elements(call.outputs[0].dtype);
  const bool turned = turns_b(plain);
  const int64_t b_step = turned ? g.b_row : g.b_column;
  const auto odd = [&](int64_t step) { return step % chunk != 0; };
  const auto odd_batch = [&](const kernel::Strides& strides) {
    return std::ranges::any_of(strides, odd);
  };
  if (g.a_column != 1 || odd(g.a_row) || odd(b_step) || (turned ? g.b_column : g.b_row) != 1 ||
      odd_batch(g.strides[1]) || odd_batch(g.strides[2]))
    return {};
  TensorProduct product{.matrices = element_count(g.batch),
                        .rows = g.m,
                        .columns = g.n,
                        .stored = g.n,
                        .chunks = g.k / chunk,
                        .numbers = {g.a_row, b_step}};
  const WalkText walk = walk_text("batches", tensor_numbers + 2, g.batch, g.strides);
  product.text = define_index(walk.reach) + define("INPUTS", std::ssize(call.inputs)) + walk.text +
                 std::string(kBatchAt) + std::string(tensor_rows_text) + std::string(kTensorLoads) +
                 std::string(turned ? kTurnedLoads : kColumnLoads);
  product.numbers.insert(product.numbers.end(), walk.numbers.begin(), walk.numbers.end());
  product.finish = matrix_finish(call, call.as<ir::MatMul>().epilogue, *epilogue_steps(plain), g.n,
                                 tensor_numbers + product.numbers.size());
  const char* const sentence = product.finish.sentence;
  return prepare_stages(call, {tensor_stage(call, product)}, {.sentence = sentence});
}

kernel::Prepared prepare_tensor_cores(const Call& call, kernel::Backend&) {
  // A packed b is b transposed.
  kernel::Call as_packed = call;
  if (!call.plain_inputs.empty()) {
    ir::MatMul op = call.as<ir::MatMul>();
    op.transpose_b = true;
    as_packed.op = op;
  }
  Ways ways{tensor_way(call, as_packed), prepare(as_packed, true)};
  const size_t scratch = ways.tiled.scratch;
  return {std::make_shared<const Ways>(std::move(ways)), scratch};
}

void run_tensor_cores(const Launch& launch) noexcept {
  const auto& ways = *static_cast<const Ways*>(launch.prepared);
  uintptr_t places = 0;
  for (size_t i = 0; i <= launch.call->inputs.size(); ++i)
    places |= reinterpret_cast<uintptr_t>(launch.buffers[i]);
  const bool aligned = places % chunk_bytes == 0 && ways.tensor_cores.state;
  Launch own = launch;
  own.prepared = (aligned ? ways.tensor_cores : ways.tiled).state.get();
  run_stages(own);
}

const char* reject_tiled(const Call& call) {
  const DType dtype = call.outputs[0].dtype;
  if (!is_floating(dtype) || dtype == DType::f64) return "it multiplies f32, f16 and bf16 only";
  return plain_only(call);
}

kernel::Prepared prepare_tiled(const Call& call, kernel::Backend&) { return prepare(call, true); }

kernel::Prepared prepare_reference(const Call& call, kernel::Backend&) {
  return prepare(call, false);
}

}  // namespace

template <>
Kernels kernels<ir::MatMul>() {
  static constexpr Kernel list[] = {
      {.name = "cuda.matmul.tensor_cores",
       .reject = reject_tensor_cores,
       .tactics = matmul_tactics,
       .pack = pack_columns,
       .prepare = prepare_tensor_cores,
       .run = run_tensor_cores,
       .rows_inputs = kViews},
      {.name = "cuda.matmul.tiled",
       .reject = reject_tiled,
       .prepare = prepare_tiled,
       .run = run_stages,
       .strided_inputs = kViews},
      {.name = "cuda.matmul.reference",
       .reject = plain_only,
       .prepare = prepare_reference,
       .run = run_stages,
       .strided_inputs = kViews},
  };
  return list;
}

}  // namespace tenon::cuda
