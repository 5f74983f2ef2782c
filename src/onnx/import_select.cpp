// Imports of ops that pick elements: by index, by rank, or because they are not zero.
#include <algorithm>

#include "ir/ops/cast.h"
#include "ir/ops/gather.h"
#include "ir/ops/non_max_suppression.h"
#include "ir/ops/non_zero.h"
#include "ir/ops/reduce.h"
#include "ir/ops/slice.h"
#include "ir/ops/top_k.h"
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

}  // namespace

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
