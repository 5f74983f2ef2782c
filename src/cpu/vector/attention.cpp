// Attention in blocks of rows: their scores never leave the second cache.
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/attention.cpp"
#include "cpu/kernel_parts.h"
#include "cpu/vector/attention_call.h"
#include "cpu/vector/vector_kernels.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// After the targets are known:
#include "cpu/vector/math-inl.h"
#include "cpu/vector/matmul_tile-inl.h"
#include "cpu/vector/transpose-inl.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

constexpr float kInfinity = __builtin_inff();
/// Columns of v that a register tile takes at once.
constexpr int64_t kValueVectors = kManyRegisters ? 4 : 2;

/// One matrix of a launch: where it begins, in elements.
struct Matrix {
  const float *q, *k, *v;
  float* y;
  const std::byte* trailing[ir::most_epilogue_operands];
};

Matrix matrix_of(const Launch& launch, const AttentionCall& it, int64_t index) {
  Matrix matrix{};
  const MatMulGeometry& scores = it.scores;
  scores.offsets(index, [&](int64_t, int64_t q, int64_t k, const int64_t* trailing) {
    matrix.q = launch.input<float>(0) + q;
    matrix.k = launch.input<float>(1) + k;
    for (int i = 0; i < scores.trailing_operands; ++i)
      matrix.trailing[i] =
          launch.input<std::byte>(static_cast<size_t>(ir::first_epilogue_operand + i)) +
          trailing[i] * scores.trailing[i].bytes;
  });
  it.values.offsets(index, [&](int64_t y, int64_t, int64_t v, const int64_t*) {
    matrix.v = launch.input<float>(2) + v;
    matrix.y = launch.output<float>(0) + y;
  });
  return matrix;
}

/// Keys as panels [d][panel], the last of them filled up with zeros.
void pack_keys(const AttentionCall& it, const float* k, float* to) {
  const MatMulGeometry& g = it.scores;  // where keys are b, transposed: [d, n]
  for (int64_t first = 0; first < g.n; first += it.panel, to += it.panel * g.k) {
    const int64_t count = HWY_MIN(it.panel, g.n - first);
    if (count < it.panel)
      __builtin_memset(to, 0, static_cast<size_t>(it.panel * g.k) * sizeof(float));
    const float* from = k + first * g.b_column;
    if (g.b_row == 1) {
      transpose({from, g.b_column}, {to, it.panel}, count, g.k);
      continue;
    }
    for (int64_t i = 0; i < g.k; ++i) {
      for (int64_t j = 0; j < count; ++j) to[i * it.panel + j] = from[i * g.b_row + j * g.b_column];
    }
  }
}

/// The product with all keys, to rows of padded_n.
void multiply_keys(const AttentionCall& it, const Matrix& matrix, const float* panels, int64_t row,
                   int64_t rows, float* scores, TileProgram::Workspace* workspace) {
  const MatMulCall& g = it.scores;
  const bool bounds = !it.linear && !g.trails;  // which tiles keep to
  Product p{.a = matrix.q + row * g.a_row,
            .a_row = g.a_row,
            .a_column = g.a_column,
            .b_step = it.panel,
            .y = scores,
            .y_row = it.padded_n,
            .k = g.k,
            .first = true,
            .last = true,
            .least = bounds ? g.epilogue.least() : -kInfinity,
            .greatest = bounds ? g.epilogue.greatest() : kInfinity};
  if (it.by_rows) {
    p.b = matrix.k;
    p.b_vector = g.b_column;
    if (rows == 3) dot_rows<3>(p, g.n);
    if (rows == 2) dot_rows<2>(p, g.n);
    if (rows == 1) dot_rows<1>(p, g.n);
  } else {
    p.lanes = kLanes;
    for (int64_t first = 0; first < g.n; first += it.panel, panels += it.panel * g.k) {
      p.b = panels;
      panel_rows(p, rows, it.panel / kLanes, false, nullptr);
      p.y += it.panel;
    }
  }
  if (it.linear || bounds) return;
  p.whole = &g;
  p.workspace = workspace;
  constexpr int64_t kColumns = kBlockVectors * kLanes;
  alignas(64) float sums[kBlockRows * kColumns];
  for (int64_t first = 0; first < g.n; first += kColumns) {
    const int64_t columns = HWY_MIN(kColumns, g.n - first);
    p.y = scores + first;
    for (int64_t i = 0; i < rows; ++i)
      __builtin_memcpy(sums + i * columns, p.y + i * p.y_row,
                       static_cast<size_t>(columns) * sizeof(float));
    for (int i = 0; i < g.trailing_operands; ++i)
      p.trailing[i] =
          matrix.trailing[i] +
          (row * g.trailing[i].row + first * g.trailing[i].column) * g.trailing[i].bytes;
    finish(p, sums, rows, columns);
  }
}

