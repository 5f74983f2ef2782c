// Import of padding: constants are laid beside the input, all else is gathered from it.
#include <array>

#include "base/text.h"
#include "ir/ops/concat.h"
#include "ir/ops/gather.h"
#include "ir/ops/range.h"
#include "ir/ops/repeat.h"
#include "ir/ops/slice.h"
#include "onnx/function.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

/// What is added, and what is cut, before and after each of some axes: nothing is negative.
struct Pads {
  ir::Dims before, after, cut_before, cut_after;
  std::vector<size_t> axes;
  ir::ValueId elements = ir::absent;  ///< as they are given, where they are an operand
};

// Of all axes, where only a run knows which are named.
ir::ValueId spread(NodeContext& node) {
  Function f(node, std::array<std::string_view, 4>{"x", "pads", "value", "axes"});
  f.set("none", std::vector<int64_t>(2 * node.rank(0), 0));
  f.set("rank", std::array{static_cast<int64_t>(node.rank(0))});
  f.run(R"(axes = Cast <to = 7> (axes)
           axes = Where(Less(axes, 0), Add(axes, rank), axes)
           pads = ScatterElements(none, Concat <axis = 0> (axes, Add(axes, rank)), pads))");
  return f["pads"];
}

// Positive numbers add, negative ones cut.
void take_apart(const ir::Dims& pads, ir::Dims& added, ir::Dims& cut) {
  for (const ir::Dim& pad : pads) {
    const bool cuts = pad.try_constant().value_or(0) < 0;
    added.push_back(cuts ? ir::Dim(0) : pad);
    cut.push_back(cuts ? ir::Dim(0) - pad : ir::Dim(0));
  }
}

// They were attributes up to opset 10.
Pads pads_of(NodeContext& node) {
  ir::Dims pads, cuts;
  Pads result;
  const bool by_run = node.has(3) && !node.known(3);
  if (node.opset() < 11) {
    ir::Dims given;
    for (const int64_t pad : node.integers(node.opset() < 2 ? "paddings" : "pads"))
      given.emplace_back(pad);
    take_apart(given, pads, cuts);
  } else {
    result.elements = node.cast(by_run ? spread(node) : node.input(1), DType::i64);
    if (node.builder().value(result.elements).value.known) {
      take_apart(node.extents_of(result.elements), pads, cuts);
    } else {
      pads = node.extents_of(node.pointwise("max(a, 0)", {result.elements}));
      cuts = node.extents_of(node.pointwise("max(neg(a), 0)", {result.elements}));
    }
  }
  const bool named = node.has(3) && !by_run;
  std::vector<int64_t> axes = axes_from(0, node.rank(0));
  if (named) axes = node.known_integers(3);
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
  if (mode != "reflect") node.fail("mode {} is unknown", base::quoted(mode));
  return "sub(sub(b, 1), abs(sub(sub(b, 1), mod(a, max(mul(sub(b, 1), 2), 1)))))";
}

// Minus what is added before axis `i` of those that are padded, as a scalar.
ir::ValueId first_place(NodeContext& node, const Pads& pads, size_t i) {
  if (const auto before = pads.before[i].try_constant()) return node.scalar(-*before);
  const ir::ValueId before =
      node.add(ir::Gather{0}, {pads.elements, node.scalar(static_cast<int64_t>(i))});
  return node.pointwise("neg(max(a, 0))", {before});
}

ir::ValueId gathered(NodeContext& node, ir::ValueId x, const Pads& pads, size_t i,
                     std::string_view formula) {
  const size_t axis = pads.axes[i];
  const ir::Dim extent = node.builder().dims(x)[axis] + pads.before[i] + pads.after[i];
  const ir::ValueId places =
      node.add(ir::Range{{extent}}, {first_place(node, pads, i), node.scalar(1)});
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
    x = mode == "constant" ? beside_constants(node, x, pads.axes[i], before, after, pad_value(node))
                           : gathered(node, x, pads, i, source_formula(node, mode));
  }
  return {x};
}

// What is too much goes on both sides, one more behind; what lacks is zero, likewise.
Outputs import_center_crop_pad(NodeContext& node) {
  Function f(node, std::array<std::string_view, 2>{"x", "shape"});
  std::vector<int64_t> axes = node.integers("axes");
  if (!node.has_attribute("axes")) axes = axes_from(0, node.rank(0));
  node.axes(axes, node.rank(0));  // that none is there twice
  for (int64_t& axis : axes) axis = node.axis(axis, node.rank(0));
  if (node.length(1) != axes.size())
    node.fail("shape has {} numbers, for {} axes", node.length(1), axes.size());
  f.set("axes", axes);
  f.run(R"(shape = Cast <to = 7> (shape)
           extent = Gather(Shape(x), axes)
           less = Max(Sub(extent, shape), 0)
           first = Div(less, 2)
           x = Slice(x, first, Add(first, Sub(extent, less)), axes)
           more = Max(Sub(shape, extent), 0)
           before = Div(more, 2)
           pads = Concat <axis = 0> (before, Sub(more, before))
           y = Pad(x, pads, CastLike(0, x), axes))");
  return {f["y"]};
}

}  // namespace tenon::onnx
