// f32 matrix products: by panels of b (outer products in registers) or by rows of b (dot products).
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/matmul.cpp"
#include "cpu/kernel_parts.h"
#include "cpu/vector/matmul_call.h"
#include "cpu/vector/vector_kernels.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// After the targets are known:
#include "cpu/vector/transpose-inl.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;
constexpr int64_t kLanes = hn::MaxLanes(Tag());
constexpr bool kManyRegisters = HWY_TARGET != HWY_AVX2;

/// Rows of a register tile: with so many vectors of b they fill 16 or 32 registers.
constexpr int64_t most_rows(int64_t vectors) {
  if (kManyRegisters) return vectors == 4 ? 6 : 8;
  return vectors == 3 ? 4 : 6;
}

/// One matrix product, or the part of it that a unit computes.
struct Product {
  const float* a;
  int64_t a_row, a_column;
  const float* b;
  int64_t b_step, b_vector;  // from one k to the next, from one row of b to the next
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
  // What is asked of memory meanwhile, a line for each k: the panel after this, or none.
  const float* ahead;
  int64_t ahead_step;
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

/// kRows x kVectors vectors of the result; with kMasked the last vector of b has p.lanes columns.
/// A single row adds up four sums, every fourth k each: one alone waits for its own additions.
template <int kRows, int kVectors, bool kMasked>
HWY_NOINLINE void panel_tile(const Product& p) {
  constexpr int kParts = kRows == 1 ? 4 : 1;
  const Tag tag;
  const auto mask = hn::FirstN(tag, static_cast<size_t>(p.lanes));
  Vector sums[kParts * kRows][kVectors];
  HWY_UNROLL(8)
  for (int i = 0; i < kParts * kRows; ++i) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      const float* y = p.y + i * p.y_row + v * kLanes;
      const bool starts = p.first || i >= kRows;
      if (starts)
        sums[i][v] = hn::Zero(tag);
      else
        sums[i][v] = v == kVectors - 1 ? hn::MaskedLoad(mask, tag, y) : hn::LoadU(tag, y);
    }
  }
  const float* a = p.a;
  const float* b = p.b;
  const int64_t a_row = p.a_row, a_column = p.a_column, b_step = p.b_step;
  const float* ahead = p.ahead;
  const auto step = [&](int part) HWY_ATTR {
    Vector columns[kVectors];
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      const float* from = b + v * kLanes;
      columns[v] =
          kMasked && v == kVectors - 1 ? hn::MaskedLoad(mask, tag, from) : hn::LoadU(tag, from);
    }
    HWY_UNROLL(8)
    for (int i = 0; i < kRows; ++i) {
      const Vector factor = hn::Set(tag, a[i * a_row]);
      HWY_UNROLL(4)
      for (int v = 0; v < kVectors; ++v)
        sums[part + i][v] = hn::MulAdd(factor, columns[v], sums[part + i][v]);
    }
    a += a_column;
    b += b_step;
    if constexpr (!kMasked && kRows >= 4) {
      __builtin_prefetch(ahead, 0, 2);
      ahead += p.ahead_step;
    }
  };
  int64_t k = 0;
  if constexpr (kParts == 4) {
    for (; k + 4 <= p.k; k += 4) {
      HWY_UNROLL(4)
      for (int part = 0; part < 4; ++part) step(part);
    }
  }
  for (; k < p.k; ++k) step(0);
  HWY_UNROLL(4)
  for (int v = 0; v < kVectors; ++v) {
    if constexpr (kParts == 4)
      sums[0][v] = hn::Add(hn::Add(sums[0][v], sums[1][v]), hn::Add(sums[2][v], sums[3][v]));
    const bool ends = v == kVectors - 1;
    const float* from = p.bias ? p.bias + v * kLanes : nullptr;
    Vector bias = hn::Zero(tag);
    if (p.last && from) bias = ends ? hn::MaskedLoad(mask, tag, from) : hn::LoadU(tag, from);
    HWY_UNROLL(8)
    for (int i = 0; i < kRows; ++i) {
      const Vector value =
          p.last ? bounded(p.least, p.greatest, hn::Add(sums[i][v], bias)) : sums[i][v];
      float* to = p.y + i * p.y_row + v * kLanes;
      if (ends)
        hn::BlendedStore(value, mask, tag, to);
      else
        hn::StoreU(value, tag, to);
    }
  }
}

using TileFunction = void (*)(const Product&);

