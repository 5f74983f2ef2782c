// Ops whose axes only a run knows: flags of axes in place of lists, and elements picked by index.
#include <array>

#include "onnx/function.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

// `flag`: of each of `rank` axes 1 where `axes` names it, and `number`, its number.
void find_flags(Function& f, int64_t rank) {
  f.set("rank", std::array{rank});
  f.run(R"(number = Range(0, Squeeze(rank, [0]), 1)
           axes = Cast <to = 7> (axes)
           axes = Where(Less(axes, 0), Add(axes, rank), axes)
           named = Cast <to = 7> (Equal(Unsqueeze(number, [1]), Unsqueeze(axes, [0])))
           flag = ReduceMax(named, [1])
           flag = Reshape(flag, [-1]))");
}

// `order`: the axes that are not named, then the others, each in their order.
constexpr std::string_view find_order = R"(
    key, at = TopK <largest = 0> (Add(Mul(flag, rank), number), rank)
    order = Mod(key, rank))";

// `steps`: from one index of each axis of `shape` to the next, where elements lie densely.
void find_steps(Function& f, size_t rank) {
  f.run("steps = [1]");
  for (size_t i = rank; i-- > 1;) {
    f.set("i", std::array{static_cast<int64_t>(i)});
    f.run("steps = Concat <axis = 0> (Mul(Slice(steps, [0], [1]), Gather(shape, i)), steps)");
  }
}

size_t axes_of_operand(NodeContext& node, size_t i) {
  const size_t count = node.length(i);
  if (count > node.rank(0)) node.fail("{} axes are named, of rank {}", count, node.rank(0));
  return count;
}

}  // namespace

// Laid out with the named axes last, as one; the others as one before.
Outputs reduce_by_axes_of_a_run(NodeContext& node) {
  Function f(node, std::array<std::string_view, 2>{"x", "axes"});
  const size_t rank = node.rank(0), count = axes_of_operand(node, 1);
  const auto kept = static_cast<int64_t>(rank - count);
  find_flags(f, static_cast<int64_t>(rank));
  f.run(find_order);
  f.run(R"(whole = Shape(x)
           shape = Gather(whole, order)
           at = Range(0, Size(x), 1)
           from = Mul(at, 0))");
  find_steps(f, rank);
  f.run(R"(into = steps
           shape = whole)");
  find_steps(f, rank);
  f.run("shape = Gather(whole, order)");
  for (size_t i = 0; i < rank; ++i) {
    f.set("i", std::array{static_cast<int64_t>(i)});
    f.run(R"(index = Mod(Div(at, Gather(into, i)), Gather(shape, i))
             from = Add(from, Mul(index, Gather(steps, Gather(order, i)))))");
  }
  f.run(R"(outer = ReduceProd <keepdims = 1> (Where(Equal(flag, 1), 1, whole), [0])
           inner = ReduceProd <keepdims = 1> (Where(Equal(flag, 1), whole, 1), [0])
           moved = Gather(Reshape(x, [-1]), from)
           moved = Reshape <allowzero = 1> (moved, Concat <axis = 0> (outer, inner)))");
  f.run(fmt::format("y = {} <keepdims = 0> (moved, [1])", node.node().op_type));
  f.set("kept", std::array{kept});
  f.run(node.flag("keepdims", true) ? "shape = Where(Equal(flag, 1), 1, whole)"
                                    : "shape = Slice(shape, [0], kept)");
  f.run("y = Reshape <allowzero = 1> (y, shape)");
  return {f["y"]};
}

Outputs squeeze_by_axes_of_a_run(NodeContext& node) {
  Function f(node, std::array<std::string_view, 2>{"x", "axes"});
  const size_t rank = node.rank(0), count = axes_of_operand(node, 1);
  find_flags(f, static_cast<int64_t>(rank));
  f.run(find_order);
  f.set("kept", std::array{static_cast<int64_t>(rank - count)});
  f.run("y = Reshape <allowzero = 1> (x, Gather(Shape(x), Slice(order, [0], kept)))");
  return {f["y"]};
}

// An axis of the result that is not named is the input's at the number of those before it.
Outputs unsqueeze_by_axes_of_a_run(NodeContext& node) {
  Function f(node, std::array<std::string_view, 2>{"x", "axes"});
  find_flags(f, static_cast<int64_t>(node.rank(0) + node.length(1)));
  f.run(R"(before = Cast <to = 7> (Less(Unsqueeze(number, [0]), Unsqueeze(number, [1])))
           at = ReduceSum <keepdims = 0> (Mul(before, Sub(1, flag)), [1])
           extents = Gather(Concat <axis = 0> (Shape(x), [1]), Min(at, Size(Shape(x))))
           y = Reshape <allowzero = 1> (x, Where(Equal(flag, 1), 1, extents)))");
  return {f["y"]};
}

// Axis by axis, the indices counted out: a step may be any but 0.
Outputs slice_by_steps_of_a_run(NodeContext& node) {
  Function f(node, std::array<std::string_view, 5>{"y", "starts", "ends", "axes", "steps"});
  const size_t rank = node.rank(0), count = node.length(1);
  if (!node.has(3)) f.set("axes", axes_from(0, count));
  if (!node.has(4)) f.set("steps", std::vector<int64_t>(count, 1));
  f.run(R"(starts = Cast <to = 7> (starts)
           ends = Cast <to = 7> (ends)
           steps = Cast <to = 7> (steps))");
  find_flags(f, static_cast<int64_t>(rank));
  for (size_t axis = 0; axis < rank; ++axis) {
    f.set("axis", std::array{static_cast<int64_t>(axis)});
    // What lies beyond any extent is brought near first, so that nothing overflows.
    f.run(R"(
        mine = Gather(named, axis)
        has = Squeeze(Gather(flag, axis), [0])
        extent = Squeeze(Gather(Shape(y), axis), [0])
        far = 1000000000000000
        pick = Squeeze(mine, [0])
        start = ReduceSum <keepdims = 0> (Mul(pick, Max(Min(starts, far), Neg(far))))
        end = ReduceSum <keepdims = 0> (Mul(pick, Max(Min(ends, far), Neg(far))))
        step = ReduceSum <keepdims = 0> (Mul(pick, Max(Min(steps, far), Neg(far))))
        end = Where(Equal(has, 1), end, extent)
        step = Where(Equal(has, 1), step, 1)
        start = Where(Less(start, 0), Add(start, extent), start)
        end = Where(Less(end, 0), Add(end, extent), end)
        back = Less(step, 0)
        start = Min(Max(start, 0), Where(back, Sub(extent, 1), extent))
        end = Min(Max(end, Where(back, -1, 0)), extent)
        index = Range(start, end, step))");
    f.run(fmt::format("y = Gather <axis = {}> (y, index)", axis));
  }
  return {f["y"]};
}

}  // namespace tenon::onnx
