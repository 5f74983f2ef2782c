// Batches of a matrix product, folded where they can be.
#include "cpu/matmul_geometry.h"

#include <algorithm>
#include <optional>

#include "cpu/interpreter.h"
#include "ir/ops/matmul.h"

namespace tenon::cpu {

namespace {

std::vector<int64_t> batch_dims(const std::vector<int64_t>& dims) {
  return {dims.begin(), dims.end() - 2};
}

int64_t count(const std::vector<int64_t>& dims) {
  int64_t product = 1;
  for (const int64_t extent : dims) product *= extent;
  return product;
}

// The step with which strides walk `dims` as one axis, if there is one.
std::optional<int64_t> one_step(std::span<const int64_t> dims, std::span<const int64_t> strides) {
  std::optional<int64_t> step;
  int64_t next = 0;
  for (size_t i = dims.size(); i-- > 0;) {
    if (dims[i] == 1) continue;
    if (step && strides[i] != next) return std::nullopt;
    if (!step) step = strides[i];
    next = strides[i] * dims[i];
  }
  return step.value_or(0);
}

// Strides along the result, by operand of the epilogue.
std::vector<Strides> trailing_strides(const Call& call) {
  std::vector<Strides> strides;
  for (auto i = static_cast<size_t>(ir::first_epilogue_operand); i < call.inputs.size(); ++i)
    strides.push_back(operand_strides(call.inputs[i], call.outputs[0]));
  return strides;
}

}  // namespace

MatMulGeometry make_matmul_geometry(const Call& call) {
  const auto& op = call.as<ir::MatMul>();
  const auto& a = call.inputs[0].dims;
  const auto& y = call.outputs[0].dims;
  const auto a_batch = batch_dims(a), b_batch = batch_dims(call.inputs[1].dims);
  auto batch = batch_dims(y);
  MatMulGeometry geometry;
  geometry.by_rows = call.tactic == matmul_by_rows;
  geometry.m = y[y.size() - 2];
  geometry.n = y[y.size() - 1];
  geometry.k = a[a.size() - (op.transpose_a ? 2 : 1)];
  geometry.a_row = op.transpose_a ? 1 : geometry.k;
  geometry.a_column = op.transpose_a ? geometry.m : 1;
  geometry.b_row = op.transpose_b ? 1 : geometry.n;
  geometry.b_column = op.transpose_b ? geometry.k : 1;
  const std::vector<Strides> trailing = trailing_strides(call);
  const auto rows = std::span(y).first(y.size() - 1);
  const bool folds = !op.transpose_a && count(b_batch) == 1 && count(a_batch) == count(batch) &&
                     std::ranges::all_of(
                         trailing, [&](const Strides& s) { return one_step(rows, s).has_value(); });
  std::vector<Strides> strides{dense_strides(batch), broadcast_strides(a_batch, batch),
                               broadcast_strides(b_batch, batch)};
  for (size_t i = 0; i < trailing.size(); ++i) {
    const Strides& each = trailing[i];
    const DType dtype = call.inputs[static_cast<size_t>(ir::first_epilogue_operand) + i].dtype;
    geometry.trailing[i] = {static_cast<int64_t>(byte_count(dtype, 1)),
                            folds ? *one_step(rows, each) : each[rows.size() - 1],
                            each[rows.size()]};
    strides.emplace_back(each.begin(), each.end() - 2);
  }
  geometry.trailing_operands = static_cast<int>(trailing.size());
  if (folds) {
    geometry.m *= count(batch);
    batch.clear();
    strides.assign(strides.size(), {});
  }
  geometry.batches = Walk(batch, std::move(strides));
  return geometry;
}

}  // namespace tenon::cpu
