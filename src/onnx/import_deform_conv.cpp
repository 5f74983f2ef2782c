// Import of convolution at places that are moved: each tap is sampled, then it is a product.
#include <array>

#include "onnx/function.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

/// A 2-d convolution's numbers, known while building.
struct Taps {
  int64_t channels, outputs, groups, offset_groups;
  std::array<int64_t, 2> kernel, strides{1, 1}, dilations{1, 1}, pads{0, 0};
};

int64_t known(NodeContext& node, const ir::Dim& dim, std::string_view what) {
  const auto extent = dim.try_constant();
  if (!extent) node.unsupported("{} must be known while building", what);
  return *extent;
}

void read_pair(NodeContext& node, std::string_view name, size_t count,
               std::array<int64_t, 2>& pair) {
  const std::vector<int64_t> list = node.integers(name);
  if (list.empty()) return;
  if (list.size() != count) node.fail("{} has {} numbers, not {}", name, list.size(), count);
  pair = {list[0], list[1]};
}

Taps read(NodeContext& node) {
  if (node.rank(0) != 4) node.unsupported("an input of rank {}; it is taken of 4", node.rank(0));
  if (node.rank(1) != 4) node.fail("the weight has rank {}, not 4", node.rank(1));
  const ir::Dims weight = node.dims(1);
  Taps taps{.channels = known(node, node.dims(0)[1], "channels"),
            .outputs = known(node, weight[0], "output channels"),
            .groups = node.integer("group", 1),
            .offset_groups = node.integer("offset_group", 1),
            .kernel = {known(node, weight[2], "taps"), known(node, weight[3], "taps")}};
  read_pair(node, "strides", 2, taps.strides);
  read_pair(node, "dilations", 2, taps.dilations);
  read_pair(node, "pads", 4, taps.pads);
  std::array<int64_t, 2> kernel = taps.kernel;
  read_pair(node, "kernel_shape", 2, kernel);
  if (kernel != taps.kernel) node.fail("kernel_shape does not fit the weight");
  if (taps.groups < 1 || taps.channels % taps.groups != 0 || taps.outputs % taps.groups != 0)
    node.fail("{} groups of {} channels, to {}", taps.groups, taps.channels, taps.outputs);
  if (taps.offset_groups < 1 || taps.channels % taps.offset_groups != 0)
    node.fail("{} groups of offsets, for {} channels", taps.offset_groups, taps.channels);
  node.require_equal(weight[1], taps.channels / taps.groups, "channels of the weight");
  return taps;
}

// `place`: along one axis where each tap of each result is sampled, from -1 to 1 over the input as
// GridSample counts.
void find_places(NodeContext& node, const Taps& taps, Function& f, size_t axis) {
  const int64_t all = taps.kernel[0] * taps.kernel[1];
  std::vector<int64_t> first;
  for (int64_t tap = 0; tap < all; ++tap) {
    const int64_t at = axis == 0 ? tap / taps.kernel[1] : tap % taps.kernel[1];
    first.push_back(at * taps.dilations[axis] - taps.pads[axis]);
  }
  f.set("first", node.reshape(node.constant(first), {all, 1, 1}));
  f.set("axis", node.scalar(static_cast<int64_t>(axis)));
  f.set("stride", node.scalar(taps.strides[axis]));
  f.run(R"(
      steps = Mul(Range(0, Gather(shape, axis), 1), stride)
      extent = CastLike(Gather(Shape(x), Add(axis, 2)), x))");
  if (axis == 0) f.run("steps = Unsqueeze(steps, [1])");
  f.run(R"(
      place = Add(Gather <axis = 2> (offsets, axis), CastLike(Add(first, steps), x))
      place = Div(Add(Mul(place, CastLike(2, x)), CastLike(1, x)), extent)
      place = Unsqueeze(Sub(place, CastLike(1, x)), [4]))");
}

}  // namespace

Outputs import_deform_conv(NodeContext& node) {
  constexpr std::string_view names[] = {"x", "weight", "offset", "bias", "mask"};
  Function f(node, names);
  const Taps taps = read(node);
  const int64_t all = taps.kernel[0] * taps.kernel[1];
  f.set("by_tap", std::array<int64_t, 3>{-1, all, 2});
  f.run(R"(shape = Slice(Shape(offset), [2], [4])
           offsets = Reshape(offset, Concat <axis = 0> (by_tap, shape)))");
  find_places(node, taps, f, 0);
  f.run("down = place");
  find_places(node, taps, f, 1);
  // Taps and rows of results are one axis of the grid.
  f.set("apart", std::array<int64_t, 2>{-1, taps.channels / taps.offset_groups});
  f.run(R"(grid = Concat <axis = 4> (place, down)
           width = Slice(shape, [1], [2])
           grid = Reshape(grid, Concat <axis = 0> ([0, -1], width, [2]))
           image = Reshape(x, Concat <axis = 0> (apart, Slice(Shape(x), [2], [4])))
           taken = GridSample <align_corners = 0, padding_mode = "zeros"> (image, grid))");
  if (node.has(4))
    f.run(R"(rows = Slice(Shape(taken), [2], [4])
             taken = Mul(taken, Reshape(mask, Concat <axis = 0> ([-1, 1], rows))))");
  const int64_t depth = taps.channels / taps.groups * all;
  f.set("columns", std::array<int64_t, 3>{taps.groups, depth, -1});
  f.set("rows", std::array<int64_t, 3>{taps.groups, taps.outputs / taps.groups, depth});
  f.set("outputs", std::array<int64_t, 1>{taps.outputs});
  f.run(R"(batch = Slice(Shape(x), [0], [1])
           taken = Reshape(taken, Concat <axis = 0> (batch, columns))
           y = MatMul(Reshape(weight, rows), taken)
           y = Reshape(y, Concat <axis = 0> (batch, outputs, shape)))");
  if (node.has(3)) f.run("y = Add(y, Reshape(bias, [-1, 1, 1]))");
  return {f["y"]};
}

}  // namespace tenon::onnx
