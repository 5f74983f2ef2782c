// f32 matrix products: by panels of b (outer products in registers) or by rows of b (dot products).
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/matmul.cpp"
#include "cpu/kernel_parts.h"
#include "cpu/vector/matmul_call.h"
#include "cpu/vector/vector_kernels.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

namespace hn = hwy::HWY_NAMESPACE;
using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;
constexpr int64_t kLanes = hn::MaxLanes(Tag());
/// Rows of a register tile: with three vectors of b they fill 16 or 32 registers.
constexpr int64_t kTileRows = HWY_TARGET == HWY_AVX2 ? 4 : 8;

/// One matrix product, or the part of it that a unit computes.
struct Product {
  const float* a;
  int64_t a_row, a_column;
  const float* b;
  int64_t b_step, b_vector;  // from one k to the next, from one vector of columns to the next
  float* y;
  int64_t y_row;
  int64_t k;
  bool first, last;  // whether sums start here, and end here
  int64_t lanes;     // of the last vector that are columns
  const float* bias;
  float least, greatest;
  // Where the epilogue is more than bounds, which are then not kept to before it.
  const MatMulCall* whole;
  const std::byte* trailing[ir::most_epilogue_operands];
  TileProgram::Workspace* workspace;
};

// Operands in this order let a NaN in `value` pass on x86.
HWY_INLINE Vector bounded(float least, float greatest, Vector value) {
  const Tag tag;
  return hn::Min(hn::Set(tag, greatest), hn::Max(hn::Set(tag, least), value));
}

/// Stores the epilogue of dense rows of sums. The result may lie on an operand: what is read there
/// is read before.
void finish(const Product& p, const float* sums, int64_t rows, int64_t columns) {
  const Tag tag;
  const MatMulCall& geometry = *p.whole;
  const Epilogue& epilogue = geometry.epilogue;
  if (!epilogue.adds()) {
    TileInput inputs[1 + ir::most_epilogue_operands];
    inputs[0] = {reinterpret_cast<const std::byte*>(sums), columns, 1};
    for (int i = 0; i < geometry.trailing_operands; ++i)
      inputs[1 + i] = {p.trailing[i], geometry.trailing[i].row, geometry.trailing[i].column};
    epilogue.run(*p.workspace, inputs, p.y, p.y_row, rows, columns);
    return;
  }
  const float* residual = reinterpret_cast<const float*>(p.trailing[0]);
  for (int64_t row = 0; row < rows; ++row) {
    float* y = p.y + row * p.y_row;
    const float* from = sums + row * columns;
    const float* other = residual + row * geometry.trailing[0].row;
    for (int64_t j = 0; j < columns; j += kLanes) {
      const auto mask = hn::FirstN(tag, static_cast<size_t>(HWY_MIN(kLanes, columns - j)));
      const Vector sum =
          hn::Add(hn::MaskedLoad(mask, tag, from + j), hn::MaskedLoad(mask, tag, other + j));
      hn::BlendedStore(bounded(epilogue.least(), epilogue.greatest(), sum), mask, tag, y + j);
    }
  }
}

/// kRows x kVectors vectors of the result; with kPartial the last vector has p.lanes columns.
template <int kRows, int kVectors, bool kPartial>
HWY_NOINLINE void panel_tile(const Product& p) {
  const Tag tag;
  const auto mask = hn::FirstN(tag, static_cast<size_t>(p.lanes));
  const auto load = [&](const float* from, int v) HWY_ATTR {
    return kPartial && v == kVectors - 1 ? hn::MaskedLoad(mask, tag, from) : hn::LoadU(tag, from);
  };
  Vector sums[kRows][kVectors];
  HWY_UNROLL(8)
  for (int i = 0; i < kRows; ++i) {
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) {
      sums[i][v] = p.first ? hn::Zero(tag) : load(p.y + i * p.y_row + v * kLanes, v);
    }
  }
  const float* a = p.a;
  const float* b = p.b;
  const int64_t a_row = p.a_row, a_column = p.a_column, b_step = p.b_step, b_vector = p.b_vector;
  for (int64_t k = 0; k < p.k; ++k) {
    Vector columns[kVectors];
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) columns[v] = load(b + v * b_vector, v);
    HWY_UNROLL(8)
    for (int i = 0; i < kRows; ++i) {
      const Vector factor = hn::Set(tag, a[i * a_row]);
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) sums[i][v] = hn::MulAdd(factor, columns[v], sums[i][v]);
    }
    a += a_column;
    b += b_step;
  }
  HWY_UNROLL(8)
  for (int v = 0; v < kVectors; ++v) {
    const Vector bias = p.last && p.bias ? load(p.bias + v * kLanes, v) : hn::Zero(tag);
    HWY_UNROLL(8)
    for (int i = 0; i < kRows; ++i) {
      const Vector value =
          p.last ? bounded(p.least, p.greatest, hn::Add(sums[i][v], bias)) : sums[i][v];
      float* to = p.y + i * p.y_row + v * kLanes;
      if (kPartial && v == kVectors - 1)
        hn::BlendedStore(value, mask, tag, to);
      else
        hn::StoreU(value, tag, to);
    }
  }
}

