// How an attention is cut into units, and which scores are sums.
#include "cpu/vector/attention_call.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "ir/ops/attention.h"

namespace tenon::cpu {
namespace {

using ir::Scalar;

constexpr int64_t most_block = 64;
constexpr int64_t block_floats = 64 * 1024;  // of scores: they stay in the second cache
constexpr int64_t least_units = 16;
constexpr int64_t few_rows = 3;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// A sum of operands, each times a number, and a number.
struct Sum {
  double factors[1 + ir::most_epilogue_operands] = {};
  double number = 0;

  bool is_number() const {
    return std::ranges::all_of(factors, [](double factor) { return factor == 0; });
  }
  Sum plus(const Sum& other) const {
    Sum sum = *this;
    for (size_t i = 0; i < std::size(factors); ++i) sum.factors[i] += other.factors[i];
    sum.number += other.number;
    return sum;
  }
  Sum times(double value) const {
    Sum sum = *this;
    for (double& factor : sum.factors) factor *= value;
    sum.number *= value;
    return sum;
  }
};

std::optional<Sum> step(const ir::Expression::Instruction& instruction,
                        const std::vector<Sum>& before) {
  const auto& [op, args, value] = instruction;
  if (op == Scalar::literal) return Sum{.number = value};
  if (op == Scalar::input) {
    Sum sum;
    sum.factors[args[0]] = 1;
    return sum;
  }
  if (op != Scalar::add && op != Scalar::mul && op != Scalar::div) return std::nullopt;
  const Sum &a = before[static_cast<size_t>(args[0])], &b = before[static_cast<size_t>(args[1])];
  if (op == Scalar::add) return a.plus(b);
  if (op == Scalar::mul && b.is_number()) return a.times(b.number);
  if (op == Scalar::mul && a.is_number()) return b.times(a.number);
  if (op == Scalar::div && b.is_number()) return a.times(1 / b.number);
  return std::nullopt;
}

/// The factor of the product, where its operands are only added.
std::optional<float> scale_of(const ir::Expression& expression) {
  if (expression.empty()) return 1.0f;
  std::vector<Sum> made;
  for (const auto& instruction : expression.instructions()) {
    const auto sum = step(instruction, made);
    if (!sum) return std::nullopt;
    made.push_back(*sum);
  }
  const Sum& whole = made.back();
  const auto is_one = [](double factor) { return factor == 1; };
  if (whole.number != 0 || !std::isfinite(whole.factors[0])) return std::nullopt;
  if (!std::all_of(whole.factors + 1, whole.factors + std::max(expression.inputs(), 1), is_one))
    return std::nullopt;
  return static_cast<float>(whole.factors[0]);
}

bool adds_easily(const MatMulGeometry& scores) {
  return std::all_of(scores.trailing, scores.trailing + scores.trailing_operands,
                     [](const MatMulGeometry::Trailing& operand) {
                       return operand.bytes == sizeof(float) &&
                              (operand.column == 0 || operand.column == 1);
                     });
}

}  // namespace

AttentionCall make_attention_call(const Call& call, TileFunctions functions, int64_t lanes,
                                  std::span<const int64_t> vectors) {
  const Call product = kernel::scores_call(call);
  AttentionCall it{
      .scores = {make_matmul_geometry(product, false), Epilogue(product, 1, functions)},
      .values = make_matmul_geometry(kernel::values_call(call), false)};
  const MatMulGeometry& scores = it.scores;
  it.scores.trails = it.scores.epilogue.trails();
  const auto scale = scale_of(call.as<ir::Attention>().scores);
  it.linear = scale && adds_easily(scores);
  it.scale = scale.value_or(1);
  const auto padded = [&](int64_t count) {
    return ceil_div(scores.n, count * lanes) * count * lanes;
  };
  const int64_t count = *std::ranges::min_element(vectors, {}, padded);
  it.panel = count * lanes;
  it.padded_n = padded(count);
  it.by_rows = scores.m <= few_rows && scores.a_column == 1 && scores.b_row == 1;
  const int64_t most =
      std::clamp<int64_t>(block_floats / std::max<int64_t>(it.padded_n, 1), 12, most_block);
  const int64_t blocks = std::max<int64_t>(ceil_div(scores.m, most), 1);
  it.block_rows = ceil_div(scores.m, blocks);
  // Every unit makes its own panels: as few units as there may be.
  const int64_t wanted = ceil_div(least_units, std::max<int64_t>(scores.matrices(), 1));
  it.chunks = std::min(blocks, wanted);
  it.chunk_rows = ceil_div(blocks, it.chunks) * it.block_rows;
  it.slots =
      std::clamp<int64_t>(std::min<int64_t>(it.units(), call.target->threads), 1, Slots::most);
  it.slot_floats = (it.by_rows ? 0 : it.padded_n * scores.k) + it.block_rows * it.padded_n;
  return it;
}

}  // namespace tenon::cpu
