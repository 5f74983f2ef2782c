// Imports of ops that repeat elements, or count them out.
#include "base/error.h"
#include "ir/ops/cast.h"
#include "ir/ops/concat.h"
#include "ir/ops/range.h"
#include "ir/ops/repeat.h"
#include "ir/ops/shape.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

// The broadcast of operand 0's extents and known ones.
ir::Dims broadcast(NodeContext& node, const ir::Dims& shape) {
  ir::Infer rule(label(node.node()), {}, 0);
  ir::Dims dims = rule.broadcast(node.dims(0), shape);
  node.builder().require(rule.take_constraints());
  return dims;
}

// Operand 0's last `count` extents, ones before them where its rank is lower.
ir::ValueId last_extents(NodeContext& node, size_t count) {
  const size_t rank = node.rank(0);
  const size_t first = rank - std::min(rank, count);
  const ir::ValueId own =
      node.add(ir::ShapeOf{.start = static_cast<int64_t>(first)}, {node.input(0)});
  if (count <= rank) return own;
  return node.add(ir::Concat{0}, {node.constant(std::vector<int64_t>(count - rank, 1)), own});
}

// The same where a run knows the shape: a 1 in it leaves the extent.
ir::Dims broadcast_in_a_run(NodeContext& node) {
  const size_t count = node.length(1);
  ir::Dims shape = node.extents_of(
      node.pointwise("where(equal(a, 1), b, a)", {node.integers_of(1), last_extents(node, count)}));
  const ir::Dims& own = node.dims(0);
  const auto told = node.told(node.input(1));
  for (size_t i = 0; i < count; ++i) {
    const size_t behind = count - i;
    const ir::Dim extent = behind <= own.size() ? own[own.size() - behind] : ir::Dim(1);
    if (told[i] && told[i]->is_constant()) shape[i] = *told[i] == ir::Dim(1) ? extent : *told[i];
  }
  if (own.size() > count) shape.insert(shape.begin(), own.begin(), own.end() - std::ssize(shape));
  return shape;
}

ir::ValueId scalar(NodeContext& node, size_t i) {
  return node.rank(i) == 0 ? node.input(i) : node.reshape(node.input(i), {});
}

// max(ceil((limit - start) / delta), 0) of integers, without overflow on the way: quotients and
// remainders of both ends, from the lower to the upper. What 64 bits do not hold is 2^52, and
// refused as an extent.
ir::ValueId integer_count(NodeContext& node, ir::ValueId start, ir::ValueId limit,
                          ir::ValueId delta) {
  const ir::ValueId low = node.pointwise("where(less(c, 0), b, a)", {start, limit, delta});
  const ir::ValueId high = node.pointwise("where(less(c, 0), a, b)", {start, limit, delta});
  const ir::ValueId step = node.pointwise("abs(a)", {delta});
  const auto rest = [&](ir::ValueId end) { return node.pointwise("fmod(a, b)", {end, step}); };
  const ir::ValueId low_rest = rest(low), high_rest = rest(high);
  const ir::ValueId steps = node.pointwise("sub(div(b, c), div(a, c))", {low, high, step});
  const ir::ValueId more = node.pointwise(
      "t0 = sub(c, c); where(logical_and(less(a, 0), less(add(a, c), b)), add(t0, 2), "
      "where(less(a, b), add(t0, 1), "
      "where(logical_and(less(b, 0), less_equal(add(b, c), a)), sub(t0, 1), t0)))",
      {low_rest, high_rest, step});
  return node.pointwise("where(less(a, b), where(less(c, 0), 4503599627370496, add(c, d)), 0)",
                        {low, high, steps, more});
}

// max(ceil((limit - start) / delta), 0)
ir::ValueId range_count(NodeContext& node, ir::ValueId start, ir::ValueId limit,
                        ir::ValueId delta) {
  if (is_floating(node.dtype(0))) {
    const ir::ValueId way = node.cast(node.pointwise("sub(a, b)", {limit, start}), DType::f64);
    const ir::ValueId steps =
        node.pointwise("max(ceil(div(a, b)), 0)", {way, node.cast(delta, DType::f64)});
    return node.cast(steps, DType::i64);
  }
  for (ir::ValueId* each : {&start, &limit, &delta}) *each = node.cast(*each, DType::i64);
  const ir::ValueId count = node.pointwise(
      "div(add(max(where(less(c, 0), sub(a, b), sub(b, a)), 0), sub(abs(c), 1)), abs(c))",
      {start, limit, delta});
  // Of extents it is an extent.
  return node.builder().value(count).value.known ? count : integer_count(node, start, limit, delta);
}

bool is_zero(const ir::Value& value) {
  if (!value.known) return false;
  const auto& [integers, floats] = *value.known;
  return integers.empty() ? floats[0] == 0 : integers[0] == ir::Dim(0);
}

}  // namespace

Outputs import_expand(NodeContext& node) {
  ir::Dims dims = node.known(1) ? broadcast(node, node.known_dims(1)) : broadcast_in_a_run(node);
  return {node.add(ir::Expand{std::move(dims)}, {node.input(0)})};
}

Outputs import_tile(NodeContext& node) {
  if (node.opset() < 6) {  // one axis, so many times
    if (!node.has(2)) node.fail("operand 2 is missing");
    ir::Dims counts(node.rank(0), 1);
    const int64_t axis = node.axis(node.known_integers(2).at(0), node.rank(0));
    counts[static_cast<size_t>(axis)] = node.known_dims(1).at(0);
    return {node.add(ir::Tile{std::move(counts)}, {node.input(0)})};
  }
  if (node.has(2)) node.fail("operand 2 does not exist in opset {}", node.opset());
  return {node.add(ir::Tile{node.known_dims(1)}, {node.input(0)})};
}

Outputs import_constant_of_shape(NodeContext& node) {
  const float zero = 0;
  const weights::TensorSource* value = node.tensor("value");
  if (value && element_count(value->shape) != 1)
    node.fail("attribute \"value\" has {} elements, not 1", element_count(value->shape));
  const DType dtype = value ? value->dtype : DType::f32;
  std::vector<std::byte> bytes(value ? value->size() : sizeof zero);
  if (value) weights::read_elements(*value, 0, 1, dtype, bytes.data());
  const ir::ValueId element = node.builder().constant(dtype, {}, bytes);
  return {node.add(ir::Expand{node.known_dims(0)}, {element})};
}

Outputs import_range(NodeContext& node) {
  const ir::ValueId start = scalar(node, 0), limit = scalar(node, 1), delta = scalar(node, 2);
  if (is_zero(node.builder().value(delta).value)) node.fail("the delta is 0");
  const ir::Dims count = node.extents_of(range_count(node, start, limit, delta));
  return {node.add(ir::Range{count}, {start, delta})};
}

}  // namespace tenon::onnx
