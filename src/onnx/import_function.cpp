// Imports of ops that are a few others: masks, losses, normalisations, embeddings.
#include <array>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "onnx/function.h"
#include "onnx/imports.h"
#include "weights/onnx_wire.h"

namespace tenon::onnx {
namespace {

using Names = std::span<const std::string_view>;
template <size_t N>
Function function_of(NodeContext& node, const std::string_view (&names)[N]) {
  return Function(node, Names(names));
}

// The type that statistics are computed in.
int64_t wide_type(const NodeContext& node) { return node.dtype(0) == DType::f64 ? 11 : 1; }

// Sets `loss` from `logs`, `target` and `weight`.
void find_loss(NodeContext& node, Function& f) {
  const std::string reduction = node.text("reduction", "mean");
  const bool ignores = node.has_attribute("ignore_index");
  f.run("zero = CastLike(0, logs)");
  if (ignores) {
    f.set("ignored", node.reshape(node.constant(std::array{node.integer("ignore_index")}), {}));
    f.run(R"(skip = Equal(target, CastLike(ignored, target))
             target = Where(skip, CastLike(0, target), target))");
  }
  f.run("loss = Neg(Squeeze(GatherElements <axis = 1> (logs, Unsqueeze(target, [1])), [1]))");
  f.run(node.has(2) ? "w = Gather(weight, target)"
                    : "w = Expand(CastLike(1, logs), Shape(target))");
  if (ignores) {
    f.run(R"(w = Where(skip, zero, w)
             loss = Where(skip, zero, loss))");
  }
  f.run("loss = Mul(loss, w)");
  if (reduction == "none") return;
  f.run("loss = ReduceSum <keepdims = 0> (loss)");
  if (reduction == "mean")
    f.run("loss = Div(loss, ReduceSum <keepdims = 0> (w))");
  else if (reduction != "sum")
    node.fail("reduction {} is unknown", base::quoted(reduction));
}

// [-1, 1, 1, …]: a parameter of channels beside operand 0.
std::vector<int64_t> channels(const NodeContext& node) {
  std::vector<int64_t> dims(node.rank(0) - 1, 1);
  dims[0] = -1;
  return dims;
}

// `n`: x less its mean over `axes`, over the root mean square of that.
constexpr std::string_view normalize = R"(
    d = Sub(x, ReduceMean(x, axes))
    n = Div(d, Sqrt(Add(ReduceMean(Mul(d, d), axes), CastLike(epsilon, x)))))";

}  // namespace

Outputs import_negative_log_likelihood_loss(NodeContext& node) {
  Function f = function_of(node, {"logs", "target", "weight"});
  find_loss(node, f);
  return {f["loss"]};
}

Outputs import_softmax_cross_entropy_loss(NodeContext& node) {
  Function f = function_of(node, {"scores", "target", "weight"});
  f.run("logs = LogSoftmax <axis = 1> (scores)");
  find_loss(node, f);
  return {f["loss"], f["logs"]};
}

Outputs import_trilu(NodeContext& node) {
  Function f = function_of(node, {"x", "k"});
  if (node.rank(0) < 2) node.fail("operand 0 has rank {}, and needs 2", node.rank(0));
  f.run(node.has(1) ? "k = Reshape(k, [1])" : "k = [0]");
  f.run(R"(shape = Shape(x)
           row = Unsqueeze(Range(0, Gather(shape, -2), 1), [1])
           column = Range(0, Gather(shape, -1), 1)
           above = Sub(column, Add(row, k)))");
  f.run(node.flag("upper", true) ? "keep = GreaterOrEqual(above, 0)"
                                 : "keep = LessOrEqual(above, 0)");
  f.run("y = Where(keep, x, CastLike(0, x))");
  return {f["y"]};
}

Outputs import_eye_like(NodeContext& node) {
  Function f = function_of(node, {"x"});
  if (node.rank(0) != 2) node.fail("operand 0 has rank {}, not 2", node.rank(0));
  f.set("k", std::array{node.integer("k", 0)});
  f.run(R"(shape = Shape(x)
           row = Unsqueeze(Range(0, Gather(shape, 0), 1), [1])
           y = Equal(Range(0, Gather(shape, 1), 1), Add(row, k)))");
  if (!node.has_attribute("dtype")) {
    f.run("y = CastLike(y, x)");
    return {f["y"]};
  }
  const auto dtype = weights::wire::dtype_of(static_cast<int>(node.integer("dtype")));
  if (!dtype) node.unsupported("a result of data type {}", node.integer("dtype"));
  return {node.cast(f["y"], *dtype)};
}

