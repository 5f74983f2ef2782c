// A tile of 64 x 64 in registers, fed through shared memory in slices of 16.
#include "cuda/kernels/product.h"

#include <algorithm>

#include "cuda/expression_text.h"
#include "cuda/walk_text.h"
#include "ir/ops/epilogue.h"

namespace tenon::cuda {

namespace {

constexpr int64_t kWantedBlocks = 264;  // two for each multiprocessor of an H100
constexpr int64_t kLeastDepth = 128;    // shorter parts cost more to add up than they save
constexpr int64_t kMostParts = 32;
constexpr int64_t kSlice = 16;

int64_t parts_up(int64_t whole, int64_t part) { return (whole + part - 1) / part; }

// What a tile makes of an element, where it is the whole sum, and where it is a part.
constexpr std::string_view kWhole = R"(
#define STORE(index, channel, sum)                                        \
  {                                                                       \
    f32 all = sum;                                                        \
    if (BIAS) all += (f32)get(((const T*)buffers.at[2])[channel]);        \
    FINISH(all, index);                                                   \
  }
)";
constexpr std::string_view kPart = R"(
#define STORE(index, channel, sum) \
  ((f32*)buffers.scratch)[blockIdx.x / (gridDim.x / (u32)n[11]) * n[0] + (index)] = sum;
)";
constexpr std::string_view kAddUp = R"(
KERNEL {
  EACH(i64, i, n[0]) {
    f32 sum = 0;
    for (i64 part = 0; part < n[11]; ++part) sum += ((const f32*)buffers.scratch)[part * n[0] + i];
    STORE(i, CHANNEL, sum);
  }
})";

}  // namespace

ProductCut::ProductCut(int64_t matrices, int64_t m, int64_t n, int64_t depth)
    : tiles_m(parts_up(m, product_tile)), tiles_n(parts_up(n, product_tile)), depth(depth) {
  tiles = matrices * tiles_m * tiles_n;
  if (tiles == 0) return;
  const int64_t wanted = std::min({kWantedBlocks / tiles, depth / kLeastDepth, kMostParts});
  if (wanted < 2) return;
  this->depth = parts_up(parts_up(depth, wanted), kSlice) * kSlice;
  parts = parts_up(depth, this->depth);
  if (parts > 1) scratch = sizeof(float) * static_cast<size_t>(parts * matrices * m * n);
}

kernel::Prepared prepare_product(const Call& call, const ProductText& text,
                                 std::vector<int64_t> numbers, const ProductCut& cut) {
  const bool whole = cut.parts == 1;
  const std::string head = text.types + fmt::format("#define CHANNEL {}\n", text.channel);
  const int64_t count = numbers[0];
  std::vector<Stage> stages;
  stages.push_back(
      {.text = head + std::string(whole ? kWhole : kPart) + std::string(product_text) + text.tile,
       .numbers = numbers,
       .blocks = cut.tiles * cut.parts,
       .threads = product_threads});
  if (!whole) {
    stages.push_back({.text = head + std::string(kWhole) + std::string(kAddUp),
                      .numbers = std::move(numbers),
                      .items = count});
  }
  return prepare_stages(call, std::move(stages),
                        {.scratch = cut.scratch, .sentence = text.sentence});
}

// The epilogue sees the element as it would be stored: the bits of a pointwise node behind.
Finish make_finish(const Call& call, const ir::Expression& epilogue, size_t first_number) {
  Finish finish{.text =
                    "#define FINISH(sum, index) "
                    "((T*)buffers.at[INPUTS])[index] = LAST(As<T>::of(sum), index)\n"};
  if (epilogue.instructions().empty()) {
    finish.text += "#define LAST(element, index) element\n";
    return finish;
  }
  const kernel::Operand& result = call.outputs[0];
  std::vector<kernel::Strides> strides{kernel::dense_strides(result.dims)};
  std::vector<DType> dtypes{result.dtype};
  for (size_t i = ir::first_epilogue_operand; i < call.inputs.size(); ++i) {
    strides.push_back(kernel::broadcast_strides(call.inputs[i], result.dims));
    dtypes.push_back(call.inputs[i].dtype);
  }
  WalkText walk = walk_text("beside", first_number, result.dims, strides);
  const ExpressionText body(epilogue, dtypes, [&](int input) {
    if (input == 0) return std::string("stored");
    return fmt::format("((const {}*)buffers.at[{}])[o[{}]]",
                       type_name(dtypes[static_cast<size_t>(input)]),
                       ir::first_epilogue_operand + input - 1, input);
  });
  finish.text += walk.text + fmt::format(
                                 "__device__ inline T last(const Buffers& buffers, const "
                                 "Numbers<NUMBERS>& n, T stored, Index place) {{\n"
                                 "    Index o[{}];\n    beside(n, place, o);\n"
                                 "    bool by_zero = false;\n{}"
                                 "    if (by_zero) {};\n    return As<T>::of(v{});\n}}\n"
                                 "#define LAST(element, index) last(buffers, n, element, "
                                 "(Index)(index))\n",
                                 strides.size(), body.text(), body.may_fail() ? "FAIL()" : "{}",
                                 body.result());
  finish.numbers = std::move(walk.numbers);
  finish.reach = walk.reach;
  finish.sentence = body.sentence();
  return finish;
}

const std::string_view product_text = R"(
template <class A, class B>
__device__ inline void product_tile(const A& load_a, const B& load_b, i64 begin, i64 end,
                                    f32 (&sums)[4][4]) {
  __shared__ f32 a[16][68], b[16][68];
  const int t = threadIdx.x;
  for (i64 first = begin; first < end; first += 16) {
#pragma unroll
    for (int s = 0; s < 4; ++s) {
      const int e = t + s * 256;
      const int ak = A_BY_ROWS ? e % 16 : e / 64, row = A_BY_ROWS ? e / 16 : e % 64;
      a[ak][row] = load_a(row, first + ak);
      const int bk = B_BY_ROWS ? e / 64 : e % 16, column = B_BY_ROWS ? e % 64 : e / 16;
      b[bk][column] = load_b(first + bk, column);
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < 16; ++k) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const f32 factor = a[k][t / 16 * 4 + i];
#pragma unroll
        for (int j = 0; j < 4; ++j)
          sums[i][j] = fmaf(factor, b[k][t % 16 * 4 + j], sums[i][j]);
      }
    }
    __syncthreads();
  }
}
)";

}  // namespace tenon::cuda
