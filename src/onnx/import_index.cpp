// Imports of ops that read or write single elements, or slices below several axes, by index. The
// indices of the axes become one that counts through them all.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "ir/ops/gather.h"
#include "ir/ops/range.h"
#include "ir/ops/scatter.h"
#include "ir/ops/slice.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

// a: the index so far, b: that of the next axis, c: its extent. An index outside, negative ones
// count from the end, makes the whole one of no element.
constexpr std::string_view next_formula =
    "where(logical_or(less(a, 0), logical_or(less(b, neg(c)), less_equal(c, b))), -1e15, "
    "add(mul(a, c), where(less(b, 0), add(b, c), b)))";

// The index of each element by those of the first axes of operand 0.
ir::ValueId one_index(NodeContext& node, const std::vector<ir::ValueId>& by_axis) {
  ir::ValueId index = node.scalar(0);
  for (size_t axis = 0; axis < by_axis.size(); ++axis)
    index = node.pointwise(next_formula, {index, by_axis[axis], node.extent(node.input(0), axis)});
  return index;
}

// Operand 0 with its first `count` axes as one.
ir::ValueId flattened(NodeContext& node, size_t count) {
  const std::span<const ir::Dim> dims = node.dims(0);
  ir::Dims flat{ir::product(dims.first(count))};
  flat.insert(flat.end(), dims.begin() + static_cast<std::ptrdiff_t>(count), dims.end());
  return node.reshape(node.input(0), std::move(flat));
}

// Operand 1 of GatherElements and its kin: one index along `axis`, where the other axes' is its
// place.
ir::ValueId index_of_elements(NodeContext& node) {
  const size_t rank = node.rank(0);
  const auto axis = static_cast<size_t>(node.axis(node.integer("axis", 0), rank));
  if (node.rank(1) != rank)
    node.fail("the indices have rank {}, and the data {}", node.rank(1), rank);
  std::vector<ir::ValueId> by_axis;
  for (size_t i = 0; i < rank; ++i)
    by_axis.push_back(i == axis ? node.integers_of(1) : node.counting(node.dims(1)[i], i, rank));
  return one_index(node, by_axis);
}

/// Operand 1 of GatherND and ScatterND: indices of several axes lie side by side on its last one.
struct Tuples {
  ir::ValueId index;
  size_t axes;  ///< of operand 0 that it runs through
};

Tuples index_of_tuples(NodeContext& node, size_t batch) {
  const ir::Dims dims = node.dims(1);
  if (dims.empty()) node.fail("the indices are a scalar, and need an axis");
  const auto count = dims.back().try_constant();
  if (!count)
    node.unsupported("{} indices lie side by side, which must be known while building",
                     dims.back().text());
  const size_t axes = batch + static_cast<size_t>(*count);
  if (batch >= dims.size() || axes > node.rank(0))
    node.fail("indices {} with {} batch axes do not fit rank {}", ir::text(dims), batch,
              node.rank(0));
  const ir::Dims places(dims.begin(), dims.end() - 1);
  std::vector<ir::ValueId> by_axis;
  for (size_t i = 0; i < batch; ++i) {
    node.require_equal(dims[i], node.dims(0)[i], "the extents of a batch axis");
    by_axis.push_back(node.counting(dims[i], i, places.size()));
  }
  ir::Slice column{ir::Dims(dims.size(), 0), dims, {}};
  column.dims.back() = 1;
  for (int64_t i = 0; i < *count; ++i) {
    column.starts.back() = i;
    by_axis.push_back(node.reshape(node.add(column, {node.integers_of(1)}), places));
  }
  return {one_index(node, by_axis), axes};
}

ir::ScatterKind kind_of(NodeContext& node) {
  const std::string reduction = node.text("reduction", "none");
  constexpr std::string_view names[] = {"none", "add", "mul", "max", "min"};
  const auto* const found = std::ranges::find(names, reduction);
  if (found == std::end(names)) node.fail("reduction {} is unknown", base::quoted(reduction));
  return static_cast<ir::ScatterKind>(found - names);
}

}  // namespace

Outputs import_gather_elements(NodeContext& node) {
  const ir::ValueId flat = flattened(node, node.rank(0));
  return {node.add(ir::Gather{0}, {flat, index_of_elements(node)})};
}

Outputs import_gather_nd(NodeContext& node) {
  const auto batch = static_cast<size_t>(std::max<int64_t>(node.integer("batch_dims", 0), 0));
  const Tuples tuples = index_of_tuples(node, batch);
  return {node.add(ir::Gather{0}, {flattened(node, tuples.axes), tuples.index})};
}

Outputs import_scatter_elements(NodeContext& node) {
  const ir::Scatter scatter{kind_of(node)};
  const ir::ValueId flat = flattened(node, node.rank(0));
  const ir::ValueId y = node.add(scatter, {flat, index_of_elements(node), node.input(2)});
  return {node.reshape(y, node.dims(0))};
}

Outputs import_scatter_nd(NodeContext& node) {
  const ir::Scatter scatter{kind_of(node)};
  const Tuples tuples = index_of_tuples(node, 0);
  const ir::ValueId flat = flattened(node, tuples.axes);
  return {node.reshape(node.add(scatter, {flat, tuples.index, node.input(2)}), node.dims(0))};
}

}  // namespace tenon::onnx
