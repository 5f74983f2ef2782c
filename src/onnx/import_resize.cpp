// Imports of Resize and Upsample: which axes get which extents, and where elements come from.
#include <algorithm>
#include <cmath>

#include "ir/enum_names.h"
#include "ir/ops/cast.h"
#include "ir/ops/gather.h"
#include "ir/ops/reduce.h"
#include "ir/ops/repeat.h"
#include "ir/ops/resize.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

using ir::Dim;
using ir::ValueId;

/// What the operands say of each of some axes.
struct Sizing {
  std::vector<int64_t> axes;    ///< as the operands order them
  ir::Dims dims;                ///< new extents
  std::vector<double> known;    ///< scales, where they are known
  ValueId scales = ir::absent;  ///< f32; absent: new by old extents
  ValueId region = ir::absent;  ///< f32, starts and ends
};

ir::Resampling mode_of(NodeContext& node) {
  const std::string mode = node.text("mode", "nearest");
  if (mode == "nearest") return ir::Resampling::nearest;
  if (mode == "linear" || (mode == "bilinear" && node.node().op_type == "Upsample"))
    return ir::Resampling::linear;
  if (mode != "cubic" || node.opset() < 11) node.fail("mode {} is unknown", base::quoted(mode));
  return ir::Resampling::cubic;
}

template <class E>
E enumerated(NodeContext& node, std::string_view name, std::string_view otherwise) {
  const std::string text = node.text(name, otherwise);
  const auto found = ir::parse_enum<E>(text);
  if (!found) node.fail("{} {} is unknown", name, base::quoted(text));
  return *found;
}

// The extents of the axes, as f32, for what only a run knows.
ValueId old_extents(NodeContext& node, const std::vector<int64_t>& axes) {
  return node.cast(node.add(ir::Gather{0}, {node.shape_of(node.input(0)), node.constant(axes)}),
                   DType::f32);
}

ir::Dims extents_by(NodeContext& node, std::string_view formula, std::vector<ValueId> operands) {
  return node.extents_of(node.cast(node.pointwise(formula, std::move(operands)), DType::i64));
}

// An extent that was computed in f32.
Dim whole(NodeContext& node, float extent) {
  if (!(extent >= 0 && extent < 0x1p31f)) node.fail("an axis would have {} elements", extent);
  return static_cast<int64_t>(extent);
}

// floor(extent * scale) as ONNX Runtime has it, in f32; of a symbol where the scale is a fraction
// so small that f32 is exact.
std::optional<Dim> scaled_extent(NodeContext& node, const Dim& extent, double scale) {
  const auto factor = static_cast<float>(scale);
  if (const auto known = extent.try_constant())
    return whole(node, std::floor(static_cast<float>(*known) * factor));
  constexpr int64_t parts = 256;
  const double numerator = scale * static_cast<double>(parts);
  if (numerator != std::floor(numerator) || numerator < 0 || numerator > 65536) return {};
  return ir::floor_div(extent * static_cast<int64_t>(numerator), parts);
}

void check_count(NodeContext& node, std::string_view what, size_t count, size_t axes) {
  if (count != axes) node.fail("{} {} are given for {} axes", count, what, axes);
}

void size_by_known_scales(NodeContext& node, Sizing& sizing) {
  check_count(node, "scales", sizing.known.size(), sizing.axes.size());
  std::vector<float> scales;
  for (const double scale : sizing.known) {
    if (!(scale > 0) || !std::isfinite(scale)) node.fail("a scale is {}", scale);
    scales.push_back(static_cast<float>(scale));
  }
  sizing.scales = node.constant(scales);
  for (size_t i = 0; i < sizing.axes.size(); ++i) {
    const auto extent =
        scaled_extent(node, node.dims(0)[static_cast<size_t>(sizing.axes[i])], sizing.known[i]);
    if (!extent) break;
    sizing.dims.push_back(*extent);
  }
  if (sizing.dims.size() < sizing.axes.size())
    sizing.dims =
        extents_by(node, "floor(mul(a, b))", {old_extents(node, sizing.axes), sizing.scales});
}

