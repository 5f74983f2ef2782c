// Ops that only move elements: strided copies.
#include "cuda/kernels/strided_copy.h"
#include "ir/ops.h"

namespace tenon::cuda {

namespace {

using kernel::Strides;
using kernel::strides_of;

kernel::Prepared prepare_whole(const Call& call, kernel::Backend&) {
  const int64_t count[] = {call.outputs[0].elements()};
  return prepare_strided_copy(call, count, {1});
}

kernel::Prepared prepare_transpose(const Call& call, kernel::Backend&) {
  const Strides in = strides_of(call.inputs[0]);
  Strides permuted;
  for (const int64_t axis : call.as<ir::Transpose>().permutation)
    permuted.push_back(in[static_cast<size_t>(axis)]);
  return prepare_strided_copy(call, call.outputs[0].dims, std::move(permuted));
}

kernel::Prepared prepare_slice(const Call& call, kernel::Backend&) {
  const auto& op = call.as<ir::Slice>();
  Strides strides = strides_of(call.inputs[0]);
  int64_t first = 0;
  for (size_t axis = 0; axis < strides.size(); ++axis) {
    first += op.starts[axis].constant() * strides[axis];
    strides[axis] *= op.step(axis);
  }
  return prepare_strided_copy(call, call.outputs[0].dims, std::move(strides), first);
}

kernel::Prepared prepare_expand(const Call& call, kernel::Backend&) {
  const auto& dims = call.outputs[0].dims;
  return prepare_strided_copy(call, dims, kernel::broadcast_strides(call.inputs[0], dims));
}

// Each axis is two: its repeats and its extent.
kernel::Prepared prepare_tile(const Call& call, kernel::Backend&) {
  const auto& x = call.inputs[0].dims;
  const Strides own = strides_of(call.inputs[0]);
  std::vector<int64_t> dims;
  Strides strides;
  for (size_t axis = 0; axis < x.size(); ++axis) {
    dims.insert(dims.end(), {call.as<ir::Tile>().repeats[axis].constant(), x[axis]});
    strides.insert(strides.end(), {0, own[axis]});
  }
  return prepare_strided_copy(call, dims, std::move(strides));
}

constexpr Kernel dense_copy(std::string_view name) {
  return {.name = name, .reject = plain_only, .prepare = prepare_whole, .run = run_stages};
}

}  // namespace

template <>
Kernels kernels<ir::Reshape>() {
  static constexpr Kernel list[] = {dense_copy("cuda.reshape.reference")};
  return list;
}

template <>
Kernels kernels<ir::Bind>() {
  static constexpr Kernel list[] = {dense_copy("cuda.bind.reference")};
  return list;
}

template <>
Kernels kernels<ir::Transpose>() {
  static constexpr Kernel list[] = {strided_copy("cuda.transpose.reference", prepare_transpose)};
  return list;
}

template <>
Kernels kernels<ir::Slice>() {
  static constexpr Kernel list[] = {strided_copy("cuda.slice.reference", prepare_slice)};
  return list;
}

template <>
Kernels kernels<ir::Expand>() {
  static constexpr Kernel list[] = {strided_copy("cuda.expand.reference", prepare_expand)};
  return list;
}

template <>
Kernels kernels<ir::Tile>() {
  static constexpr Kernel list[] = {strided_copy("cuda.tile.reference", prepare_tile)};
  return list;
}

}  // namespace tenon::cuda
