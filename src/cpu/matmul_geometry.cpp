// Batches of a matrix product, folded where they can be.
#include "cpu/matmul_geometry.h"

#include <algorithm>

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
  if (!op.transpose_a && count(b_batch) == 1 && count(a_batch) == count(batch)) {
    geometry.m *= count(batch);
    geometry.batches = Walk({}, {{}, {}, {}});
  } else {
    geometry.batches = Walk(batch, {dense_strides(batch), broadcast_strides(a_batch, batch),
                                    broadcast_strides(b_batch, batch)});
  }
  return geometry;
}

}  // namespace tenon::cpu