// Negative indices count from the end; others outside are hot nowhere.
Outputs import_one_hot(NodeContext& node) {
  Function f = function_of(node, {"indices", "depth", "values"});
  const size_t rank = node.rank(0) + 1;
  const int64_t axis = node.axis(node.integer("axis", -1), rank);
  std::vector<int64_t> dims(rank, 1);
  dims[static_cast<size_t>(axis)] = -1;
  f.set("axis", std::array{axis});
  f.set("dims", dims);
  f.run(R"(depth = Reshape(Cast <to = 7> (depth), [-1])
           depth = Squeeze(depth, [0])
           index = Cast <to = 7> (indices)
           index = Unsqueeze(Where(Less(index, 0), Add(index, depth), index), axis)
           hot = Equal(index, Reshape(Range(0, depth, 1), dims))
           y = Gather(values, Cast <to = 7> (hot)))");
  return {f["y"]};
}

Outputs import_rms_normalization(NodeContext& node) {
  Function f = function_of(node, {"x", "scale"});
  node.ignore_attribute("stash_type");
  const int64_t axis = node.axis(node.integer("axis", -1), node.rank(0));
  f.set("axes", axes_from(static_cast<size_t>(axis), node.rank(0)));
  f.set("epsilon", node.number("epsilon", 1e-5F));
  f.run(fmt::format(R"(w = Cast <to = {}> (x)
                       mean = ReduceMean(Mul(w, w), axes)
                       n = Div(w, Sqrt(Add(mean, CastLike(epsilon, w))))
                       y = Mul(CastLike(n, x), scale))",
                    wide_type(node)));
  node.require_dims(f["y"], node.dims(0), "the scale");
  return {f["y"]};
}

// Scale and bias are of groups up to opset 20, and of channels from 21 on.
Outputs import_group_normalization(NodeContext& node) {
  Function f = function_of(node, {"given", "scale", "bias"});
  node.ignore_attribute("stash_type");
  if (node.rank(0) < 2) node.fail("operand 0 has rank {}, and needs 2", node.rank(0));
  f.set("groups", std::array<int64_t, 3>{0, node.integer("num_groups"), -1});
  f.set("channels", channels(node));
  f.set("axes", std::array<int64_t, 1>{2});
  f.set("epsilon", node.number("epsilon", 1e-5F));
  f.run(fmt::format("x = Reshape(Cast <to = {}> (given), groups)", wide_type(node)));
  f.run(normalize);
  f.run(node.opset() < 21 ? R"(scale = Reshape(CastLike(scale, n), [-1, 1])
                 bias = Reshape(CastLike(bias, n), [-1, 1])
                 y = Reshape(Add(Mul(n, scale), bias), Shape(given)))"
                          : R"(n = Reshape(n, Shape(given))
                 scale = Reshape(CastLike(scale, n), channels)
                 y = Add(Mul(n, scale), Reshape(CastLike(bias, n), channels)))");
  f.run("y = CastLike(y, given)");
  return {f["y"]};
}

Outputs import_instance_normalization(NodeContext& node) {
  Function f = function_of(node, {"given", "scale", "bias"});
  if (node.rank(0) < 3) node.fail("operand 0 has rank {}, and needs 3", node.rank(0));
  f.set("channels", channels(node));
  f.set("axes", axes_from(2, node.rank(0)));
  f.set("epsilon", node.number("epsilon", 1e-5F));
  f.run(fmt::format("x = Cast <to = {}> (given)", wide_type(node)));
  f.run(normalize);
  f.run(R"(scale = Reshape(CastLike(scale, n), channels)
           y = CastLike(Add(Mul(n, scale), Reshape(CastLike(bias, n), channels)), given))");
  node.require_dims(f["y"], node.dims(0), "a parameter");
  return {f["y"]};
}

Outputs import_mean_variance_normalization(NodeContext& node) {
  Function f = function_of(node, {"given"});
  std::vector<int64_t> axes = node.integers("axes");
  if (!node.has_attribute("axes")) axes = {0, 2, 3};
  f.set("axes", node.axes(axes, node.rank(0)));
  f.set("epsilon", 1e-9);
  f.run(fmt::format("x = Cast <to = {}> (given)", wide_type(node)));
  f.run(R"(d = Sub(x, ReduceMean(x, axes))
           deviation = Add(Sqrt(ReduceMean(Mul(d, d), axes)), CastLike(epsilon, d))
           y = CastLike(Div(d, deviation), given))");
  return {f["y"]};
}

