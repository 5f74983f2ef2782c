// Imports of ops that move elements or ask for extents.
#include <algorithm>
#include <optional>

#include "ir/ops/concat.h"
#include "ir/ops/reduce.h"
#include "ir/ops/reshape.h"
#include "ir/ops/shape.h"
#include "ir/ops/transpose.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

// The extent that -1 stands for: what the others leave of `total`.
ir::Dim rest_of(NodeContext& node, const ir::Dim& total, const ir::Dim& others) {
  if (others == ir::Dim(0)) node.fail("-1 beside an extent of 0 can be anything");
  if (total.is_constant() && others.is_constant() && total.constant() % others.constant() != 0)
    node.fail("{} elements cannot be divided by {}", total.text(), others.text());
  return ir::floor_div(total, others);
}

// Axes are an attribute up to opset 12, operand 1 from 13 on; nothing where neither is there.
std::optional<std::vector<int64_t>> given_axes(NodeContext& node) {
  if (node.opset() < 13) {
    if (node.has(1)) node.fail("operand 1 does not exist in opset {}", node.opset());
    if (!node.has_attribute("axes")) return std::nullopt;
    return node.integers("axes");
  }
  if (!node.has(1)) return std::nullopt;
  return node.known_integers(1);
}

bool only_a_run_knows_axes(const NodeContext& node) {
  return node.opset() >= 13 && node.has(1) && !node.known(1);
}

// Every axis of extent 1. An open extent stays, and runs where it is 1 are refused: behind it, the
// rank would be another.
std::vector<int64_t> axes_of_one(NodeContext& node) {
  std::vector<int64_t> axes;
  const ir::Dims& dims = node.dims(0);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == ir::Dim(1)) axes.push_back(static_cast<int64_t>(i));
    if (dims[i].is_constant()) continue;
    const std::string reason =
        label(node.node()) +
        ": no axes are given, and an extent stays that was not known while building";
    node.builder().require(
        std::array{ir::Constraint{ir::Constraint::Kind::at_least, dims[i], 2, reason}});
  }
  return axes;
}

ir::ValueId join(NodeContext& node, int64_t axis, std::vector<ir::ValueId> parts) {
  while (parts.size() > 1) {
    std::vector<ir::ValueId> joined;
    for (size_t i = 0; i < parts.size(); i += ir::Concat::most_inputs) {
      const size_t end = std::min(parts.size(), i + ir::Concat::most_inputs);
      const std::vector<ir::ValueId> some(parts.begin() + i, parts.begin() + end);
      joined.push_back(some.size() == 1 ? some[0] : node.add(ir::Concat{axis}, some));
    }
    parts = std::move(joined);
  }
  return parts[0];
}

ir::ValueId product_of(NodeContext& node, ir::ValueId vector) {
  return node.add(ir::Reduce{.kind = ir::ReduceKind::prod, .axes = {0}, .keep_dims = false},
                  {vector});
}

// The first `count` extents of operand 0, and zeros beyond its rank.
ir::ValueId own_extents(NodeContext& node, size_t count) {
  const ir::ValueId own =
      node.add(ir::ShapeOf{.end = static_cast<int64_t>(count)}, {node.input(0)});
  if (count <= node.rank(0)) return own;
  const std::vector<int64_t> zeros(count - node.rank(0));
  return node.add(ir::Concat{0}, {own, node.constant(zeros)});
}

// The new shape where only a run knows it, computed there.
ir::Dims shape_of_a_run(NodeContext& node, bool allow_zero) {
  ir::ValueId shape = node.integers_of(1);
  if (!allow_zero)
    shape = node.pointwise("where(equal(a, 0), b, a)", {shape, own_extents(node, node.length(1))});
  const ir::ValueId total = product_of(node, node.shape_of(node.input(0)));
  const ir::ValueId others = product_of(node, node.pointwise("where(equal(a, -1), 1, a)", {shape}));
  return node.extents_of(
      node.pointwise("where(equal(a, -1), div(b, max(c, 1)), a)", {shape, total, others}));
}

// The new shape: -1 is what the others leave, 0 the input's own extent.
ir::Dims resolved(NodeContext& node, ir::Dims dims, bool allow_zero) {
  std::optional<size_t> inferred;
  ir::Dim others = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == ir::Dim(-1)) {
      if (inferred) node.fail("the new shape has two extents of -1");
      inferred = i;
      continue;
    }
    if (dims[i].try_constant().value_or(0) < 0)
      node.fail("the new shape has an extent of {}", dims[i].text());
    if (dims[i] == ir::Dim(0) && !allow_zero) {
      if (i >= node.rank(0))
        node.fail("extent {} is copied from an input of rank {}", i, node.rank(0));
      dims[i] = node.dims(0)[i];
    }
    others = others * dims[i];
  }
  if (inferred) dims[*inferred] = rest_of(node, ir::product(node.dims(0)), others);
  return dims;
}

ir::Dims as_dims(const std::vector<int64_t>& extents) { return {extents.begin(), extents.end()}; }

}  // namespace

Outputs import_reshape(NodeContext& node) {
  const bool allow_zero = node.flag("allowzero", false);
  if (node.opset() < 5)
    return {node.reshape(node.input(0), resolved(node, as_dims(node.integers("shape")), false))};
  if (!node.known(1)) return {node.reshape(node.input(0), shape_of_a_run(node, allow_zero))};
  return {node.reshape(node.input(0), resolved(node, node.known_dims(1), allow_zero))};
}

