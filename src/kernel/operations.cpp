// By op.
#include "kernel/operations.h"

#include "ir/ops.h"

namespace tenon::kernel {

namespace {

double elements(const Operand& operand) { return static_cast<double>(operand.elements()); }

// Instructions that are no operand and no number.
double steps(const ir::Expression& expression) {
  double count = 0;
  for (const auto& instruction : expression.instructions())
    count += instruction.op != ir::Scalar::input && instruction.op != ir::Scalar::literal;
  return count;
}

double conv_operations(const ir::Conv& conv, const std::vector<int64_t>& weight, double results) {
  double terms = 1;  // of a result
  for (size_t i = 1; i < weight.size(); ++i) terms *= static_cast<double>(weight[i]);
  return results * (2 * terms + steps(conv.epilogue));
}

double matmul_operations(const ir::MatMul& matmul, const std::vector<int64_t>& a, double results) {
  const int64_t depth = a[a.size() - (matmul.transpose_a ? 2 : 1)];
  return results * (2 * static_cast<double>(depth) + steps(matmul.epilogue));
}

// Two products over all pairs of a query and a key, and a softmax of these.
double attention_operations(const ir::Attention& attention, const Call& call) {
  const auto &q = call.inputs[0].dims, &k = call.inputs[1].dims, &y = call.outputs[0].dims;
  const double rows =
      elements(call.outputs[0]) / static_cast<double>(std::max<int64_t>(y.back(), 1));
  const auto depth = static_cast<double>(q.back() + y.back());
  return rows * static_cast<double>(k[k.size() - 2]) * (2 * depth + 4 + steps(attention.scores));
}

// Of a window, its places each.
double window_operations(const std::vector<int64_t>& kernel, double results) {
  for (const int64_t extent : kernel) results *= static_cast<double>(extent);
  return results;
}

}  // namespace

double operations_of(const Call& call) {
  const double results = elements(call.outputs[0]);
  const auto plain = [&](size_t i) -> const std::vector<int64_t>& {
    return call.plain_inputs.empty() ? call.inputs[i].dims : call.plain_inputs[i].dims;
  };
  if (const auto* attention = call.op.as<ir::Attention>())
    return attention_operations(*attention, call);
  if (const auto* conv = call.op.as<ir::Conv>()) return conv_operations(*conv, plain(1), results);
  if (const auto* matmul = call.op.as<ir::MatMul>())
    return matmul_operations(*matmul, plain(0), results);
  if (const auto* pointwise = call.op.as<ir::Pointwise>())
    return results * steps(pointwise->expression);
  if (call.op.as<ir::Reduce>()) return elements(call.inputs[0]);
  if (call.op.as<ir::Softmax>()) return 4 * results;    // greatest, exponential, sum, quotient
  if (call.op.as<ir::LayerNorm>()) return 7 * results;  // two sums, a quotient, scale and shift
  if (const auto* pool = call.op.as<ir::MaxPool>()) return window_operations(pool->kernel, results);
  if (const auto* pool = call.op.as<ir::AveragePool>())
    return window_operations(pool->kernel, results);
  return 0;
}

}  // namespace tenon::kernel