using TileFunction = void (*)(const Product&);

template <int kRows>
HWY_INLINE TileFunction tile_of(int64_t vectors, bool partial) {
  switch (vectors) {
    case 1: return partial ? panel_tile<kRows, 1, true> : panel_tile<kRows, 1, false>;
    case 2: return partial ? panel_tile<kRows, 2, true> : panel_tile<kRows, 2, false>;
    default: return partial ? panel_tile<kRows, 3, true> : panel_tile<kRows, 3, false>;
  }
}

// A single row wants more vectors at once, to hide the latency of its sums.
HWY_INLINE TileFunction row_tile_of(int64_t vectors, bool partial) {
  if (vectors < 4) return tile_of<1>(vectors, partial);
  if (vectors < 8) return partial ? panel_tile<1, 4, true> : panel_tile<1, 4, false>;
  return partial ? panel_tile<1, 8, true> : panel_tile<1, 8, false>;
}

/// All rows of some vectors of columns, for one stretch of k that stays in the cache.
void panel_rows(Product p, int64_t rows, int64_t vectors, bool partial) {
  while (rows > 0) {
    TileFunction tile = tile_of<1>(vectors, partial);
    int64_t step = 1;
    if (vectors > 3) {
      tile = row_tile_of(vectors, partial);
    } else if (kTileRows == 8 && rows >= 8) {
      tile = tile_of<kTileRows>(vectors, partial);
      step = 8;
    } else if (rows >= 4) {
      tile = tile_of<4>(vectors, partial);
      step = 4;
    } else if (rows >= 2) {
      tile = tile_of<2>(vectors, partial);
      step = 2;
    }
    tile(p);
    p.a += step * p.a_row;
    p.y += step * p.y_row;
    rows -= step;
  }
}

constexpr int64_t kBlockRows = 64;  // with three vectors of columns, or one row with eight

/// Columns [first, first + columns) of `rows` rows; pointers of `p` stand at the first column
/// already.
void panel_block(Product p, int64_t rows, int64_t columns) {
  alignas(64) float sums[kBlockRows * 3 * kLanes];
  const Product whole = p;
  if (p.whole) {
    p.y = sums;
    p.y_row = columns;
  }
  constexpr int64_t kStretch =
      256;  // of k: three vectors of b take 48 KiB with AVX3, half with AVX2
  const int64_t vectors = (columns + kLanes - 1) / kLanes;
  const int64_t rest = columns % kLanes;
  const int64_t all = p.k;
  p.lanes = rest == 0 ? kLanes : rest;
  for (int64_t done = 0; done == 0 || done < all; done += kStretch) {
    p.k = HWY_MIN(kStretch, all - done);
    p.first = done == 0;
    p.last = done + kStretch >= all;
    panel_rows(p, rows, vectors, rest != 0);
    p.a += kStretch * p.a_column;
    p.b += kStretch * p.b_step;
  }
  if (p.whole) finish(whole, sums, rows, columns);
}