Outputs import_lp_normalization(NodeContext& node) {
  Function f = function_of(node, {"x"});
  const int64_t p = node.integer("p", 2);
  if (p != 1 && p != 2) node.fail("p is {}, and can be 1 and 2", p);
  f.set("axes", std::array{node.axis(node.integer("axis", -1), node.rank(0))});
  f.run(p == 1 ? "norm = ReduceL1(x, axes)" : "norm = ReduceL2(x, axes)");
  f.run(R"(zero = CastLike(0, x)
           y = Where(Equal(norm, zero), zero, Div(x, norm)))");
  return {f["y"]};
}

// Sums over a window of channels, as so many slices of the padded squares.
Outputs import_lrn(NodeContext& node) {
  Function f = function_of(node, {"x"});
  const int64_t size = node.integer("size");
  if (size < 1 || size > 1024) node.fail("a window of {} channels; it can have 1 to 1024", size);
  if (node.rank(0) < 2) node.fail("operand 0 has rank {}, and needs 2", node.rank(0));
  std::vector<int64_t> pads(2 * node.rank(0));
  pads[1] = (size - 1) / 2;
  pads[node.rank(0) + 1] = size - 1 - pads[1];
  f.set("pads", pads);
  f.set("scale", static_cast<double>(node.number("alpha", 1e-4F)) / static_cast<double>(size));
  f.set("beta", node.number("beta", 0.75F));
  f.set("bias", node.number("bias", 1));
  f.run(R"(squares = Pad(Mul(x, x), pads, CastLike(0, x))
           sum = CastLike(0, x))");
  for (int64_t i = 0; i < size; ++i) {
    const int64_t end = i + 1 == size ? std::numeric_limits<int64_t>::max() : i + 1 - size;
    f.set("first", std::array{i});
    f.set("end", std::array{end});
    f.run("sum = Add(sum, Slice(squares, first, end, [1]))");
  }
  f.run(R"(base = Add(CastLike(bias, x), Mul(CastLike(scale, x), sum))
           y = Div(x, Pow(base, CastLike(beta, x))))");
  return {f["y"]};
}

// Pairs of elements are turned: neighbours, or one of each half. A tensor of rank 3 holds its heads
// side by side.
Outputs import_rotary_embedding(NodeContext& node) {
  Function f = function_of(node, {"given", "cos", "sin", "positions"});
  const bool flat = node.rank(0) == 3, interleaved = node.flag("interleaved", false);
  const int64_t heads = node.integer("num_heads", 0),
                turned = node.integer("rotary_embedding_dim", 0);
  if (!flat && node.rank(0) != 4) node.fail("operand 0 has rank {}, not 3 or 4", node.rank(0));
  if (flat && heads < 1) node.fail("num_heads is {}, and operand 0 has rank 3", heads);
  f.set("heads", std::array<int64_t, 4>{0, 0, heads, -1});
  f.set("turned", std::array{turned});
  f.run(flat ? "x = Transpose <perm = [0, 2, 1, 3]> (Reshape(given, heads))" : "x = given");
  f.run(turned > 0 ? R"(rest = Slice(x, turned, [9223372036854775807], [3])
                        x = Slice(x, [0], turned, [3]))"
                   : "");
  f.run(node.has(3) ? R"(cos = Gather(cos, positions)
                         sin = Gather(sin, positions))"
                    : "");
  f.run(R"(cos = Unsqueeze(cos, [1])
           sin = Unsqueeze(sin, [1]))");
  f.run(interleaved ? R"(a = Slice(x, [0], [9223372036854775807], [3], [2])
                         b = Slice(x, [1], [9223372036854775807], [3], [2]))"
                    : "a, b = Split <axis = 3, num_outputs = 2> (x)");
  f.run(R"(left = Sub(Mul(cos, a), Mul(sin, b))
           right = Add(Mul(sin, a), Mul(cos, b)))");
  f.run(interleaved ? R"(pairs = Concat <axis = 4> (Unsqueeze(left, [4]), Unsqueeze(right, [4]))
                 y = Reshape(pairs, Shape(x)))"
                    : "y = Concat <axis = 3> (left, right)");
  f.run(turned > 0 ? "y = Concat <axis = 3> (y, rest)" : "");
  f.run(flat ? "y = Reshape(Transpose <perm = [0, 2, 1, 3]> (y), Shape(given))" : "");
  return {f["y"]};
}