template <int kVectors, bool kMasked>
HWY_INLINE TileFunction tile_of(int64_t rows) {
  if constexpr (most_rows(kVectors) == 8) {
    if (rows == 8) return panel_tile<8, kVectors, kMasked>;
    if (rows == 7) return panel_tile<7, kVectors, kMasked>;
  }
  if constexpr (most_rows(kVectors) >= 6) {
    if (rows == 6) return panel_tile<6, kVectors, kMasked>;
    if (rows == 5) return panel_tile<5, kVectors, kMasked>;
  }
  if (rows == 4) return panel_tile<4, kVectors, kMasked>;
  if (rows == 3) return panel_tile<3, kVectors, kMasked>;
  return rows == 2 ? panel_tile<2, kVectors, kMasked> : panel_tile<1, kVectors, kMasked>;
}

template <bool kMasked>
HWY_INLINE TileFunction tile_of(int64_t vectors, int64_t rows) {
  if constexpr (kManyRegisters) {
    if (vectors == 4) return tile_of<4, kMasked>(rows);
  }
  if (vectors == 3) return tile_of<3, kMasked>(rows);
  return vectors == 2 ? tile_of<2, kMasked>(rows) : tile_of<1, kMasked>(rows);
}

/// All rows of some vectors of columns, dealt evenly to tiles: a last tile of one row would wait
/// for its sums. The first tile meets a panel that is on its way; those after it have time to ask
/// for `next`, the panel to come.
void panel_rows(Product p, int64_t rows, int64_t vectors, bool masked, const float* next) {
  constexpr int64_t kLine = 16;
  const int64_t most = most_rows(vectors);
  const int64_t tiles = (rows + most - 1) / most;
  const int64_t lines = vectors * kLanes / kLine * p.k;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t step = (rows + tiles - tile - 1) / (tiles - tile);
    const int64_t asked = (tile - 1) * p.k;
    const bool asks = next && tiles >= 8 && tile > 0 && asked < lines;
    p.ahead = asks ? next + asked * kLine : p.b;
    p.ahead_step = asks ? kLine : 0;
    (masked ? tile_of<true>(vectors, step) : tile_of<false>(vectors, step))(p);
    p.a += step * p.a_row;
    p.y += step * p.y_row;
    rows -= step;
  }
}

constexpr int64_t kBlockRows = 64, kBlockVectors = 4;
constexpr int64_t kPackedStretch = 4096, kPlainStretch = 256;  // of k

/// How b lies: in panels that are as wide as a tile and follow one another, as [k, n], or as [n, k]
/// with so short a k that panels of it are made while it runs.
enum class Form { packed, plain, transposed };