Product product_of(const Launch& launch, const MatMulCall& geometry) {
  constexpr float infinity = __builtin_inff();
  return {.a_row = geometry.a_row,
          .a_column = geometry.a_column,
          .y_row = geometry.y_row,
          .k = geometry.k,
          .bias = has_input(*launch.call, 2) ? launch.input<float>(2) : nullptr,
          .least = geometry.trails ? -infinity : geometry.epilogue.least(),
          .greatest = geometry.trails ? infinity : geometry.epilogue.greatest(),
          .whole = geometry.trails ? &geometry : nullptr};
}

/// The part of a product that begins at a row and a column of one matrix, whose operands of the
/// epilogue have these offsets. The caller moves a and b.
Product part_of(const Launch& launch, Product p, const int64_t* offsets, int64_t row,
                int64_t column) {
  p.y += row * p.y_row + column;
  p.bias = p.bias ? p.bias + column : nullptr;
  if (!p.whole) return p;
  const MatMulCall& geometry = *p.whole;
  for (int i = 0; i < geometry.trailing_operands; ++i) {
    const MatMulGeometry::Trailing& operand = geometry.trailing[i];
    const int64_t at = offsets[i] + row * operand.row + column * operand.column;
    p.trailing[i] = launch.input<std::byte>(static_cast<size_t>(ir::first_epilogue_operand + i)) +
                    at * operand.bytes;
  }
  return p;
}

// Below this a second thread costs more than it takes over.
int threads_for(const Launch& launch, const MatMulGeometry& geometry) {
  const int64_t steps = geometry.matrices() * geometry.m * geometry.n * geometry.k;
  return steps < 200000 ? 1 : launch.state->threads;
}

/// b in panels ("BA16b" or "AB16a") or, with `plain`, as [k, n].
void run_panels(const Launch& launch, bool plain) noexcept {
  const auto& geometry = prepared<MatMulCall>(launch);
  const int64_t group = geometry.m == 1 ? 8 : 3;  // vectors
  const int64_t width = group * kLanes;
  const int64_t row_blocks = (geometry.m + kBlockRows - 1) / kBlockRows;
  const int64_t groups = (geometry.n + width - 1) / width;
  Product whole = product_of(launch, geometry);
  whole.b_step = plain ? geometry.b_row : kLanes;
  whole.b_vector = plain ? kLanes : kLanes * geometry.k;
  base::parallel_for(
      threads_for(launch, geometry), geometry.matrices() * groups * row_blocks, [&](int64_t unit) {
        const int64_t first_row = unit % row_blocks * kBlockRows;
        int64_t first = unit / row_blocks % groups * width;
        const int64_t end = HWY_MIN(geometry.n, first + width);
        TileProgram::Workspace workspace;
        geometry.epilogue.start(workspace);
        geometry.at<float>(unit / row_blocks / groups, launch,
                           [&](float* y, const float* a, const float* b, const int64_t* trailing) {
                             // What is left of a group of eight is cut into 4, and the rest into at
                             // most 3.
                             while (first < end) {
                               const int64_t vectors = (end - first + kLanes - 1) / kLanes;
                               const int64_t taken = vectors >= 8 ? 8 : vectors >= 4 ? 4 : vectors;
                               const int64_t columns = HWY_MIN(end - first, taken * kLanes);
                               Product p = whole;
                               p.a = a + first_row * p.a_row;
                               p.b = b + (plain ? first : first * geometry.k);
                               p.y = y;
                               p.workspace = &workspace;
                               panel_block(part_of(launch, p, trailing, first_row, first),
                                           HWY_MIN(kBlockRows, geometry.m - first_row), columns);
                               first += columns;
                             }
                           });
      });
}