void size_by_scales(NodeContext& node, size_t operand, Sizing& sizing) {
  if (node.dtype(operand) != DType::f32) node.fail("the scales are no f32");
  if (const auto known = node.known_numbers(operand)) {
    sizing.known = *known;
    return size_by_known_scales(node, sizing);
  }
  check_count(node, "scales", node.length(operand), sizing.axes.size());
  sizing.scales = node.input(operand);
  sizing.dims =
      extents_by(node, "floor(mul(a, b))", {old_extents(node, sizing.axes), sizing.scales});
}

// One scale for all axes, so that no axis (or every one) becomes larger than asked for.
void keep_aspect_ratio(NodeContext& node, bool smaller, Sizing& sizing) {
  std::vector<float> ratios;
  for (size_t i = 0; i < sizing.axes.size(); ++i) {
    const Dim& old = node.dims(0)[static_cast<size_t>(sizing.axes[i])];
    if (!old.is_constant() || !sizing.dims[i].is_constant() || old.constant() == 0) break;
    ratios.push_back(static_cast<float>(sizing.dims[i].constant()) /
                     static_cast<float>(old.constant()));
  }
  if (!ratios.empty() && ratios.size() == sizing.axes.size()) {
    const float ratio =
        smaller ? *std::ranges::min_element(ratios) : *std::ranges::max_element(ratios);
    sizing.known.assign(ratios.size(), ratio);
    sizing.scales = node.constant(std::vector<float>(ratios.size(), ratio));
    for (size_t i = 0; i < ratios.size(); ++i) {
      const int64_t old = node.dims(0)[static_cast<size_t>(sizing.axes[i])].constant();
      sizing.dims[i] = whole(node, std::round(ratio * static_cast<float>(old)));
    }
    return;
  }
  const ValueId old = old_extents(node, sizing.axes);
  const ValueId all = node.pointwise("div(b, a)", {old, node.cast(node.input(3), DType::f32)});
  const ValueId ratio = node.add(
      ir::Reduce{.kind = smaller ? ir::ReduceKind::min : ir::ReduceKind::max, .axes = {0}}, {all});
  sizing.scales = node.add(ir::Expand{{std::ssize(sizing.axes)}}, {ratio});
  sizing.dims = extents_by(node, "floor(add(mul(a, b), 0.5))", {old, sizing.scales});
}

void size_by_sizes(NodeContext& node, Sizing& sizing) {
  check_count(node, "sizes", node.length(3), sizing.axes.size());
  sizing.dims = node.known_dims(3);
  const std::string policy =
      node.opset() >= 18 ? node.text("keep_aspect_ratio_policy", "stretch") : "stretch";
  if (policy == "stretch") return;
  if (policy != "not_larger" && policy != "not_smaller")
    node.fail("keep_aspect_ratio_policy {} is unknown", base::quoted(policy));
  keep_aspect_ratio(node, policy == "not_larger", sizing);
}

// An operand of no elements stands for none.
bool given(NodeContext& node, size_t i) {
  return node.has(i) && !(node.rank(i) == 1 && node.dims(i)[0] == Dim(0));
}

Sizing sizing_of(NodeContext& node) {
  Sizing sizing;
  const auto rank = static_cast<int64_t>(node.rank(0));
  if (node.opset() >= 18 && node.has_attribute("axes")) {
    sizing.axes = node.integers("axes");
    node.axes(sizing.axes, node.rank(0));  // that none is there twice
    for (int64_t& axis : sizing.axes) axis = node.axis(axis, node.rank(0));
  } else {
    sizing.axes = axes_from(0, static_cast<size_t>(rank));
  }
  if (node.opset() < 11) {
    size_by_scales(node, 1, sizing);
    return sizing;
  }
  if (given(node, 2) == given(node, 3)) node.fail("either scales or sizes must be given");
  if (given(node, 2)) {
    size_by_scales(node, 2, sizing);
    if (node.opset() >= 18) node.ignore_attribute("keep_aspect_ratio_policy");  // of sizes only
  } else {
    size_by_sizes(node, sizing);
  }
  return sizing;
}

