// Tiles through shared memory by asynchronous copies, 128 bytes of the depth a slice, whatever the
// dtype: f16, bf16 and tf32 differ in the instruction alone. Chunks of 16 bytes stand at
// chunk ^ (row % 8), so that neither the copies nor ldmatrix meet in a bank. Where the tiles are
// too few to fill a GPU, the blocks of a cluster share the depth of one, and add up in each other's
// shared memory, always in the same order.
#include "cuda/kernels/tensor_cores.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "cuda/expression_text.h"
#include "cuda/kernels/tensor_text.h"
#include "ir/ops/epilogue.h"

namespace tenon::cuda {

namespace {

constexpr int64_t kPad = 4;  // floats behind a row of sums, so that rows begin in different banks
using Tile = std::pair<int64_t, int64_t>;
constexpr std::array<Tile, 5> kTiles = {{{128, 128}, {128, 64}, {64, 64}, {64, 32}, {16, 64}}};
// By warps of four, on capability 9.0.
constexpr std::array<Tile, 6> kWideTiles = {
    {{128, 256}, {128, 128}, {128, 64}, {64, 128}, {64, 64}, {64, 32}}};
constexpr std::array<int64_t, 4> kClusters = {1, 2, 4, 8};
constexpr size_t kMostTactics = 8;
constexpr double kMultiprocessors = 132;

int64_t parts_up(int64_t whole, int64_t part) { return (whole + part - 1) / part; }

int64_t stages_of(const TensorTactic& tactic) {
  const int64_t edge = tactic.rows + tactic.columns;
  return edge >= 192 ? 3 : edge >= 128 ? 4 : 6;
}

int64_t shared_of(const TensorTactic& tactic) {
  return std::max(stages_of(tactic) * (tactic.rows + tactic.columns) * slice_bytes,
                  tactic.rows * (tactic.columns + kPad) * 4);
}

bool has_clusters(const Call& call) { return call.target->architecture >= "sm_90"; }

/// Cycles that a product would take: what was measured for tiles of f16 on an H200, roughly. It
/// only puts the tactics in an order.
double guessed_cycles(const TensorTactic& tactic, int64_t matrices, int64_t m, int64_t n,
                      int64_t chunks) {
  const int64_t blocks =
      matrices * parts_up(m, tactic.rows) * parts_up(n, tactic.columns) * tactic.cluster;
  const double fitting = std::clamp(static_cast<double>(220 * 1024 / shared_of(tactic)), 1.0,
                                    tactic.threads() > 128 ? 2.0 : 3.0);
  const double waves = std::ceil(static_cast<double>(blocks) / (kMultiprocessors * fitting));
  const double crowd =  // blocks beside one another on a multiprocessor share it
      std::clamp(static_cast<double>(blocks) / kMultiprocessors, 1.0, fitting);
  const double area = static_cast<double>(tactic.rows * tactic.columns) / (64 * 64);
  const double slice = tactic.wide ? 130 + 130 * area : 150 + 190 * area;
  const auto slices = static_cast<double>(parts_up(parts_up(chunks, 8), tactic.cluster));
  const double joined = tactic.cluster == 1 ? 0 : 1100 + 60 * static_cast<double>(tactic.cluster);
  return waves * (2600 + joined + slices * slice * (0.5 + 0.5 * crowd) + 250 * area);
}

std::string_view instruction_of(DType dtype) {
  switch (dtype) {
    case DType::f16: return "m16n8k16.row.col.f32.f16.f16.f32";
    case DType::bf16: return "m16n8k16.row.col.f32.bf16.bf16.f32";
    default: return "m16n8k8.row.col.f32.tf32.tf32.f32";
  }
}

}  // namespace

std::string TensorTactic::name() const {
  return fmt::format("{}x{}x{}{}", rows, columns, cluster, wide ? "w" : "");
}

TensorTactic TensorTactic::named(std::string_view name) {
  TensorTactic tactic;
  const char *at = name.data(), *const end = at + name.size();
  for (int64_t* field : {&tactic.rows, &tactic.columns, &tactic.cluster}) {
    at = std::from_chars(at, end, *field).ptr;
    if (at != end && *at == 'x') ++at;
  }
  tactic.wide = name.ends_with('w');
  return tactic;
}

const char* refuse_tensor_cores(const Call& call, bool tf32) {
  const DType dtype = call.outputs[0].dtype;
  if (dtype == DType::f32 && !tf32) return "it rounds factors, and precision is the model's";
  if (dtype != DType::f32 && dtype != DType::f16 && dtype != DType::bf16)
    return "it multiplies f16, bf16 and tf32 only";
  return nullptr;
}

std::vector<kernel::Tactic> tensor_tactics(const Call& call, int64_t matrices, int64_t m, int64_t n,
                                           int64_t chunks) {
  std::vector<std::pair<double, TensorTactic>> order;
  const auto offer = [&](std::span<const Tile> tiles, bool wide) {
    for (const auto& [rows, columns] : tiles) {
      for (const int64_t cluster : kClusters) {
        if (cluster > 1 && (!has_clusters(call) || parts_up(chunks, 8) < cluster)) continue;
        const TensorTactic tactic{rows, columns, cluster, wide};
        order.emplace_back(guessed_cycles(tactic, matrices, m, n, chunks), tactic);
      }
    }
  };
  offer(kTiles, false);
  const bool narrow = call.outputs[0].dtype != DType::f32;
  if (narrow && call.target->architecture == "sm_90") offer(kWideTiles, true);
  std::ranges::stable_sort(order, {}, [](const auto& each) { return each.first; });
  std::vector<kernel::Tactic> tactics;
  for (const auto& [cycles, tactic] : order) {
    if (tactics.size() < kMostTactics) tactics.push_back({tactic.name()});
  }
  return tactics;
}

std::optional<MatrixSteps> matrix_steps(std::span<const int64_t> dims,
                                        const kernel::Strides& strides) {
  MatrixSteps steps{.row = 0, .column = dims.back() == 1 ? 0 : strides.back()};
  int64_t rows = 1;  // inside the axis
  bool known = false;
  for (size_t a = dims.size() - 1; a-- > 0;) {
    if (dims[a] == 1) continue;
    if (!known) {
      steps.row = strides[a];
      known = true;
    } else if (strides[a] != steps.row * rows) {
      return std::nullopt;
    }
    rows *= dims[a];
  }
  return steps;
}

MatrixFinish matrix_finish(const Call& call, const ir::Expression& epilogue,
                           std::span<const MatrixSteps> steps, int64_t columns, size_t first) {
  const DType dtype = call.outputs[0].dtype;
  const int64_t chunk = chunk_elements(dtype);
  MatrixFinish finish;
  std::string loads;
  // Operand `number`, `step` elements on by row and column: a chunk at once where it can be.
  const auto load = [&](std::string_view name, size_t number, MatrixSteps step) {
    const DType own = call.inputs[number].dtype;
    finish.numbers.insert(finish.numbers.end(), {step.row, step.column});
    const size_t at = first + finish.numbers.size() - 2;
    const bool whole =
        step.column == 1 && step.row % chunk == 0 && columns % chunk == 0 && own == dtype;
    loads += fmt::format(
        "  {0} {1}[V] = {{}};\n  {{\n    const {0}* from = (const {0}*)buffers.at[{2}] "
        "+ row * n[{3}] + column * n[{4}];\n",
        type_name(own), name, number, at, at + 1);
    if (whole) {
      loads += fmt::format(
          "    const Chunk all = *(const Chunk*)from;\n#pragma unroll\n"
          "    for (int e = 0; e < V; ++e) {}[e] = all.at[e];\n  }}\n",
          name);
    } else {
      loads += fmt::format(
          "#pragma unroll\n    for (int e = 0; e < V; ++e)\n      if (column + e < "
          "(i32)n[1]) {}[e] = from[e * n[{}]];\n  }}\n",
          name, at + 1);
    }
  };
  const bool bias = has_input(call, 2);
  if (bias) load("bias", 2, {0, 1});
  std::vector<DType> dtypes{dtype};
  for (size_t i = ir::first_epilogue_operand; i < call.inputs.size(); ++i) {
    dtypes.push_back(call.inputs[i].dtype);
    load(fmt::format("beside{}", i), i, steps[i - ir::first_epilogue_operand]);
  }
  std::string last = "    result[e] = stored;\n";
  bool may_fail = false;
  if (!epilogue.instructions().empty()) {
    const ExpressionText body(epilogue, dtypes, [&](int input) {
      if (input == 0) return std::string("stored");
      return fmt::format("beside{}[e]", ir::first_epilogue_operand + input - 1);
    });
    may_fail = body.may_fail();
    finish.sentence = body.sentence();
    last = fmt::format("{}    result[e] = As<T>::of(v{});\n", body.text(), body.result());
  }
  // The epilogue sees the element as it would be stored: the bits of a pointwise node behind.
  finish.text = fmt::format(
      "__device__ inline void finish_chunk(const Buffers& buffers, const Numbers<NUMBERS>& n, i64 "
      "row, i32 column, const f32 (&sums)[V], T (&result)[V]) {{\n{}  bool by_zero = false;\n"
      "#pragma unroll\n  for (int e = 0; e < V; ++e) {{\n    const T stored = "
      "As<T>::of(sums[e]{});\n{}  }}\n{}}}\n",
      loads, bias ? " + (f32)get(bias[e])" : "", last, may_fail ? "  if (by_zero) FAIL();\n" : "");
  return finish;
}

Stage tensor_stage(const Call& call, const TensorProduct& product) {
  const TensorTactic tactic = TensorTactic::named(call.tactic);
  const DType dtype = call.outputs[0].dtype;
  const int64_t tiles_m = parts_up(product.rows, tactic.rows);
  const int64_t tiles_n = parts_up(product.stored, tactic.columns);
  Stage stage;
  stage.text =
      define("BM", tactic.rows) + define("BN", tactic.columns) +
      define("WARPS_M", tactic.warps_m()) + define("WARPS_N", tactic.warps_n()) +
      define("THREADS", tactic.threads()) + define("CLUSTER", tactic.cluster) +
      define("STAGES", stages_of(tactic)) + define("WIDE", tactic.wide ? 1 : 0) +
      define("B_IS_WEIGHT", call.inputs[1].weight ? 1 : 0) +
      define("TF32", dtype == DType::f32 ? 1 : 0) +
      define("WHOLE_CHUNKS", product.stored % chunk_elements(dtype) == 0 ? 1 : 0) +
      fmt::format(
          "#define MMA \"{}\"\n#define CLUSTER_OF {}\n", instruction_of(dtype),
          tactic.cluster > 1 ? fmt::format("__cluster_dims__({}, 1, 1)", tactic.cluster) : "") +
      define_type("T", type_name(dtype)) + std::string(tensor_head_text) + product.text +
      (tactic.wide ? wide_products_text(tactic.columns, dtype == DType::f16 ? "f16" : "bf16")
                   : "") +
      product.finish.text + std::string(tensor_product_text);
  stage.numbers = {product.rows, product.columns, product.stored, product.chunks, tiles_m, tiles_n};
  stage.numbers.insert(stage.numbers.end(), product.numbers.begin(), product.numbers.end());
  stage.numbers.insert(stage.numbers.end(), product.finish.numbers.begin(),
                       product.finish.numbers.end());
  stage.blocks = product.matrices * tiles_m * tiles_n * tactic.cluster;
  stage.threads = tactic.threads();
  stage.shared = static_cast<size_t>(shared_of(tactic));
  return stage;
}

}  // namespace tenon::cuda