// Writes rows of a cache, from a place of each sample's on.
Outputs import_tensor_scatter(NodeContext& node) {
  Function f = function_of(node, {"past", "update", "first"});
  const int64_t axis = node.axis(node.integer("axis", -2), node.rank(0));
  const std::string mode = node.text("mode", "linear");
  if (mode != "linear" && mode != "circular") node.fail("mode {} is unknown", base::quoted(mode));
  std::vector<int64_t> samples(node.rank(0), 1), rows(node.rank(0), 1);
  samples[0] = -1;
  rows[static_cast<size_t>(axis)] = -1;
  f.set("samples", samples);
  f.set("rows", rows);
  f.set("axis", std::array{axis});
  f.run("at = Reshape(Range(0, Squeeze(Gather(Shape(update), axis), [0]), 1), rows)");
  if (node.has(2)) f.run("at = Add(at, Reshape(Cast <to = 7> (first), samples))");
  if (mode == "circular") f.run("at = Mod(at, Gather(Shape(past), axis))");
  f.run(fmt::format(R"(at = Expand(at, Shape(update))
                       y = ScatterElements <axis = {}> (past, at, update))",
                    axis));
  return {f["y"]};
}

// A depthwise convolution over the steps before and this one; the last ones are the next state.
Outputs import_causal_conv_with_state(NodeContext& node) {
  Function f = function_of(node, {"x", "w", "bias", "past"});
  const ir::Dims dims = node.dims(1);
  if (dims.size() != 3 || !dims[0].is_constant() || !dims[2].is_constant())
    node.unsupported("a weight {}; channels and taps must be known while building", ir::text(dims));
  const int64_t kept = dims[2].constant() - 1;
  const std::string activation = node.text("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish")
    node.fail("activation {} is unknown", base::quoted(activation));
  f.set("kept", std::array{-kept});
  f.set("pads", std::array<int64_t, 6>{0, 0, kept, 0, 0, 0});
  f.run(node.has(3) ? "all = Concat <axis = 2> (past, x)" : "all = Pad(x, pads, CastLike(0, x))");
  f.run(fmt::format("y = Conv <group = {}> (all, w, bias)", dims[0].constant()));
  if (activation != "none") f.run("y = Swish(y)");
  f.run(kept > 0 ? "next = Slice(all, kept, [9223372036854775807], [2])"
                 : "next = Slice(all, [0], [0], [2])");
  return {f["y"], f["next"]};
}

// Coordinates of a grid from -1 to 1, moved by an affine matrix of each sample.
Outputs import_affine_grid(NodeContext& node) {
  Function f = function_of(node, {"theta", "size"});
  const size_t axes = node.length(1) - 2;
  if (axes != 2 && axes != 3) node.fail("size has {} elements, not 4 or 5", axes + 2);
  const bool corners = node.flag("align_corners", false);
  std::vector<int64_t> column(axes + 2, 1);
  column[0] = -1;
  column[axes + 1] = static_cast<int64_t>(axes);
  f.set("column", column);
  const auto column_of_theta = [&](size_t i) {
    f.set("i", std::array{static_cast<int64_t>(i)});
    f.set("j", std::array{static_cast<int64_t>(i) + 1});
    f.run("part = Reshape(Slice(theta, i, j, [2]), column)");
  };
  column_of_theta(axes);
  f.run("y = part");
  for (size_t i = 0; i < axes; ++i) {
    std::vector<int64_t> along(axes + 2, 1);
    along[axes - i] = -1;
    f.set("along", along);
    column_of_theta(i);
    f.set("axis", std::array{static_cast<int64_t>(axes + 1 - i)});
    f.run(R"(count = Squeeze(Gather(size, axis), [0])
             place = CastLike(Range(0, count, 1), theta)
             n = CastLike(count, theta))");
    f.run(
        corners
            ? R"(step = Div(CastLike(2, theta), Max(Sub(n, CastLike(1, theta)), CastLike(1, theta)))
                       place = Sub(Mul(place, step), CastLike(1, theta)))"
            : R"(place = Add(Mul(CastLike(2, theta), place), CastLike(1, theta))
                       place = Sub(Div(place, n), CastLike(1, theta)))");
    f.run("y = Add(y, Mul(Reshape(place, along), part))");
  }
  return {f["y"]};
}

}  // namespace tenon::onnx