/// Columns [first, first + columns) of `rows` rows; pointers of `p` stand at the first column
/// already.
void panel_block(Product p, int64_t rows, int64_t columns, Form form, const float* next) {
  alignas(64) float sums[kBlockRows * kBlockVectors * kLanes];
  const int64_t stretch = form == Form::packed ? kPackedStretch : kPlainStretch;
  const Product whole = p;
  if (p.whole) {
    p.y = sums;
    p.y_row = columns;
  }
  const int64_t vectors = (columns + kLanes - 1) / kLanes;
  const int64_t rest = columns % kLanes;
  const int64_t all = p.k;
  p.lanes = rest == 0 ? kLanes : rest;
  for (int64_t done = 0; done == 0 || done < all; done += stretch) {
    p.k = HWY_MIN(stretch, all - done);
    p.first = done == 0;
    p.last = done + stretch >= all;
    panel_rows(p, rows, vectors, rest != 0 && form == Form::plain, next);
    p.a += stretch * p.a_column;
    p.b += stretch * p.b_step;
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

/// Columns that one panel of b has.
int64_t panel_columns(const Launch& launch, const MatMulGeometry& geometry, Form form) {
  if (form == Form::packed) return launch.call->inputs[1].layout.splits[0].block;
  return (kManyRegisters && geometry.n <= 4 * kLanes ? 4 : 3) * kLanes;
}

/// A panel meets all rows before the next one, for all of k: it stays in the second cache, and each
/// result is one sum. What is not packed is read in stretches, for each of its rows is a page of
/// its own.
void run_panels(const Launch& launch, Form form) noexcept {
  constexpr int64_t kEnough = 16;             // pieces of work
  constexpr int64_t kStays = 512 * 1024 / 4;  // elements
  const auto& geometry = prepared<MatMulCall>(launch);
  const int64_t width = panel_columns(launch, geometry, form);
  const int64_t row_blocks = (geometry.m + kBlockRows - 1) / kBlockRows;
  const int64_t block_rows = (geometry.m + row_blocks - 1) / HWY_MAX(row_blocks, 1);
  const int64_t groups = (geometry.n + width - 1) / width;
  const int64_t panels = geometry.matrices() * groups;
  const bool b_stays = form != Form::transposed && geometry.k * geometry.n <= kStays;
  // Where there are panels enough, one piece of work has all rows.
  const int64_t pieces = panels >= kEnough && !b_stays ? HWY_MIN(row_blocks, 1) : row_blocks;
  const int threads = threads_for(launch, geometry);
  Product whole = product_of(launch, geometry);
  whole.b_step = form == Form::plain ? geometry.b_row : width;
  base::parallel_for(threads, panels * pieces, [&](int64_t unit) {
    const int64_t group = b_stays ? unit % groups : unit / pieces % groups;
    const int64_t first_block = b_stays ? unit / groups % pieces : unit % pieces;
    const int64_t first = group * width;
    const int64_t columns = HWY_MIN(width, geometry.n - first);
    const bool more = form == Form::packed && !b_stays && group + threads < groups &&
                      geometry.k <= kPackedStretch;
    TileProgram::Workspace workspace;
    geometry.epilogue.start(workspace);
    geometry.at<float>(unit / pieces / groups, launch,
                       [&](float* y, const float* a, const float* b, const int64_t* trailing) {
                         alignas(64) float panel[kPlainStretch * kBlockVectors * kLanes];
                         const float* at = b + first * (form == Form::packed  ? geometry.k
                                                        : form == Form::plain ? 1
                                                                              : geometry.b_column);
                         if (form == Form::transposed) {
                           transpose({at, geometry.b_column}, {panel, width}, columns, geometry.k);
                           at = panel;
                         }
                         const float* next = more ? at + threads * width * geometry.k : nullptr;
                         for (int64_t block = first_block; block < row_blocks; block += pieces) {
                           const int64_t row = block * block_rows;
                           if (row >= geometry.m) break;
                           Product p = whole;
                           p.a = a + row * p.a_row;
                           p.b = at;
                           p.y = y;
                           p.workspace = &workspace;
                           panel_block(part_of(launch, p, trailing, row, first),
                                       HWY_MIN(block_rows, geometry.m - row), columns, form,
                                       block + pieces >= row_blocks ? next : nullptr);
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
                const int64_t step = kManyRegisters && end - row >= 4 ? 4 : end - row >= 2 ? 2 : 1;
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
    run_panels(launch, Form::packed);
}

void run_plain(const Launch& launch) noexcept {
  // Several rows pay for a panel, which fits where k is short: that of attention is.
  constexpr int64_t kLeastRows = 8;
  const auto& geometry = prepared<MatMulCall>(launch);
  if (!launch.call->as<ir::MatMul>().transpose_b)
    run_panels(launch, Form::plain);
  else if (geometry.m >= kLeastRows && geometry.k <= kPlainStretch)
    run_panels(launch, Form::transposed);
  else
    run_rows(launch, geometry.b_column);
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

// The width, of those that a register tile may have, that is padded least; the widest of these.
template <class Unit>
int panel_width(int64_t columns) {
  const std::vector<int> widths =
      Unit::lanes == 16 ? std::vector{48, 64, 32, 16} : std::vector{16, 8};
  const auto padded = [&](int width) { return (columns + width - 1) / width * width; };
  return *std::min_element(widths.begin(), widths.end(),
                           [&](int a, int b) { return padded(a) < padded(b); });
}

// Panels: [n / width][k][width]. Rows: [n][k], which a transposed b is already.
template <class Unit>
ir::Graph pack_matmul(const Call& call) {
  const bool transposed = call.as<ir::MatMul>().transpose_b;
  ir::Layout layout;
  if (!transposed) layout.order = {1, 0};
  const auto& dims = call.inputs[1].dims;
  const int axis = transposed ? 0 : 1;
  if (call.tactic != matmul_by_rows)
    layout.splits = {{axis, panel_width<Unit>(dims[static_cast<size_t>(axis)])}};
  ir::GraphBuilder graph;
  if (layout.plain()) return graph.finish();
  const auto b = graph.input("1", ir::ValueType(DType::f32, ir::Dims(dims.begin(), dims.end())));
  graph.output("1", graph.add(ir::Reorder{layout}, {b}));
  return graph.finish();
}

template <class Unit>
Kernel packed(std::string_view name, void (*run)(const Launch&) noexcept) {
  return {.name = name,
          .version = 2,
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
          .version = 2,
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
