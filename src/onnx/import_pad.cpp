// Import of padding: constants are laid beside the input, all else is gathered from it.
#include <array>

#include "ir/ops/concat.h"
#include "ir/ops/gather.h"
#include "ir/ops/range.h"
#include "ir/ops/repeat.h"
#include "ir/ops/slice.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

/// What is added, and what is cut, before and after each of some axes: nothing is negative.
struct Pads {
  ir::Dims before, after, cut_before, cut_after;
  std::vector<size_t> axes;
};

// Before all axes, then after all: positive numbers add, negative ones cut. They were attributes up
// to opset 10.
void read_pads(NodeContext& node, ir::Dims& added, ir::Dims& cut) {
  if (node.opset() >= 11 && !node.known(1)) {
    added = node.extents_of(node.pointwise("max(a, 0)", {node.integers_of(1)}));
    cut = node.extents_of(node.pointwise("max(neg(a), 0)", {node.integers_of(1)}));
    return;
  }
  ir::Dims pads;
  if (node.opset() >= 11) {
    pads = node.known_dims(1);
  } else {
    for (const int64_t pad : node.integers(node.opset() < 2 ? "paddings" : "pads"))
      pads.emplace_back(pad);
  }
  for (const ir::Dim& pad : pads) {
    const bool cuts = pad.try_constant().value_or(0) < 0;
    added.push_back(cuts ? ir::Dim(0) : pad);
    cut.push_back(cuts ? ir::Dim(0) - pad : ir::Dim(0));
  }
}

Pads pads_of(NodeContext& node) {
  ir::Dims pads, cuts;
  read_pads(node, pads, cuts);
  Pads result;
  std::vector<int64_t> axes;
  if (node.has(3)) axes = node.known_integers(3);
  for (size_t i = 0; i < node.rank(0) && !node.has(3); ++i) axes.push_back(static_cast<int64_t>(i));
  if (pads.size() != 2 * axes.size())
    node.fail("{} pads are given for {} axes", pads.size(), axes.size());
  node.axes(axes, node.rank(0));  // that none is there twice
  const auto half = pads.begin() + std::ssize(axes);
  result.before.assign(pads.begin(), half);
  result.after.assign(half, pads.end());
  result.cut_before.assign(cuts.begin(), cuts.begin() + std::ssize(axes));
  result.cut_after.assign(cuts.begin() + std::ssize(axes), cuts.end());
  for (const int64_t axis : axes)
    result.axes.push_back(static_cast<size_t>(node.axis(axis, node.rank(0))));
  return result;
}

ir::ValueId pad_value(NodeContext& node) {
  const DType dtype = node.dtype(0);
  if (node.has(2)) return node.reshape(node.input(2), {});
  const float given = node.opset() < 11 ? node.number("value", 0) : 0;
  return node.cast(node.builder().constant(DType::f32, {}, std::as_bytes(std::span(&given, 1))),
                   dtype);
}

// The input without what negative pads cut.
ir::ValueId cut(NodeContext& node, const Pads& pads) {
  ir::Slice slice{ir::Dims(node.rank(0), 0), node.dims(0), {}};
  for (size_t i = 0; i < pads.axes.size(); ++i) {
    ir::Dim& extent = slice.dims[pads.axes[i]];
    slice.starts[pads.axes[i]] = pads.cut_before[i];
    extent = extent - pads.cut_before[i] - pads.cut_after[i];
  }
  if (slice.dims == node.dims(0)) return node.input(0);
  return node.add(std::move(slice), {node.input(0)});
}

// By mode: from the place a, counted from the first element of the input, and its extent b, to the
// place that is copied there.
std::string_view source_formula(NodeContext& node, const std::string& mode) {
  if (mode == "edge") return "min(max(a, 0), sub(b, 1))";
  if (mode == "wrap") return "mod(a, b)";
  if (mode != "reflect") node.fail("mode \"{}\" is unknown", mode);
  return "sub(sub(b, 1), abs(sub(sub(b, 1), mod(a, max(mul(sub(b, 1), 2), 1)))))";
}

ir::ValueId gathered(NodeContext& node, ir::ValueId x, size_t axis, const ir::Dim& before,
                     const ir::Dim& after, std::string_view formula) {
  const auto first = before.try_constant();
  if (!first) node.unsupported("padding of {}, which must be known while building", before.text());
  const ir::Dim extent = node.builder().dims(x)[axis];
  const ir::ValueId places =
      node.add(ir::Range{{extent + before + after}}, {node.scalar(-*first), node.scalar(1)});
  return node.add(ir::Gather{static_cast<int64_t>(axis)},
                  {x, node.pointwise(formula, {places, node.extent(x, axis)})});
}

ir::ValueId beside_constants(NodeContext& node, ir::ValueId x, size_t axis, const ir::Dim& before,
                             const ir::Dim& after, ir::ValueId value) {
  const auto block = [&](const ir::Dim& count) {
    ir::Dims dims = node.builder().dims(x);
    dims[axis] = count;
    return node.add(ir::Expand{std::move(dims)}, {value});
  };
  std::vector<ir::ValueId> parts;
  if (!(before == ir::Dim(0))) parts.push_back(block(before));
  parts.push_back(x);
  if (!(after == ir::Dim(0))) parts.push_back(block(after));
  return node.add(ir::Concat{static_cast<int64_t>(axis)}, std::move(parts));
}

}  // namespace

ir::ValueId beside_zeros(NodeContext& node, ir::ValueId x, size_t axis, const ir::Dim& before,
                         const ir::Dim& after) {
  if (before == ir::Dim(0) && after == ir::Dim(0)) return x;
  const ir::ValueId zero = node.cast(node.scalar(0), node.builder().type(x).dtype);
  return beside_constants(node, x, axis, before, after, zero);
}

Outputs import_pad(NodeContext& node) {
  const std::string mode = node.text("mode", "constant");
  const Pads pads = pads_of(node);
  ir::ValueId x = cut(node, pads);
  for (size_t i = pads.axes.size(); i-- > 0;) {
    const ir::Dim &before = pads.before[i], &after = pads.after[i];
    if (before == ir::Dim(0) && after == ir::Dim(0)) continue;
    x = mode == "constant"
            ? beside_constants(node, x, pads.axes[i], before, after, pad_value(node))
            : gathered(node, x, pads.axes[i], before, after, source_formula(node, mode));
  }
  return {x};
}

}  // namespace tenon::onnx
