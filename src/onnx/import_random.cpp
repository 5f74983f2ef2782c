// Imports of ops that draw numbers. A draw is a hash of the element's place and the seed, so a run
// gives the same numbers each time; they are not those of other runtimes.
#include <array>
#include <bit>
#include <functional>
#include <numbers>

#include "ir/ops/range.h"
#include "onnx/function.h"
#include "onnx/imports.h"
#include "weights/onnx_wire.h"

namespace tenon::onnx {
namespace {

using ir::ValueId;

// A 32-bit integer hash of low bias; constants of C. Wellons' hash-prospector.
constexpr std::string_view kHash =
    "t0 = bit_xor(mul(a, 2654435769), b); "
    "t1 = mul(bit_xor(t0, shift_right(t0, 16)), 569420461); "
    "t2 = mul(bit_xor(t1, shift_right(t1, 15)), 1935289751); "
    "bit_xor(t2, shift_right(t2, 15))";

// Of one node: without a seed that the model gives, its name is one.
uint32_t seed_of(NodeContext& node) {
  if (node.has_attribute("seed")) {
    const auto bits = std::bit_cast<uint32_t>(node.number("seed", 0));
    return bits * 2246822519U + 1;
  }
  return static_cast<uint32_t>(std::hash<std::string>{}(name_of(node.node())));
}

// Uniform in [0, 1); `stream` tells draws of one node apart.
ValueId uniform(NodeContext& node, ir::Dims dims, DType dtype, uint32_t stream = 0) {
  ir::Dim count = 1;
  for (const ir::Dim& dim : dims) count = count * dim;
  const ValueId place =
      node.cast(node.add(ir::Range{{count}}, {node.scalar(0), node.scalar(1)}), DType::u32);
  const std::array<double, 1> seed{static_cast<double>(seed_of(node) ^ stream * 3266489917U)};
  const ValueId hash = node.reshape(node.pointwise(kHash, {place}, seed), std::move(dims));
  if (dtype == DType::f64)
    return node.pointwise("mul(a, b)", {node.cast(hash, dtype)}, std::array{0x1p-32});
  const ValueId high = node.pointwise("shift_right(a, 8)", {hash});  // what f32 holds exactly
  return node.pointwise("mul(a, b)", {node.cast(high, DType::f32)}, std::array{0x1p-24});
}

DType floating(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

// The attribute's type, or else the operand's, or else f32.
DType result_type(NodeContext& node, bool like) {
  const int64_t given = node.integer("dtype", 0);
  if (given == 0) return like ? node.dtype(0) : DType::f32;
  const auto dtype = weights::wire::dtype_of(static_cast<int>(given));
  if (!dtype)
    node.unsupported("a result of type {}", weights::wire::data_type_name(static_cast<int>(given)));
  return *dtype;
}

ir::Dims result_dims(NodeContext& node, bool like) {
  if (like) return node.dims(0);
  const std::vector<int64_t> shape = node.integers("shape");
  for (const int64_t extent : shape)
    if (extent < 0) node.fail("shape has an extent of {}", extent);
  return {shape.begin(), shape.end()};
}

bool is_like(const NodeContext& node) { return node.node().op_type.ends_with("Like"); }

}  // namespace

Outputs import_random_uniform(NodeContext& node) {
  const bool like = is_like(node);
  const DType dtype = result_type(node, like);
  const double low = node.number("low", 0), high = node.number("high", 1);
  const ValueId drawn = uniform(node, result_dims(node, like), floating(dtype));
  return {
      node.cast(node.pointwise("add(mul(a, c), b)", {drawn}, std::array{low, high - low}), dtype)};
}

// By Box and Muller: one minus a draw has a logarithm.
Outputs import_random_normal(NodeContext& node) {
  const bool like = is_like(node);
  const DType dtype = result_type(node, like);
  const double mean = node.number("mean", 0), scale = node.number("scale", 1);
  const ir::Dims dims = result_dims(node, like);
  const std::vector<ValueId> drawn{uniform(node, dims, floating(dtype)),
                                   uniform(node, dims, floating(dtype), 1)};
  const ValueId normal = node.pointwise("mul(sqrt(mul(-2, log(sub(1, a)))), cos(mul(b, c)))", drawn,
                                        std::array{2 * std::numbers::pi});
  return {node.cast(node.pointwise("add(mul(a, b), c)", {normal}, std::array{scale, mean}), dtype)};
}

Outputs import_bernoulli(NodeContext& node) {
  const DType dtype = result_type(node, true), draws = floating(node.dtype(0));
  const ValueId drawn = uniform(node, node.dims(0), draws);
  const ValueId hits = node.pointwise("less(a, b)", {drawn, node.cast(node.input(0), draws)});
  return {node.cast(hits, dtype)};
}

// The greatest of log-probabilities with Gumbel's noise is a draw of their distribution.
Outputs import_multinomial(NodeContext& node) {
  if (node.rank(0) != 2) node.fail("operand 0 has rank {}, not 2", node.rank(0));
  const int64_t samples = node.integer("sample_size", 1);
  if (samples < 1) node.fail("sample_size is {}", samples);
  const auto type = static_cast<int>(node.integer("dtype", 6));
  Function f(node, std::array<std::string_view, 1>{"x"});
  f.set("drawn",
        uniform(node, {node.dims(0)[0], samples, node.dims(0)[1]}, floating(node.dtype(0))));
  f.run(fmt::format(R"(noise = Neg(Log(Neg(Log(Max(drawn, CastLike(0.00000001, drawn))))))
                       scores = Add(Unsqueeze(CastLike(x, drawn), [1]), noise)
                       y = Cast <to = {}> (ArgMax <axis = 2, keepdims = 0> (scores)))",
                    type));
  return {f["y"]};
}

// What is kept grows by as much as is dropped; `training` may be known in a run only.
Outputs import_dropout_of_training(NodeContext& node) {
  Function f(node, std::array<std::string_view, 3>{"x", "ratio", "training"});
  if (!node.has(1)) f.set("ratio", 0.5);
  f.set("drawn", uniform(node, node.dims(0), DType::f32));
  f.run(R"(ratio = Reshape(Cast <to = 1> (ratio), [1])
           training = Reshape(training, [1])
           ratio = Squeeze(Where(training, ratio, CastLike(0, ratio)), [0])
           keep = GreaterOrEqual(drawn, ratio)
           scale = CastLike(Div(1.0, Sub(1.0, ratio)), x)
           y = Where(keep, Mul(x, scale), CastLike(0, x)))");
  return {f["y"], f["keep"]};
}

}  // namespace tenon::onnx
