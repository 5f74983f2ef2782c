// Imports of ops that read feature maps at given places.
#include "ir/ops/grid_sample.h"
#include "ir/ops/roi.h"
#include "onnx/imports.h"

namespace tenon::onnx {

// Up to opset 15 coordinates were those of elements' corners.
Outputs import_roi_align(NodeContext& node) {
  ir::RoiAlign op{.height = node.integer("output_height", 1),
                  .width = node.integer("output_width", 1),
                  .sampling = node.integer("sampling_ratio", 0),
                  .scale = node.number("spatial_scale", 1)};
  const std::string mode = node.text("mode", "avg");
  if (mode != "avg" && mode != "max") node.fail("mode {} is unknown", base::quoted(mode));
  op.greatest = mode == "max";
  const std::string coordinates = node.opset() < 16
                                      ? "output_half_pixel"
                                      : node.text("coordinate_transformation_mode", "half_pixel");
  if (coordinates != "half_pixel" && coordinates != "output_half_pixel")
    node.fail("coordinate_transformation_mode {} is unknown", base::quoted(coordinates));
  op.half_pixel = coordinates == "half_pixel";
  return {node.add(op, {node.input(0), node.input(1), node.integers_of(2)})};
}

Outputs import_max_roi_pool(NodeContext& node) {
  const std::vector<int64_t> shape = node.integers("pooled_shape");
  if (shape.size() != 2) node.fail("pooled_shape has {} numbers, not 2", shape.size());
  return {node.add(ir::MaxRoiPool{shape[0], shape[1], node.number("spatial_scale", 1)},
                   {node.input(0), node.input(1)})};
}

// Modes had other names up to opset 19.
Outputs import_grid_sample(NodeContext& node) {
  ir::GridSample op{.align_corners = node.flag("align_corners", false)};
  const bool old = node.opset() < 20;
  const std::string mode = node.text("mode", old ? "bilinear" : "linear");
  if (mode == "nearest") {
    op.mode = ir::Resampling::nearest;
  } else if (mode == (old ? "bicubic" : "cubic")) {
    op.mode = ir::Resampling::cubic;
  } else if (mode != (old ? "bilinear" : "linear")) {
    node.fail("mode {} is unknown", base::quoted(mode));
  }
  if (old && node.rank(0) != 4) node.fail("the input has rank {}, and must have 4", node.rank(0));
  const std::string padding = node.text("padding_mode", "zeros");
  if (padding == "border") {
    op.beside = ir::Beside::border;
  } else if (padding == "reflection") {
    op.beside = ir::Beside::reflection;
  } else if (padding != "zeros") {
    node.fail("padding_mode {} is unknown", base::quoted(padding));
  }
  return {node.add(op, {node.input(0), node.input(1)})};
}

}  // namespace tenon::onnx
