// Imports of matrix products.
#include <array>
#include <cmath>

#include "ir/ops/det.h"
#include "ir/ops/matmul.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

// The bias that a matmul adds itself: one element for each of its columns.
bool is_row_bias(NodeContext& node, const ir::Dim& columns) {
  const ir::Dims& bias = node.dims(2);
  return bias.size() == 1 && bias[0] == columns && node.dtype(2) == node.dtype(0);
}

// An integer's factor must be one itself; f32 holds those up to 2^24.
void check_factor(NodeContext& node, float factor, std::string_view name) {
  const bool whole = std::trunc(factor) == factor && std::abs(factor) <= 0x1p24f;
  if (!is_floating(node.dtype(0)) && !whole) node.unsupported("{}={} with integers", name, factor);
}

// alpha * product + beta * c, without the factors that are 1.
ir::ValueId scaled_sum(NodeContext& node, ir::ValueId product, double alpha, double beta) {
  const bool added = node.has(2) && beta != 0;
  if (!added)
    return alpha == 1 ? product : node.pointwise("mul(a, b)", {product}, std::array{alpha});
  const std::vector<ir::ValueId> operands{product, node.input(2)};
  if (alpha == 1 && beta == 1) return node.pointwise("add(a, b)", operands);
  if (alpha == 1) return node.pointwise("add(a, mul(b, c))", operands, std::array{beta});
  if (beta == 1) return node.pointwise("add(mul(a, c), b)", operands, std::array{alpha});
  return node.pointwise("add(mul(a, c), mul(b, d))", operands, std::array{alpha, beta});
}

}  // namespace

// A vector on the left is a row, one on the right a column; the axis of 1 leaves the result again.
Outputs import_matmul(NodeContext& node) {
  ir::ValueId a = node.input(0), b = node.input(1);
  const bool row = node.rank(0) == 1, column = node.rank(1) == 1;
  if (node.rank(0) == 0 || node.rank(1) == 0) node.fail("an operand is a scalar");
  if (row) a = node.reshape(a, {1, node.dims(0)[0]});
  if (column) b = node.reshape(b, {node.dims(1)[0], 1});
  ir::ValueId product = node.add(ir::MatMul{}, {a, b});
  if (!row && !column) return {product};
  ir::Dims dims = node.builder().dims(product);
  if (column) dims.pop_back();
  if (row) dims.erase(dims.end() - (column ? 1 : 2));
  return {node.reshape(product, std::move(dims))};
}

Outputs import_gemm(NodeContext& node) {
  for (size_t i : {0, 1})
    if (node.rank(i) != 2) node.fail("operand {} has rank {}, expected 2", i, node.rank(i));
  if (node.opset() < 7) node.ignore_attribute("broadcast");  // of operand 2, as it is now
  const float alpha = node.number("alpha", 1.0f), beta = node.number("beta", 1.0f);
  check_factor(node, alpha, "alpha");
  check_factor(node, beta, "beta");
  const ir::MatMul matmul{.transpose_a = node.flag("transA", false),
                          .transpose_b = node.flag("transB", false)};
  const ir::Dim& columns = node.dims(1)[matmul.transpose_b ? 0 : 1];
  if (alpha == 1 && beta == 1 && node.has(2) && is_row_bias(node, columns))
    return {node.add(matmul, {node.input(0), node.input(1), node.input(2)})};
  if (node.has(2) && node.rank(2) > 2)
    node.fail("operand 2 has rank {}, expected 2 or less", node.rank(2));
  const ir::ValueId product = node.add(matmul, {node.input(0), node.input(1)});
  const ir::ValueId sum = scaled_sum(node, product, alpha, beta);
  node.require_dims(sum, ir::Dims(node.builder().dims(product)), "operand 2");
  return {sum};
}

Outputs import_det(NodeContext& node) { return {node.add(ir::Det{}, {node.input(0)})}; }

}  // namespace tenon::onnx