// The sizing of those axes that change, rising, as the op has it.
ValueId resized(NodeContext& node, ir::Resize op, Sizing sizing) {
  const bool crops = op.coordinates == ir::Coordinates::tf_crop_and_resize;
  const auto changes = [&](size_t i) {
    if (crops) return true;
    if (!sizing.known.empty()) return sizing.known[i] != 1;
    if (sizing.scales != ir::absent) return true;
    return !(sizing.dims[i] == node.dims(0)[static_cast<size_t>(sizing.axes[i])]);
  };
  std::vector<int64_t> order;
  for (size_t i = 0; i < sizing.axes.size(); ++i)
    if (changes(i)) order.push_back(static_cast<int64_t>(i));
  std::ranges::sort(order, {}, [&](int64_t i) { return sizing.axes[static_cast<size_t>(i)]; });
  if (order.empty()) return node.input(0);
  for (const int64_t i : order) {
    op.axes.push_back(sizing.axes[static_cast<size_t>(i)]);
    op.dims.push_back(sizing.dims[static_cast<size_t>(i)]);
  }
  const auto pick = [&](ValueId all, const std::vector<int64_t>& which) {
    return node.add(ir::Gather{0}, {all, node.constant(which)});
  };
  std::vector<ValueId> operands{node.input(0), sizing.scales};
  if (sizing.scales != ir::absent && !sizing.known.empty()) {
    std::vector<float> scales;
    for (const int64_t i : order)
      scales.push_back(static_cast<float>(sizing.known[static_cast<size_t>(i)]));
    operands[1] = node.constant(scales);
  } else if (sizing.scales != ir::absent) {
    operands[1] = pick(sizing.scales, order);
  }
  if (sizing.region != ir::absent) {
    std::vector<int64_t> ends = order;
    for (const int64_t i : order) ends.push_back(i + std::ssize(sizing.axes));
    operands.push_back(pick(sizing.region, ends));
  } else if (sizing.scales == ir::absent) {
    operands.pop_back();
  }
  return node.add(std::move(op), std::move(operands));
}

}  // namespace

// Scales were an attribute up to opset 8.
Outputs import_upsample(NodeContext& node) {
  if (node.opset() > 9) node.unsupported("it does not exist in opset {}", node.opset());
  const ir::Resize op{.mode = mode_of(node),
                      .coordinates = ir::Coordinates::asymmetric,
                      .nearest = ir::Nearest::floor};
  if (node.opset() >= 9) return {resized(node, op, sizing_of(node))};
  if (node.has(1)) node.fail("operand 1 does not exist in opset {}", node.opset());
  Sizing sizing;
  sizing.axes = axes_from(0, node.rank(0));
  for (const float scale : node.numbers("scales")) sizing.known.push_back(scale);
  size_by_known_scales(node, sizing);
  return {resized(node, op, std::move(sizing))};
}

Outputs import_resize(NodeContext& node) {
  ir::Resize op{.mode = mode_of(node)};
  if (node.opset() < 10) node.unsupported("it does not exist in opset {}", node.opset());
  if (node.opset() < 11) {
    op.coordinates = ir::Coordinates::asymmetric;
    op.nearest = ir::Nearest::outward;
    return {resized(node, std::move(op), sizing_of(node))};
  }
  op.coordinates =
      enumerated<ir::Coordinates>(node, "coordinate_transformation_mode", "half_pixel");
  op.nearest = enumerated<ir::Nearest>(node, "nearest_mode", "round_prefer_floor");
  op.cubic_a = node.number("cubic_coeff_a", -0.75f);
  op.exclude_outside = node.flag("exclude_outside", false);
  op.outside = node.number("extrapolation_value", 0);
  if (node.opset() >= 18) op.antialias = node.flag("antialias", false);
  if (op.mode != ir::Resampling::nearest) op.nearest = {};
  if (op.mode != ir::Resampling::cubic) op.cubic_a = ir::Resize{}.cubic_a;
  Sizing sizing = sizing_of(node);
  if (op.coordinates == ir::Coordinates::tf_crop_and_resize) {
    if (!given(node, 1)) node.fail("tf_crop_and_resize needs roi, operand 1");
    sizing.region = node.cast(node.input(1), DType::f32);
    check_count(node, "numbers of roi", node.length(1), 2 * sizing.axes.size());
  } else {
    op.outside = 0;
  }
  return {resized(node, std::move(op), std::move(sizing))};
}

}  // namespace tenon::onnx
