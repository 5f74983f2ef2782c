// Imports of ops that cut a tensor.
#include <algorithm>

#include "ir/ops/gather.h"
#include "ir/ops/slice.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

/// What a Slice says of some axes.
struct Bounds {
  ir::ValueId starts, ends;          // i64, one for each axis
  std::vector<int64_t> axes, steps;  // axes made non-negative
};

// They were attributes up to opset 9.
Bounds bounds_of(NodeContext& node) {
  const bool attributes = node.opset() < 10;
  if (attributes && node.inputs() > 1)
    node.fail("operand 1 does not exist in opset {}", node.opset());
  const auto starts = node.integers("starts"), ends = node.integers("ends");
  const size_t count = attributes ? starts.size() : node.length(1);
  Bounds bounds;
  bounds.starts = attributes ? node.constant(starts) : node.integers_of(1);
  bounds.ends = attributes ? node.constant(ends) : node.integers_of(2);
  bounds.axes = axes_from(0, count);
  if (attributes && node.has_attribute("axes")) bounds.axes = node.integers("axes");
  if (node.has(3)) bounds.axes = node.known_integers(3);
  bounds.steps.assign(count, 1);
  if (node.has(4)) bounds.steps = node.known_integers(4);
  const size_t last = attributes ? ends.size() : node.length(2);
  if (last != count || bounds.axes.size() != count || bounds.steps.size() != count)
    node.fail("{} starts, {} ends, {} axes and {} steps are given", count, last, bounds.axes.size(),
              bounds.steps.size());
  node.axes(bounds.axes, node.rank(0));  // that none is there twice
  for (int64_t& axis : bounds.axes) axis = node.axis(axis, node.rank(0));
  if (std::ranges::count(bounds.steps, 0) > 0) node.fail("a step is 0");
  return bounds;
}

// Beyond any extent, and safe to add to one: exporters write the greatest and the least i64.
constexpr std::string_view bound_formula = "max(min(a, 1e15), -1e15)";
// Negative bounds count from the end; then the start is clamped to the axis (or its last element,
// going backwards), the end to the axis or what lies before its first element. a: the bound, b: the
// extent, c: the step. A start beyond the end needs no clamp: nothing is taken.
constexpr std::string_view start_formula =
    "where(less(c, 0), min(where(less(a, 0), max(add(a, b), 0), a), sub(b, 1)), "
    "max(where(less(a, 0), add(a, b), a), 0))";
constexpr std::string_view end_formula =
    "where(less(c, 0), where(less(a, 0), max(add(a, b), -1), min(a, sub(b, 1))), "
    "where(less(a, 0), max(add(a, b), 0), min(a, b)))";
// Elements from a to b in steps of c.
constexpr std::string_view count_formula =
    "div(add(max(where(less(c, 0), sub(a, b), sub(b, a)), 0), sub(abs(c), 1)), abs(c))";

}  // namespace

Outputs import_slice(NodeContext& node) {
  const auto only_a_run_knows = [&](size_t i) {
    return node.opset() >= 10 && node.has(i) && !node.known(i);
  };
  if (only_a_run_knows(3) || only_a_run_knows(4)) return slice_by_steps_of_a_run(node);
  const Bounds bounds = bounds_of(node);
  const ir::ValueId steps = node.constant(bounds.steps);
  const ir::ValueId extents =
      node.add(ir::Gather{0}, {node.shape_of(node.input(0)), node.constant(bounds.axes)});
  const ir::ValueId first = node.pointwise(bound_formula, {bounds.starts});
  const ir::ValueId last = node.pointwise(bound_formula, {bounds.ends});
  ir::ValueId start = node.pointwise(start_formula, {first, extents, steps});
  const ir::ValueId end = node.pointwise(end_formula, {last, extents, steps});
  const ir::Dims counts = node.extents_of(node.pointwise(count_formula, {start, end, steps}));
  if (!node.builder().value(start).value.known)  // symbols are extents: not negative, not too large
    start = node.pointwise("max(min(a, b), 0)", {start, extents});
  const ir::Dims starts = node.extents_of(start);
  ir::Slice slice{ir::Dims(node.rank(0)), node.dims(0), std::vector<int64_t>(node.rank(0), 1)};
  for (size_t i = 0; i < bounds.axes.size(); ++i) {
    const auto axis = static_cast<size_t>(bounds.axes[i]);
    slice.starts[axis] = starts[i];
    slice.dims[axis] = counts[i];
    slice.steps[axis] = bounds.steps[i];
  }
  return {node.add(std::move(slice), {node.input(0)})};
}

namespace {

// Equal parts; from opset 18 on the last one may be smaller.
ir::Dims equal_parts(NodeContext& node, const ir::Dim& extent) {
  const auto parts = static_cast<int64_t>(node.node().outputs.size());
  if (node.opset() >= 18 && node.integer("num_outputs", parts) != parts)
    node.fail("num_outputs is {}, and there are {} outputs", node.integer("num_outputs"), parts);
  if (node.opset() >= 18) {
    const ir::Dim part = ir::ceil_div(extent, parts);
    ir::Dims sizes(static_cast<size_t>(parts), part);
    sizes.back() = extent - part * (parts - 1);
    return sizes;
  }
  const ir::Dim part = ir::floor_div(extent, parts);
  node.require_equal(part * parts, extent, "the extent and a multiple of the number of outputs");
  return ir::Dims(static_cast<size_t>(parts), part);
}

ir::Dims part_sizes(NodeContext& node, const ir::Dim& extent) {
  const bool attribute = node.opset() < 13 && !(node.opset() < 2 && node.has(1));
  if (attribute && node.has(1)) node.fail("operand 1 does not exist in opset {}", node.opset());
  if (!(attribute ? node.has_attribute("split") : node.has(1))) return equal_parts(node, extent);
  ir::Dims sizes;
  if (attribute) {
    for (const int64_t size : node.integers("split")) sizes.emplace_back(size);
  } else {
    sizes = node.known_dims(1);
  }
  if (sizes.size() != node.node().outputs.size())
    node.fail("{} sizes are given for {} outputs", sizes.size(), node.node().outputs.size());
  ir::Dim sum = 0;
  for (const ir::Dim& size : sizes) sum = sum + size;
  node.require_equal(sum, extent, "the sum of the sizes and the extent");
  return sizes;
}

}  // namespace

Outputs import_split(NodeContext& node) {
  const ir::Dims dims = node.dims(0);
  const auto axis = static_cast<size_t>(node.axis(node.integer("axis", 0), dims.size()));
  ir::Slice part{ir::Dims(dims.size()), dims, {}};
  Outputs outputs;
  for (const ir::Dim& size : part_sizes(node, dims[axis])) {
    part.dims[axis] = size;
    outputs.push_back(node.add(part, {node.input(0)}));
    part.starts[axis] = part.starts[axis] + size;
  }
  return outputs;
}

}  // namespace tenon::onnx