/// kRows rows of a by kColumns rows of b, both along k.
template <int kRows, int kColumns>
HWY_NOINLINE void dot_tile(const Product& p) {
  const Tag tag;
  Vector sums[kRows][kColumns];
  HWY_UNROLL(8)
  for (int i = 0; i < kRows; ++i) {
    HWY_UNROLL(8)
    for (int j = 0; j < kColumns; ++j) sums[i][j] = hn::Zero(tag);
  }
  const auto accumulate = [&](auto load, int64_t k) HWY_ATTR {
    Vector columns[kColumns];
    HWY_UNROLL(8)
    for (int j = 0; j < kColumns; ++j) columns[j] = load(p.b + j * p.b_vector + k);
    HWY_UNROLL(8)
    for (int i = 0; i < kRows; ++i) {
      const Vector row = load(p.a + i * p.a_row + k);
      HWY_UNROLL(8)
      for (int j = 0; j < kColumns; ++j) sums[i][j] = hn::MulAdd(row, columns[j], sums[i][j]);
    }
  };
  int64_t k = 0;
  for (; k + kLanes <= p.k; k += kLanes) {
    accumulate([&](const float* from) HWY_ATTR { return hn::LoadU(tag, from); }, k);
  }
  if (k < p.k) {
    const auto mask = hn::FirstN(tag, static_cast<size_t>(p.k - k));
    accumulate([&](const float* from) HWY_ATTR { return hn::MaskedLoad(mask, tag, from); }, k);
  }
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kColumns; ++j) {
      float value = hn::GetLane(hn::SumOfLanes(tag, sums[i][j])) + (p.bias ? p.bias[j] : 0.0f);
      if (value < p.least) value = p.least;
      if (value > p.greatest) value = p.greatest;
      p.y[i * p.y_row + j] = value;
    }
  }
}

/// kRows rows against `columns` rows of b.
template <int kRows>
void dot_rows(Product p, int64_t columns) {
  constexpr int64_t kColumns = kRows == 1 ? 8 : 4;
  while (columns > 0) {
    const int64_t step = columns >= kColumns ? kColumns : 1;
    if (step == kColumns)
      dot_tile<kRows, kColumns>(p);
    else
      dot_tile<kRows, 1>(p);
    p.b += step * p.b_vector;
    p.y += step;
    p.bias = p.bias ? p.bias + step : nullptr;
    columns -= step;
  }
}

/// b as [n, k], whose rows lie `b_row` apart.
void run_rows(const Launch& launch, int64_t b_row) noexcept {
  const auto& geometry = prepared<MatMulCall>(launch);
  constexpr int64_t kRows = 32, kColumns = 64;
  const int64_t row_blocks = (geometry.m + kRows - 1) / kRows;
  const int64_t column_blocks = (geometry.n + kColumns - 1) / kColumns;
  Product whole = product_of(launch, geometry);
  whole.b_vector = b_row;
  base::parallel_for(
      threads_for(launch, geometry), geometry.matrices() * row_blocks * column_blocks,
      [&](int64_t unit) {
        const int64_t first_column = unit / row_blocks % column_blocks * kColumns;
        const int64_t columns = HWY_MIN(kColumns, geometry.n - first_column);
        int64_t row = unit % row_blocks * kRows;
        const int64_t end = HWY_MIN(geometry.m, row + kRows);
        alignas(64) float sums[4 * kColumns];
        TileProgram::Workspace workspace;
        geometry.epilogue.start(workspace);
        geometry.at<float>(
            unit / row_blocks / column_blocks, launch,
            [&](float* y, const float* a, const float* b, const int64_t* trailing) {
              while (row < end) {
                Product p = whole;
                p.a = a + row * p.a_row;
                p.b = b + first_column * b_row;
                p.y = y;
                p.workspace = &workspace;
                p = part_of(launch, p, trailing, row, first_column);
                const Product part = p;
                if (p.whole) {
                  p.y = sums;
                  p.y_row = columns;
                }
                const int64_t step = kTileRows == 8 && end - row >= 4 ? 4 : end - row >= 2 ? 2 : 1;
                if (step == 4) dot_rows<4>(p, columns);
                if (step == 2) dot_rows<2>(p, columns);
                if (step == 1) dot_rows<1>(p, columns);
                if (p.whole) finish(part, sums, step, columns);
                row += step;
              }
            });
      });
}

void run_packed(const Launch& launch) noexcept {
  const auto& geometry = prepared<MatMulCall>(launch);
  if (geometry.by_rows)
    run_rows(launch, geometry.k);
  else
    run_panels(launch, false);
}

void run_plain(const Launch& launch) noexcept {
  if (launch.call->as<ir::MatMul>().transpose_b)
    run_rows(launch, prepared<MatMulCall>(launch).b_column);
  else
    run_panels(launch, true);
}

}  // namespace
}  // namespace tenon::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // TENON_VECTOR_PASS