/// Scales a row of scores and adds what is to be added; behind its end it is -infinity. The
/// greatest of them, or a NaN.
HWY_INLINE V start_row(const AttentionCall& it, float* row, const float* const* added,
                       const int64_t* steps) {
  const Tag tag;
  const int64_t n = it.scores.n;
  const int count = it.linear ? it.scores.trailing_operands : 0;
  const V scale = set(it.linear ? it.scale : 1.0f);
  V best = set(-kInfinity);
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    V x = hn::Mul(hn::Load(tag, row + j), scale);
    for (int i = 0; i < count; ++i)
      x = hn::Add(x, steps[i] == 0 ? set(*added[i]) : hn::LoadU(tag, added[i] + j));
    hn::Store(x, tag, row + j);
    best = hn::Max(best, x);
  }
  if (j < n) {
    const auto mask = hn::FirstN(tag, static_cast<size_t>(n - j));
    V x = hn::Mul(hn::Load(tag, row + j), scale);
    for (int i = 0; i < count; ++i)
      x = hn::Add(x, steps[i] == 0 ? set(*added[i]) : hn::MaskedLoad(mask, tag, added[i] + j));
    x = hn::IfThenElse(mask, x, set(-kInfinity));
    hn::Store(x, tag, row + j);
    best = hn::Max(best, x);
    j += kLanes;
  }
  for (; j < it.padded_n; j += kLanes) hn::Store(set(-kInfinity), tag, row + j);
  return hn::MaxOfLanes(tag, best);
}

/// Scores become their exponentials; the sum of these. Sums of f32 are kept short.
HWY_INLINE float exponentials(const AttentionCall& it, float* row, V greatest) {
  constexpr int64_t kPiece = 128 * kLanes;
  const Tag tag;
  double total = 0;
  for (int64_t first = 0; first < it.padded_n; first += kPiece) {
    const int64_t last = HWY_MIN(it.padded_n, first + kPiece);
    V sum = hn::Zero(tag);
    for (int64_t j = first; j < last; j += kLanes) {
      const V power = exp_in_range(hn::Sub(hn::Load(tag, row + j), greatest));
      hn::Store(power, tag, row + j);
      sum = hn::Add(sum, power);
    }
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(tag, sum)));
  }
  return static_cast<float>(total);
}

/// Scores become weights, but for the factor that a row of the result is multiplied by.
void softmax_rows(const AttentionCall& it, const Matrix& matrix, int64_t row, int64_t rows,
                  float* scores, float* factors) {
  const MatMulGeometry& g = it.scores;
  const float* added[ir::most_epilogue_operands];
  int64_t steps[ir::most_epilogue_operands];
  for (int64_t i = 0; i < rows; ++i) {
    for (int t = 0; t < g.trailing_operands; ++t) {
      added[t] = reinterpret_cast<const float*>(matrix.trailing[t]) + (row + i) * g.trailing[t].row;
      steps[t] = g.trailing[t].column;
    }
    float* at = scores + i * it.padded_n;
    const V greatest = start_row(it, at, added, steps);
    factors[i] = 1 / exponentials(it, at, greatest);
  }
}

/// The weighted mean of values.
void multiply_values(const AttentionCall& it, const Matrix& matrix, int64_t row, int64_t rows,
                     const float* weights, const float* factors) {
  const Tag tag;
  const MatMulGeometry& g = it.values;
  for (int64_t first = 0; first < g.n; first += kValueVectors * kLanes) {
    const int64_t columns = HWY_MIN(kValueVectors * kLanes, g.n - first);
    const int64_t rest = columns % kLanes;
    const Product p{.a = weights,
                    .a_row = it.padded_n,
                    .a_column = 1,
                    .b = matrix.v + first * g.b_column,
                    .b_step = g.b_row,
                    .y = matrix.y + row * g.y_row + first,
                    .y_row = g.y_row,
                    .k = g.k,
                    .first = true,
                    .last = true,
                    .lanes = rest == 0 ? kLanes : rest,
                    .least = -kInfinity,
                    .greatest = kInfinity};
    panel_rows(p, rows, (columns + kLanes - 1) / kLanes, rest != 0, nullptr);
    for (int64_t i = 0; i < rows && g.k > 0; ++i) {
      float* y = p.y + i * p.y_row;
      const V factor = set(factors[i]);
      int64_t j = 0;
      for (; j + kLanes <= columns; j += kLanes)
        hn::StoreU(hn::Mul(hn::LoadU(tag, y + j), factor), tag, y + j);
      if (rest != 0) {
        const auto mask = hn::FirstN(tag, static_cast<size_t>(rest));
        hn::BlendedStore(hn::Mul(hn::MaskedLoad(mask, tag, y + j), factor), mask, tag, y + j);
      }
    }
  }
}

