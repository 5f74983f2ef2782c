// Imports of quantised ops: integers stand for (integer - zero point) * scale.
#include <algorithm>
#include <array>
#include <cmath>

#include "base/narrow.h"
#include "ir/ops/cast.h"
#include "ir/ops/matmul.h"
#include "ir/ops/reduce.h"
#include "ir/ops/repeat.h"
#include "ir/ops/slice.h"
#include "onnx/import_conv.h"
#include "onnx/imports.h"
#include "weights/onnx_wire.h"

namespace tenon::onnx {
namespace {

using ir::ValueId;

struct Limits {
  double least, greatest;
};

Limits limits_of(NodeContext& node, DType dtype) {
  switch (dtype) {
    case DType::i8: return {-128, 127};
    case DType::u8: return {0, 255};
    case DType::i16: return {-32768, 32767};
    case DType::u16: return {0, 65535};
    case DType::i4: return {-8, 7};
    case DType::u4: return {0, 15};
    case DType::i2: return {-2, 1};
    case DType::u2: return {0, 3};
    default: node.unsupported("quantising to {}", to_string(dtype));
  }
}

/// A type that an attribute names; 0 is none.
std::optional<DType> dtype_attribute(NodeContext& node, std::string_view name) {
  const int64_t given = node.integer(name, 0);
  if (given == 0) return std::nullopt;
  const int type = given == static_cast<int>(given) ? static_cast<int>(given) : 0;
  const auto dtype = weights::wire::dtype_of(type);
  if (!dtype) node.unsupported("{} {}", name, weights::wire::data_type_name(type));
  return dtype;
}

// One number for each element of `x` along `axis` (or for all): [n] as [1, n, 1].
ValueId along_axis(NodeContext& node, ValueId numbers, int64_t axis, size_t rank) {
  const ir::Dims dims = node.builder().dims(numbers);
  if (dims.empty()) return numbers;
  ir::Dims beside(rank, 1);
  if (rank > 0) beside[static_cast<size_t>(axis)] = dims[0];
  return node.reshape(numbers, std::move(beside));
}

// One number for each block of `size` elements along `axis`; the last may be shorter.
ValueId by_blocks(NodeContext& node, ValueId numbers, int64_t axis, int64_t size,
                  const ir::Dims& x) {
  const auto at = static_cast<size_t>(axis);
  const ir::Dims blocks = node.builder().dims(numbers);
  if (blocks.size() != x.size())
    node.fail("scales of blocks have rank {}, the tensor {}", blocks.size(), x.size());
  node.require_equal(blocks[at], ir::ceil_div(x[at], size), "blocks of the axis and scales");
  ir::Dims split = blocks;
  split.insert(split.begin() + axis + 1, 1);
  const ValueId apart = node.reshape(numbers, split);
  split[at + 1] = size;
  ir::Dims joined = blocks;
  joined[at] = blocks[at] * size;
  const ValueId whole = node.reshape(node.add(ir::Expand{split}, {apart}), joined);
  if (joined[at] == x[at]) return whole;
  joined[at] = x[at];
  return node.add(ir::Slice{ir::Dims(x.size(), 0), joined, {}}, {whole});
}

/// How scales and zero points lie beside operand 0.
struct Granularity {
  int64_t axis = 0, block = 0;
};

Granularity granularity(NodeContext& node) {
  Granularity given;
  const auto rank = static_cast<int64_t>(node.rank(0));
  if (node.opset() >= 13) {
    const int64_t axis = node.integer("axis", 1);
    // The axis means nothing where there is one scale.
    const bool one = node.rank(1) == 0 || (node.rank(1) == 1 && node.dims(1)[0] == ir::Dim(1));
    if (!one || (axis >= -rank && axis < rank)) given.axis = node.axis(axis, node.rank(0));
  }
  if (node.opset() >= 21) given.block = node.integer("block_size", 0);
  if (given.block < 0) node.fail("block_size is {}", given.block);
  return given;
}

ValueId beside_operand(NodeContext& node, size_t i, const Granularity& by) {
  if (by.block > 0 && node.rank(i) > 0)
    return by_blocks(node, node.input(i), by.axis, by.block, ir::Dims(node.dims(0)));
  if (node.rank(i) > 1) node.fail("operand {} has rank {}, and must have 0 or 1", i, node.rank(i));
  return along_axis(node, node.input(i), by.axis, node.rank(0));
}

// round(x / scale) + zero point, within the limits of the type; `x` is f32 and divided already.
ValueId saturated(NodeContext& node, ValueId divided, ValueId zero_point, DType to) {
  const Limits limits = limits_of(node, to);
  const std::array literals{limits.least, limits.greatest};
  const ValueId wide = node.cast(divided, DType::f32);
  const ValueId value = zero_point == ir::absent
                            ? node.pointwise("max(min(round(a), c), b)", {wide}, literals)
                            : node.pointwise("max(min(add(round(a), b), d), c)",
                                             {wide, node.cast(zero_point, DType::f32)}, literals);
  return node.cast(value, to);
}

// As a narrow float; the zero point of 8 bits is zero by ONNX's rule, and adds nothing.
ValueId rounded_to_float(NodeContext& node, ValueId divided, ValueId zero_point, DType to,
                         bool saturate) {
  ValueId value = node.cast(divided, DType::f32);
  if (zero_point != ir::absent && base::narrow_bits(to) < 8)
    value = node.pointwise("add(a, b)", {value, node.cast(zero_point, DType::f32)});
  return node.add(ir::Cast{.to = to, .saturate = saturate}, {value});
}

bool is_narrow_float(DType dtype) { return is_narrow(dtype) && !base::is_narrow_integer(dtype); }

// x - zero point, as i32, or as f32 where they are floats.
ValueId shifted(NodeContext& node, ValueId x, ValueId zero_point) {
  const bool floats = is_narrow_float(node.builder().type(x).dtype);
  const DType dtype = floats ? DType::f32 : DType::i32;
  const ValueId wide = node.cast(x, dtype);
  if (zero_point == ir::absent) return wide;
  return node.pointwise("sub(a, b)", {wide, node.cast(zero_point, dtype)});
}

// Operand i, of one number or one for each row (or column) of the matrices of operand `matrix`.
ValueId of_matrix(NodeContext& node, size_t i, size_t matrix, bool rows) {
  if (!node.has(i)) return ir::absent;
  const ir::Dims& dims = node.dims(i);
  const bool vector = dims.size() == 1 && !(dims[0] == ir::Dim(1));
  if (dims.size() == 1 && !vector) return node.reshape(node.input(i), {});
  if (rows && vector && node.rank(matrix) > 1) return node.reshape(node.input(i), {dims[0], 1});
  return node.input(i);
}

// The part [first, first + count) of an axis.
ValueId part(NodeContext& node, ValueId x, size_t axis, int64_t first, int64_t count) {
  ir::Slice slice{ir::Dims(node.builder().dims(x).size(), 0), node.builder().dims(x), {}};
  slice.starts[axis] = first;
  slice.dims[axis] = count;
  return node.add(std::move(slice), {x});
}

// The product of integers within [-255, 255]. In f32 the sum of so many terms is exact, whatever
// its order, and floats have the fast kernels.
ValueId integer_product(NodeContext& node, ValueId a, ValueId b) {
  constexpr int64_t exact = (int64_t{1} << 24) / (255 * 255);
  const size_t axis = node.builder().dims(a).size() - 1;
  const auto terms = node.builder().dims(a)[axis].try_constant();
  if (!terms || *terms > 32 * exact || *terms == 0) return node.add(ir::MatMul{}, {a, b});
  const size_t row = node.builder().dims(b).size() - 2;
  node.require_equal(node.builder().dims(b)[row], *terms, "columns of a and rows of b");
  a = node.cast(a, DType::f32);
  b = node.cast(b, DType::f32);
  ValueId sum = ir::absent;
  for (int64_t first = 0; first < *terms; first += exact) {
    const int64_t count = std::min(exact, *terms - first);
    const bool whole = count == *terms;
    const ValueId product =
        node.cast(node.add(ir::MatMul{}, {whole ? a : part(node, a, axis, first, count),
                                          whole ? b : part(node, b, row, first, count)}),
                  DType::i32);
    sum = sum == ir::absent ? product : node.pointwise("add(a, b)", {sum, product});
  }
  return sum;
}

// A vector on the left is a row, one on the right a column, as in MatMul.
ValueId product(NodeContext& node, ValueId a, ValueId b) {
  const ir::Dims left = node.builder().dims(a), right = node.builder().dims(b);
  if (left.empty() || right.empty()) node.fail("an operand is a scalar");
  if (left.size() == 1) a = node.reshape(a, {1, left[0]});
  if (right.size() == 1) b = node.reshape(b, {right[0], 1});
  const ValueId whole = integer_product(node, a, b);
  ir::Dims dims = node.builder().dims(whole);
  if (right.size() == 1) dims.pop_back();
  if (left.size() == 1) dims.erase(dims.end() - (right.size() == 1 ? 1 : 2));
  return node.reshape(whole, std::move(dims));
}

// A convolution of integers, exact in f64: sums stay below 2^53 by far.
ValueId integer_conv(NodeContext& node, ValueId x, ValueId weight, ValueId bias) {
  std::vector<ValueId> operands{node.cast(x, DType::f64), node.cast(weight, DType::f64)};
  if (bias != ir::absent) operands.push_back(node.cast(bias, DType::f64));
  return node.add(conv_of(node, node.builder().dims(x).size()), std::move(operands));
}

// Numbers of the output channels beside a weight, or a result, of `rank`.
ValueId by_channel(NodeContext& node, size_t i, int64_t axis, size_t rank) {
  if (!node.has(i)) return ir::absent;
  if (node.rank(i) > 1) node.fail("operand {} has rank {}, and must have 0 or 1", i, node.rank(i));
  return along_axis(node, node.input(i), axis, rank);
}

// What 1 of a product stands for, in 1 of the result.
ValueId rescale(NodeContext& node, ValueId a, ValueId b, ValueId y) {
  for (ValueId* each : {&a, &b, &y}) *each = node.cast(*each, DType::f32);
  return node.pointwise("div(mul(a, b), c)", {a, b, y});
}

ValueId scaled(NodeContext& node, ValueId product, ValueId scale) {
  return node.pointwise("mul(a, b)", {node.cast(product, DType::f32), scale});
}

}  // namespace

Outputs import_quantize_linear(NodeContext& node) {
  const bool saturate = node.flag("saturate", true);
  const Granularity by = granularity(node);
  DType to = node.has(2) ? node.dtype(2) : DType::u8;
  if (node.opset() >= 21) {
    const auto wanted = dtype_attribute(node, "output_dtype");
    if (wanted && node.has(2) && *wanted != to)
      node.fail("output_dtype is {}, the zero point {}", to_string(*wanted), to_string(to));
    if (wanted) to = *wanted;
  }
  DType precision = node.dtype(1);
  if (node.opset() >= 23) precision = dtype_attribute(node, "precision").value_or(precision);
  const ValueId scale = node.cast(beside_operand(node, 1, by), precision);
  const ValueId divided = node.pointwise("div(a, b)", {node.cast(node.input(0), precision), scale});
  node.require_dims(divided, ir::Dims(node.dims(0)), "the scale");
  const ValueId zero = node.has(2) ? beside_operand(node, 2, by) : ir::absent;
  if (is_narrow_float(to)) return {rounded_to_float(node, divided, zero, to, saturate)};
  return {saturated(node, divided, zero, to)};
}

Outputs import_dequantize_linear(NodeContext& node) {
  const Granularity by = granularity(node);
  DType to = node.dtype(1);
  if (node.opset() >= 23) to = dtype_attribute(node, "output_dtype").value_or(to);
  const ValueId zero = node.has(2) ? beside_operand(node, 2, by) : ir::absent;
  const ValueId x = node.cast(shifted(node, node.input(0), zero), DType::f32);
  const ValueId scale = node.cast(beside_operand(node, 1, by), DType::f32);
  const ValueId product = node.pointwise("mul(a, b)", {x, scale});
  node.require_dims(product, ir::Dims(node.dims(0)), "the scale");
  return {node.cast(product, to)};
}

// To u8, by the range of the values and zero.
Outputs import_dynamic_quantize_linear(NodeContext& node) {
  const ValueId x = node.input(0);
  std::vector<int64_t> axes;
  for (size_t i = 0; i < node.rank(0); ++i) axes.push_back(static_cast<int64_t>(i));
  const auto extreme = [&](ir::ReduceKind kind) {
    return node.add(ir::Reduce{.kind = kind, .axes = axes, .keep_dims = false}, {x});
  };
  const std::vector<ValueId> range{extreme(ir::ReduceKind::min), extreme(ir::ReduceKind::max)};
  const ValueId scale = node.pointwise(
      "t0 = min(a, 0); t1 = max(b, 0); where(equal(t0, t1), 1, div(sub(t1, t0), 255))", range);
  const ValueId zero = node.cast(
      node.pointwise("round(max(min(div(sub(0, min(a, 0)), b), 255), 0))", {range[0], scale}),
      DType::u8);
  return {saturated(node, node.pointwise("div(a, b)", {x, scale}), zero, DType::u8), scale, zero};
}

Outputs import_matmul_integer(NodeContext& node) {
  return {product(node, shifted(node, node.input(0), of_matrix(node, 2, 0, true)),
                  shifted(node, node.input(1), of_matrix(node, 3, 1, false)))};
}

Outputs import_qlinear_matmul(NodeContext& node) {
  const ValueId sum = product(node, shifted(node, node.input(0), of_matrix(node, 2, 0, true)),
                              shifted(node, node.input(3), of_matrix(node, 5, 3, false)));
  const ValueId scale = rescale(node, of_matrix(node, 1, 0, true), of_matrix(node, 4, 3, false),
                                of_matrix(node, 6, 0, true));
  return {saturated(node, scaled(node, sum, scale), of_matrix(node, 7, 0, true), node.dtype(7))};
}

Outputs import_conv_integer(NodeContext& node) {
  const size_t rank = node.rank(0);
  const ValueId x =
      shifted(node, node.input(0), node.has(2) ? node.reshape(node.input(2), {}) : ir::absent);
  const ValueId weight = shifted(node, node.input(1), by_channel(node, 3, 0, rank));
  return {node.cast(integer_conv(node, x, weight, ir::absent), DType::i32)};
}

Outputs import_qlinear_conv(NodeContext& node) {
  const size_t rank = node.rank(0);
  const ValueId x = shifted(node, node.input(0), node.reshape(node.input(2), {}));
  const ValueId weight = shifted(node, node.input(3), by_channel(node, 5, 0, rank));
  const ValueId sum = integer_conv(node, x, weight, node.has(8) ? node.input(8) : ir::absent);
  const ValueId scale = rescale(node, node.reshape(node.input(1), {}), by_channel(node, 4, 1, rank),
                                node.reshape(node.input(6), {}));
  return {
      saturated(node, scaled(node, sum, scale), node.reshape(node.input(7), {}), node.dtype(7))};
}

}  // namespace tenon::onnx
