// Imports of ops that pick elements: by index, by rank, or because they are not zero.
#include <algorithm>

#include "ir/ops/cast.h"
#include "ir/ops/gather.h"
#include "ir/ops/non_max_suppression.h"
#include "ir/ops/non_zero.h"
#include "ir/ops/reduce.h"
#include "ir/ops/slice.h"
#include "ir/ops/string.h"
#include "ir/ops/top_k.h"
#include "ir/ops/unique.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

// The indices of what is not zero, and how many there are: counted, then bound, then written.
ir::ValueId non_zero(NodeContext& node, ir::ValueId x) {
  const size_t rank = node.builder().dims(x).size();
  ir::Reduce sum{.kind = ir::ReduceKind::sum, .axes = {}, .keep_dims = false};
  for (size_t i = 0; i < rank; ++i) sum.axes.push_back(static_cast<int64_t>(i));
  const ir::ValueId ones = node.cast(node.cast(x, DType::bool_), DType::i64);
  return node.add(ir::NonZero{node.extents_of(node.add(std::move(sum), {ones}))}, {x});
}

// The most boxes of one batch and class that may be kept, as far as building knows.
ir::Dim most_boxes(NodeContext& node) {
  const ir::Dim boxes = node.dims(1)[2];
  if (!node.has(2)) return 0;
  return node.known(2) ? min(boxes, max(node.known_dims(2)[0], 0)) : boxes;
}

// Where the greatest (or least) element of each line is, i64, the axis kept; the first of equal
// ones, or the last.
ir::ValueId extreme(NodeContext& node, ir::ValueId x, int64_t axis, bool greatest, bool last) {
  const ir::Dims dims = node.builder().dims(x);
  const auto at = static_cast<size_t>(axis);
  if (node.builder().type(x).dtype == DType::bool_) x = node.cast(x, DType::u8);
  if (last) {
    ir::Slice back{ir::Dims(dims.size(), 0), dims, std::vector<int64_t>(dims.size(), 1)};
    back.starts[at] = dims[at] - 1;
    back.steps[at] = -1;
    x = node.add(std::move(back), {x});
  }
  const auto found = node.add_node(ir::TopK{.k = {1}, .axis = axis, .largest = greatest}, {x}, 2);
  if (!last) return found[1];
  return node.pointwise("sub(sub(b, 1), a)", {found[1], node.extent(x, at)});
}

// The axes in an order that begins with `axis`.
std::vector<int64_t> axis_first(size_t axis, size_t rank) {
  std::vector<int64_t> order = axes_from(0, rank);
  std::rotate(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(axis),
              order.begin() + static_cast<std::ptrdiff_t>(axis) + 1);
  return order;
}

}  // namespace

Outputs import_arg_extreme(NodeContext& node) {
  const int64_t axis = node.axis(node.integer("axis", 0), node.rank(0));
  const bool keep = node.flag("keepdims", true);
  const bool last = node.opset() >= 12 && node.flag("select_last_index", false);
  const bool greatest = node.node().op_type == "ArgMax";
  const ir::ValueId found = extreme(node, node.input(0), axis, greatest, last);
  if (keep) return {found};
  ir::Dims dims = node.dims(0);
  dims.erase(dims.begin() + axis);
  return {node.reshape(found, std::move(dims))};
}

// Up to opset 12 all axes from the given one on are one.
Outputs import_hardmax(NodeContext& node) {
  const bool old = node.opset() < 13;
  const ir::Dims dims = node.dims(0);
  int64_t axis = node.axis(node.integer("axis", old ? 1 : -1), dims.size());
  ir::ValueId x = node.input(0);
  if (old) {
    const std::span<const ir::Dim> all = dims;
    x = node.reshape(x, {ir::product(all.first(static_cast<size_t>(axis))),
                         ir::product(all.subspan(static_cast<size_t>(axis)))});
    axis = 1;
  }
  const ir::Dims flat = node.builder().dims(x);
  const ir::ValueId found = extreme(node, x, axis, true, false);
  const ir::ValueId places =
      node.counting(flat[static_cast<size_t>(axis)], static_cast<size_t>(axis), flat.size());
  const ir::ValueId ones = node.cast(node.pointwise("equal(a, b)", {found, places}), node.dtype(0));
  return {old ? node.reshape(ones, dims) : ones};
}

