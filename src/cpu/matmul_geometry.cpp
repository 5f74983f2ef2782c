// Batches of a matrix product, folded where they can be.
#include "cpu/matmul_geometry.h"

#include <algorithm>
#include <optional>

#include "cpu/interpreter.h"
#include "ir/ops/matmul.h"

namespace tenon::cpu {

namespace {

int64_t count(const std::vector<int64_t>& dims) {
  int64_t product = 1;
  for (const int64_t extent : dims) product *= extent;
  return product;
}

// The step with which strides walk `dims` as one axis, if there is one.
std::optional<int64_t> one_step_of(std::span<const int64_t> dims,
                                   std::span<const int64_t> strides) {
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

/// An operand as matrices.
struct Matrices {
  Matrices(const kernel::Operand& operand, bool transposed) {
    const Strides strides = strides_of(operand);
    const size_t outer = operand.dims.size() - 2, last = outer + 1;
    batch.dims.assign(operand.dims.begin(), operand.dims.end() - 2);
    batch.strides.assign(strides.begin(), strides.end() - 2);
    rows = operand.dims[transposed ? last : outer];
    columns = operand.dims[transposed ? outer : last];
    row = strides[transposed ? last : outer];
    column = strides[transposed ? outer : last];
  }

  /// From row to row of all matrices, where there is one.
  std::optional<int64_t> one_step() const {
    std::vector<int64_t> dims = batch.dims;
    Strides strides = batch.strides;
    dims.push_back(rows);
    strides.push_back(row);
    return one_step_of(dims, strides);
  }

  kernel::Operand batch;
  int64_t rows = 0, columns = 0;
  int64_t row = 0, column = 0;  // strides
};

// Strides along the result, by operand of the epilogue.
std::vector<Strides> trailing_strides(const Call& call) {
  std::vector<Strides> strides;
  for (auto i = static_cast<size_t>(ir::first_epilogue_operand); i < call.inputs.size(); ++i)
    strides.push_back(operand_strides(call.inputs[i], call.outputs[0]));
  return strides;
}

}  // namespace

MatMulGeometry make_matmul_geometry(const Call& call, bool may_fold) {
  const auto& op = call.as<ir::MatMul>();
  const Matrices a(call.inputs[0], op.transpose_a), b(call.inputs[1], op.transpose_b);
  const Matrices y(call.outputs[0], false);
  MatMulGeometry geometry;
  geometry.by_rows = call.tactic == matmul_by_rows;
  geometry.m = y.rows;
  geometry.n = y.columns;
  geometry.k = a.columns;
  geometry.y_row = y.row;
  geometry.a_row = a.row;
  geometry.a_column = a.column;
  geometry.b_row = b.row;
  geometry.b_column = b.column;
  const std::vector<Strides> trailing = trailing_strides(call);
  const auto all_rows = std::span(call.outputs[0].dims).first(y.batch.dims.size() + 1);
  const auto a_step = a.one_step(), y_step = y.one_step();
  const bool folds = may_fold && count(b.batch.dims) == 1 &&
                     count(a.batch.dims) == count(y.batch.dims) && a_step && y_step &&
                     std::ranges::all_of(trailing, [&](const Strides& s) {
                       return one_step_of(all_rows, s).has_value();
                     });
  std::vector<Strides> strides;
  for (const Matrices* each : {&y, &a, &b})
    strides.push_back(broadcast_strides(each->batch, y.batch.dims));
  for (size_t i = 0; i < trailing.size(); ++i) {
    const Strides& each = trailing[i];
    const DType dtype = call.inputs[static_cast<size_t>(ir::first_epilogue_operand) + i].dtype;
    geometry.trailing[i] = {static_cast<int64_t>(byte_count(dtype, 1)),
                            folds ? *one_step_of(all_rows, each) : each[all_rows.size() - 1],
                            each[all_rows.size()]};
    strides.emplace_back(each.begin(), each.end() - 2);
  }
  geometry.trailing_operands = static_cast<int>(trailing.size());
  std::vector<int64_t> batch = y.batch.dims;
  if (folds) {
    geometry.m *= count(batch);
    geometry.a_row = *a_step;
    geometry.y_row = *y_step;
    batch.clear();
    strides.assign(strides.size(), {});
  }
  geometry.batches = Walk(batch, std::move(strides));
  return geometry;
}

}  // namespace tenon::cpu
