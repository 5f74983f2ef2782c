// f32 matrix products: by panels of b (outer products in registers) or by rows of b (dot products).
#include "cpu/vector/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector/matmul.cpp"
#include "cpu/kernel_parts.h"
#include "cpu/vector/vector_kernels.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// After the targets are known:
#include "cpu/vector/matmul_tile-inl.h"
#include "cpu/vector/transpose-inl.h"

#if TENON_VECTOR_PASS
HWY_BEFORE_NAMESPACE();
namespace tenon::cpu::HWY_NAMESPACE {
namespace {  // other files have other things of the same name

Product product_of(const Launch& launch, const MatMulCall& geometry) {
  constexpr float infinity = __builtin_inff();
  return {.a_row = geometry.a_row,
          .a_column = geometry.a_column,
          .y_row = geometry.y_row,
          .k = geometry.k,
          .bias = optional_input<float>(launch, 2),
          .least = geometry.trails ? -infinity : geometry.epilogue.least(),
          .greatest = geometry.trails ? infinity : geometry.epilogue.greatest(),
          .whole = geometry.trails ? &geometry : nullptr};
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
  MatMulCall made{make_matmul_geometry(call), Epilogue(call, 1, vector_functions<Unit>)};
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