// Found as rows of a matrix, counted, and then bound.
Outputs import_unique(NodeContext& node) {
  ir::Unique op{node.flag("sorted", true)};
  const ir::Dims dims = node.dims(0);
  const bool flat = !node.has_attribute("axis");
  ir::ValueId x = node.input(0);
  ir::Dims moved{ir::product(dims)};
  std::vector<int64_t> order, back;
  if (!flat) {
    const auto axis = static_cast<size_t>(node.axis(node.integer("axis"), dims.size()));
    order = axis_first(axis, dims.size());
    back.resize(order.size());
    for (size_t i = 0; i < order.size(); ++i)
      back[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
    x = node.transpose(x, order);
    moved = node.builder().dims(x);
  }
  const ir::Dim width = ir::product(std::span(moved).subspan(1));
  const ir::ValueId rows = node.reshape(x, {moved[0], width});
  const bool of_texts = node.dtype(0) == DType::string;
  const ir::ValueId told_apart = of_texts ? node.add(ir::StringRank{}, {rows}) : rows;
  const auto found = node.add_node(op, {told_apart}, 4);
  const ir::Dim count = node.extents_of(found[3])[0];
  const auto cut = [&](ir::ValueId all) { return node.add(ir::Slice{{0}, {count}, {}}, {all}); };
  const ir::ValueId first = cut(found[0]);
  ir::Dims result = moved;
  result[0] = count;
  ir::ValueId y = node.reshape(node.add(ir::Gather{0}, {rows, first}), std::move(result));
  if (!flat) y = node.transpose(y, back);
  return {y, first, found[1], cut(found[2])};
}

// Time and batch are the first two axes; each element's row is found in both as one.
Outputs import_reverse_sequence(NodeContext& node) {
  const ir::Dims dims = node.dims(0);
  const int64_t batch = node.axis(node.integer("batch_axis", 1), dims.size());
  const int64_t time = node.axis(node.integer("time_axis", 0), dims.size());
  if (batch + time != 1 || dims.size() < 2)
    node.fail("batch_axis {} and time_axis {} are not the first two axes", batch, time);
  const auto b = static_cast<size_t>(batch), t = static_cast<size_t>(time);
  if (node.rank(1) != 1) node.fail("the lengths have rank {}, not 1", node.rank(1));
  node.require_equal(node.dims(1)[0], dims[b], "sequences and their lengths");
  ir::Dims beside{1, 1};
  beside[b] = dims[b];
  const ir::ValueId length = node.reshape(node.integers_of(1), beside);
  const ir::ValueId step = node.pointwise("where(less(a, b), sub(sub(b, 1), a), a)",
                                          {node.counting(dims[t], t, 2), length});
  const ir::ValueId sequence = node.counting(dims[b], b, 2);
  const ir::ValueId index = node.pointwise(
      "add(mul(a, c), b)",
      {b == 0 ? sequence : step, b == 0 ? step : sequence, node.extent(node.input(0), 1)});
  ir::Dims flat{dims[0] * dims[1]};
  flat.insert(flat.end(), dims.begin() + 2, dims.end());
  return {node.add(ir::Gather{0}, {node.reshape(node.input(0), std::move(flat)), index})};
}

Outputs import_gather(NodeContext& node) {
  return {node.add(ir::Gather{node.axis(node.integer("axis", 0), node.rank(0))},
                   {node.input(0), node.input(1)})};
}

// k was an attribute up to opset 9. Results are sorted whether that is asked for or not.
Outputs import_top_k(NodeContext& node) {
  ir::TopK top{.axis = node.axis(node.integer("axis", -1), node.rank(0))};
  if (node.opset() < 10) {
    if (node.has(1)) node.fail("operand 1 does not exist in opset {}", node.opset());
    top.k = {node.integer("k")};
  } else {
    top.k = node.known_dims(1);
  }
  if (node.opset() >= 11) {
    top.largest = node.flag("largest", true);
    node.ignore_attribute("sorted");
  }
  return node.add_node(std::move(top), {node.input(0)}, 2);
}

Outputs import_non_zero(NodeContext& node) {
  const bool scalar = node.rank(0) == 0;
  return {non_zero(node, scalar ? node.reshape(node.input(0), {1}) : node.input(0))};
}

// The slices at the indices where the condition, which may be shorter than the axis, holds.
Outputs import_compress(NodeContext& node) {
  ir::ValueId x = node.input(0), condition = node.input(1);
  const bool flat = !node.has_attribute("axis");
  if (flat) x = node.reshape(x, {ir::product(node.dims(0))});
  const int64_t axis = flat ? 0 : node.axis(node.integer("axis"), node.rank(0));
  const ir::Dim extent = node.builder().dims(x)[static_cast<size_t>(axis)];
  if (node.rank(1) != 1) node.fail("the condition has rank {}, not 1", node.rank(1));
  const ir::Dim length = min(node.dims(1)[0], extent);
  if (!(length == node.dims(1)[0])) condition = node.add(ir::Slice{{0}, {length}, {}}, {condition});
  const ir::ValueId found = non_zero(node, condition);
  const ir::ValueId indices = node.reshape(found, {node.builder().dims(found)[1]});
  return {node.add(ir::Gather{axis}, {x, indices})};
}

// Padded, then cut to the number that was found.
Outputs import_non_max_suppression(NodeContext& node) {
  const bool center = node.flag("center_point_box", false);
  for (size_t i = 0; i < 2; ++i)
    if (node.rank(i) != 3) node.fail("operand {} has rank {}, not 3", i, node.rank(i));
  const ir::Dims& scores = node.dims(1);
  const ir::Dim rows = scores[0] * scores[1] * most_boxes(node);
  std::vector<ir::ValueId> inputs;
  for (size_t i = 0; i < node.inputs(); ++i)
    inputs.push_back(node.has(i) ? node.input(i) : ir::absent);
  const auto found = node.add_node(ir::NonMaxSuppression{{rows}, center}, std::move(inputs), 2);
  const ir::Dim count = node.extents_of(found[1])[0];
  return {node.add(ir::Slice{{0, 0}, {count, 3}, {}}, {found[0]})};
}

}  // namespace tenon::onnx