void run_unit(const Launch& launch, const AttentionCall& it, int64_t unit, float* scratch) {
  const MatMulGeometry& g = it.scores;
  const Matrix matrix = matrix_of(launch, it, unit / it.chunks);
  TileProgram::Workspace workspace;
  if (!it.linear) it.scores.epilogue.start(workspace);
  float* scores = scratch;
  if (!it.by_rows) {
    pack_keys(it, matrix.k, scratch);
    scores += it.padded_n * g.k;
  }
  float factors[kBlockRows];
  const int64_t begin = unit % it.chunks * it.chunk_rows;
  const int64_t end = HWY_MIN(g.m, begin + it.chunk_rows);
  for (int64_t row = begin; row < end; row += it.block_rows) {
    const int64_t rows = HWY_MIN(it.block_rows, end - row);
    multiply_keys(it, matrix, scratch, row, rows, scores, &workspace);
    softmax_rows(it, matrix, row, rows, scores, factors);
    multiply_values(it, matrix, row, rows, scores, factors);
  }
}

void run_attention(const Launch& launch) noexcept {
  constexpr int64_t kWorthThreads = 100000;  // multiplications
  const auto& it = prepared<AttentionCall>(launch);
  const MatMulGeometry& g = it.scores;
  const int64_t steps = g.matrices() * g.m * g.n * (g.k + it.values.n);
  const auto most = static_cast<int>(HWY_MIN(launch.state->threads, it.slots));
  Slots slots(it.slots);
  base::parallel_for(steps < kWorthThreads ? 1 : most, it.units(), [&](int64_t unit) {
    const int64_t slot = slots.take();
    run_unit(launch, it, unit, static_cast<float*>(launch.scratch) + slot * it.slot_floats);
    slots.give(slot);
  });
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS

#if HWY_ONCE
namespace tenon::cpu {

namespace {

template <class Unit>
const char* reject_attention(const Call& call) {
  if (const char* reason = refuse_unit<Unit>(call)) return reason;
  for (size_t i = 0; i < static_cast<size_t>(ir::first_epilogue_operand); ++i) {
    if (call.inputs[i].dtype != DType::f32) return "it computes f32 only";
  }
  if (plain_only(call)) return "it takes plain layouts only";
  return refuse_epilogue(kernel::scores_call(call));
}

template <class Unit>
kernel::Prepared prepare_attention(const Call& call, kernel::Backend&) {
  constexpr int64_t lanes = Unit::lanes;
  using Counts = std::span<const int64_t>;
  static constexpr int64_t wide[] = {4, 3}, narrow[] = {2};
  const Counts vectors = lanes == 16 ? Counts(wide) : Counts(narrow);
  auto made = std::make_shared<const AttentionCall>(
      make_attention_call(call, vector_functions<Unit>, lanes, vectors));
  const size_t scratch = made->scratch();
  return {std::move(made), scratch};
}

template <class Unit>
Kernel attention(std::string_view name, void (*run)(const Launch&) noexcept) {
  return {.name = name,
          .reject = reject_attention<Unit>,
          .prepare = prepare_attention<Unit>,
          .run = run,
          .rows_inputs = kernel::every_operand,
          .strided_output = true};
}

}  // namespace

std::vector<Kernel> vector_attention_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    attention<Avx3>("cpu.attention.blocks.avx3", N_AVX3::run_attention),
#endif
#if HWY_TARGETS & HWY_AVX2
        attention<Avx2>("cpu.attention.blocks.avx2", N_AVX2::run_attention),
#endif
  };
}

}  // namespace tenon::cpu
#endif  // HWY_ONCE