Outputs import_flatten(NodeContext& node) {
  const auto rank = static_cast<int64_t>(node.rank(0));
  const int64_t given = node.integer("axis", 1);
  if (given < -rank || given > rank) node.fail("axis {} is outside rank {}", given, rank);
  const auto axis = static_cast<size_t>(given < 0 ? given + rank : given);
  const std::span<const ir::Dim> dims = node.dims(0);
  return {node.reshape(node.input(0),
                       {ir::product(dims.first(axis)), ir::product(dims.subspan(axis))})};
}

Outputs import_squeeze(NodeContext& node) {
  if (only_a_run_knows_axes(node)) return squeeze_by_axes_of_a_run(node);
  const auto given = given_axes(node);
  const std::vector<int64_t> axes = given ? node.axes(*given, node.rank(0)) : axes_of_one(node);
  ir::Dims dims = node.dims(0);
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    const ir::Dim& extent = dims[static_cast<size_t>(*axis)];
    if (extent.try_constant().value_or(1) != 1)
      node.fail("axis {} has extent {}, not 1", *axis, extent.text());
    dims.erase(dims.begin() + *axis);
  }
  return {node.reshape(node.input(0), std::move(dims))};
}

Outputs import_unsqueeze(NodeContext& node) {
  if (only_a_run_knows_axes(node)) return unsqueeze_by_axes_of_a_run(node);
  const auto given = given_axes(node);
  if (!given) node.fail("the axes are missing");
  ir::Dims dims = node.dims(0);
  for (int64_t axis : node.axes(*given, dims.size() + given->size()))
    dims.insert(dims.begin() + axis, 1);
  return {node.reshape(node.input(0), std::move(dims))};
}

Outputs import_transpose(NodeContext& node) {
  ir::Transpose transpose{node.integers("perm")};
  if (!node.has_attribute("perm"))
    for (size_t i = node.rank(0); i-- > 0;)
      transpose.permutation.push_back(static_cast<int64_t>(i));
  return {node.add(std::move(transpose), {node.input(0)})};
}

Outputs import_concat(NodeContext& node) {
  const int64_t given = node.opset() < 4 ? node.integer("axis", 1) : node.integer("axis");
  const int64_t axis = node.axis(given, node.rank(0));
  std::vector<ir::ValueId> parts;
  for (size_t i = 0; i < node.inputs(); ++i) parts.push_back(node.input(i));
  return {join(node, axis, std::move(parts))};
}

// Negative bounds count from the end, and all are clamped, as in Python.
Outputs import_shape(NodeContext& node) {
  ir::ShapeOf shape;
  const auto rank = static_cast<int64_t>(node.rank(0));
  const auto bound = [&](int64_t given) {
    return std::clamp<int64_t>(given < 0 ? given + rank : given, 0, rank);
  };
  if (node.has_attribute("start")) shape.start = bound(node.integer("start"));
  if (node.has_attribute("end")) shape.end = bound(node.integer("end"));
  return {node.add(shape, {node.input(0)})};
}

Outputs import_size(NodeContext& node) { return {product_of(node, node.shape_of(node.input(0)))}; }

namespace {

ir::Dim divided(NodeContext& node, const ir::Dim& extent, int64_t by) {
  const ir::Dim part = ir::floor_div(extent, by);
  node.require_equal(part * by, extent, "an extent and a multiple of the blocks");
  return part;
}

}  // namespace

// Blocks go from depth to space, or back.
Outputs import_depth_space(NodeContext& node) {
  const bool to_space = node.node().op_type == "DepthToSpace";
  const int64_t block = node.integer("blocksize");
  if (block < 1 || block > 4096) node.fail("blocksize is {}", block);
  const ir::Dims x = node.dims(0);
  if (x.size() != 4) node.fail("the input has rank {}, and must have 4", x.size());
  // SpaceToDepth had no mode up to opset 27.
  const std::string mode =
      (to_space && node.opset() >= 11) || node.opset() >= 28 ? node.text("mode", "DCR") : "DCR";
  if (mode != "DCR" && mode != "CRD") node.fail("mode {} is unknown", base::quoted(mode));
  const bool depth_first = mode == "DCR";
  if (to_space) {
    const ir::Dim c = divided(node, x[1], block * block);
    const ir::ValueId parts =
        node.reshape(node.input(0), depth_first ? ir::Dims{x[0], block, block, c, x[2], x[3]}
                                                : ir::Dims{x[0], c, block, block, x[2], x[3]});
    const ir::ValueId moved =
        node.transpose(parts, depth_first ? std::vector<int64_t>{0, 3, 4, 1, 5, 2}
                                          : std::vector<int64_t>{0, 1, 4, 2, 5, 3});
    return {node.reshape(moved, {x[0], c, x[2] * block, x[3] * block})};
  }
  const ir::Dim h = divided(node, x[2], block), w = divided(node, x[3], block);
  const ir::ValueId parts = node.reshape(node.input(0), {x[0], x[1], h, block, w, block});
  const ir::ValueId moved =
      node.transpose(parts, depth_first ? std::vector<int64_t>{0, 3, 5, 1, 2, 4}
                                        : std::vector<int64_t>{0, 1, 3, 5, 2, 4});
  return {node.reshape(moved, {x[0], x[1] * (block * block), h, w})};
}

}  // namespace tenon::onnx