#if HWY_ONCE
namespace tenon::cpu {

namespace {

template <class Unit>
kernel::Prepared prepare(const Call& call, kernel::Backend&) {
  MatMulCall made{make_matmul_geometry(call), Epilogue(call, 0, vector_function<Unit>)};
  made.trails = made.epilogue.trails();
  return {std::make_shared<const MatMulCall>(std::move(made))};
}

template <class Unit>
const char* reject_packed(const Call& call) {
  if (const char* reason = refuse_unit_and_dtype<Unit>(call)) return reason;
  if (!call.inputs[1].weight) return "b is not a weight, so it cannot be packed";
  if (call.inputs[1].dims.size() != 2) return "the weight has batches";
  return refuse_epilogue(call);
}

template <class Unit>
const char* reject_plain(const Call& call) {
  if (const char* reason = refuse_unit_and_dtype<Unit>(call)) return reason;
  const auto& op = call.as<ir::MatMul>();
  if (op.transpose_a && op.transpose_b) return "both operands are transposed";
  return refuse_epilogue(call);
}

// Dot products read b once, as it comes; few rows of a do not pay for more.
std::vector<kernel::Tactic> matmul_tactics(const Call& call, kernel::Backend&) {
  const kernel::Tactic by_panels{"panels"}, by_rows{std::string(matmul_by_rows)};
  if (call.as<ir::MatMul>().transpose_a) return {by_panels};
  const auto& y = call.outputs[0].dims;
  const bool few = element_count(std::span(y).first(y.size() - 1)) <= 2;
  return few ? std::vector{by_rows, by_panels} : std::vector{by_panels, by_rows};
}

// Panels: [n / lanes][k][lanes]. Rows: [n][k], which a transposed b is already.
template <class Unit>
ir::Graph pack_matmul(const Call& call) {
  const bool transposed = call.as<ir::MatMul>().transpose_b;
  ir::Layout layout;
  if (!transposed) layout.order = {1, 0};
  if (call.tactic != matmul_by_rows) layout.splits = {{transposed ? 0 : 1, Unit::lanes}};
  ir::GraphBuilder graph;
  if (layout.plain()) return graph.finish();
  const auto& dims = call.inputs[1].dims;
  const auto b = graph.input("1", ir::ValueType(DType::f32, ir::Dims(dims.begin(), dims.end())));
  graph.output("1", graph.add(ir::Reorder{layout}, {b}));
  return graph.finish();
}

template <class Unit>
Kernel packed(std::string_view name, void (*run)(const Launch&) noexcept) {
  return {.name = name,
          .reject = reject_packed<Unit>,
          .tactics = matmul_tactics,
          .pack = pack_matmul<Unit>,
          .prepare = prepare<Unit>,
          .run = run,
          .rows_inputs = matmul_views,
          .strided_output = true,
          .in_place = kernel::every_operand << ir::first_epilogue_operand};
}

template <class Unit>
Kernel plain(std::string_view name, void (*run)(const Launch&) noexcept) {
  return {.name = name,
          .reject = reject_plain<Unit>,
          .prepare = prepare<Unit>,
          .run = run,
          .rows_inputs = matmul_views,
          .strided_output = true,
          .in_place = kernel::every_operand << ir::first_epilogue_operand};
}

}  // namespace

std::vector<Kernel> vector_matmul_kernels() {
  return {
#if HWY_TARGETS & HWY_AVX3
    packed<Avx3>("cpu.matmul.packed.avx3", N_AVX3::run_packed),
#endif
#if HWY_TARGETS & HWY_AVX2
        packed<Avx2>("cpu.matmul.packed.avx2", N_AVX2::run_packed),
#endif
#if HWY_TARGETS & HWY_AVX3
        plain<Avx3>("cpu.matmul.plain.avx3", N_AVX3::run_plain),
#endif
#if HWY_TARGETS & HWY_AVX2
        plain<Avx2>("cpu.matmul.plain.avx2", N_AVX2::run_plain),
#endif
  };
}

}  // namespace tenon::cpu
#endif  // HWY_ONCE
