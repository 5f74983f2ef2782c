// Which ONNX ops can be imported, and the function that imports each.
#include "onnx/import_table.h"

#include <algorithm>
#include <iterator>

#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

constexpr uint32_t operand(int i) { return uint32_t{1} << i; }

// By op type, operands at least and at most; sorted.
constexpr ImportEntry entries[] = {
    {"Abs", import_formula},
    {"Acos", import_formula},
    {"Acosh", import_formula},
    {"Add", import_formula, 2, 2},
    {"And", import_formula, 2, 2},
    {"Asin", import_formula},
    {"Asinh", import_formula},
    {"Atan", import_formula},
    {"Atanh", import_formula},
    {"AveragePool", import_average_pool},
    {"BatchNormalization", import_batch_normalization, 5, 5},
    {"BitShift", import_bit_shift, 2, 2},
    {"BitwiseAnd", import_formula, 2, 2},
    {"BitwiseNot", import_formula},
    {"BitwiseOr", import_formula, 2, 2},
    {"BitwiseXor", import_formula, 2, 2},
    {"Cast", import_cast},
    {"CastLike", import_cast_like, 2, 2},
    {"Ceil", import_formula},
    {"Celu", import_formula},
    {"Clip", import_clip, 1, 3},
    {"Compress", import_compress, 2, 2},
    {"Concat", import_concat, 1, any_number},
    {"ConcatFromSequence", import_concat_from_sequence},
    {"Constant", import_constant, 0, 0},
    {"ConstantOfShape", import_constant_of_shape, 1, 1, operand(0)},
    {"Conv", import_conv, 2, 3},
    {"Cos", import_formula},
    {"Cosh", import_formula},
    {"Div", import_formula, 2, 2},
    {"Dropout", import_dropout, 1, 3, operand(2)},
    {"Elu", import_formula},
    {"Equal", import_formula, 2, 2},
    {"Erf", import_erf},
    {"Exp", import_formula},
    {"Expand", import_expand, 2, 2, operand(1)},
    {"Flatten", import_flatten},
    {"Floor", import_formula},
    {"Gather", import_gather, 2, 2},
    {"GatherElements", import_gather_elements, 2, 2},
    {"GatherND", import_gather_nd, 2, 2},
    {"Gelu", import_gelu},
    {"Gemm", import_gemm, 2, 3},
    {"GlobalAveragePool", import_global_pool},
    {"GlobalMaxPool", import_global_pool},
    {"Greater", import_formula, 2, 2},
    {"GreaterOrEqual", import_formula, 2, 2},
    {"HardSigmoid", import_formula},
    {"HardSwish", import_formula},
    {"Identity", import_identity},
    {"If", import_if},
    {"IsInf", import_is_inf},
    {"IsNaN", import_formula},
    {"LayerNormalization", import_layer_normalization, 2, 3},
    {"LeakyRelu", import_formula},
    {"Less", import_formula, 2, 2},
    {"LessOrEqual", import_formula, 2, 2},
    {"Log", import_formula},
    {"LogSoftmax", import_softmax},
    {"Loop", import_loop, 2, any_number},
    {"MatMul", import_matmul, 2, 2},
    {"Max", import_variadic, 1, any_number},
    {"MaxPool", import_max_pool},
    {"Mean", import_variadic, 1, any_number},
    {"Min", import_variadic, 1, any_number},
    {"Mish", import_formula},
    {"Mod", import_mod, 2, 2},
    {"Mul", import_formula, 2, 2},
    {"Neg", import_formula},
    {"NonMaxSuppression", import_non_max_suppression, 2, 5, operand(2)},
    {"NonZero", import_non_zero},
    {"Not", import_formula},
    {"Optional", import_optional, 0, 1},
    {"OptionalGetElement", import_optional_get_element},
    {"OptionalHasElement", import_optional_has_element, 0, 1},
    {"Or", import_formula, 2, 2},
    {"PRelu", import_formula, 2, 2},
    {"Pad", import_pad, 1, 4, operand(1) | operand(3)},
    {"Pow", import_pow, 2, 2},
    {"Range", import_range, 3, 3, operand(0) | operand(1) | operand(2)},
    {"Reciprocal", import_formula},
    {"ReduceL1", import_reduce, 1, 2, operand(1)},
    {"ReduceL2", import_reduce, 1, 2, operand(1)},
    {"ReduceLogSum", import_reduce, 1, 2, operand(1)},
    {"ReduceLogSumExp", import_reduce, 1, 2, operand(1)},
    {"ReduceMax", import_reduce, 1, 2, operand(1)},
    {"ReduceMean", import_reduce, 1, 2, operand(1)},
    {"ReduceMin", import_reduce, 1, 2, operand(1)},
    {"ReduceProd", import_reduce, 1, 2, operand(1)},
    {"ReduceSum", import_reduce, 1, 2, operand(1)},
    {"ReduceSumSquare", import_reduce, 1, 2, operand(1)},
    {"Relu", import_formula},
    {"Reshape", import_reshape, 2, 2, operand(1)},
    {"Round", import_formula},
    {"Scatter", import_scatter_elements, 3, 3},
    {"ScatterElements", import_scatter_elements, 3, 3},
    {"ScatterND", import_scatter_nd, 3, 3},
    {"Selu", import_formula},
    {"SequenceAt", import_sequence_at, 2, 2},
    {"SequenceConstruct", import_sequence_construct, 1, any_number},
    {"SequenceEmpty", import_sequence_empty, 0, 0},
    {"SequenceInsert", import_sequence_insert, 2, 3},
    {"SequenceLength", import_sequence_length},
    {"Shape", import_shape},
    {"Shrink", import_shrink},
    {"Sigmoid", import_formula},
    {"Sign", import_formula},
    {"Sin", import_formula},
    {"Sinh", import_formula},
    {"Size", import_size},
    {"Slice", import_slice, 1, 5, operand(1) | operand(2) | operand(3) | operand(4)},
    {"Softmax", import_softmax},
    {"Softplus", import_formula},
    {"Softsign", import_formula},
    {"Split", import_split, 1, 2, operand(1)},
    {"Sqrt", import_formula},
    {"Squeeze", import_squeeze, 1, 2, operand(1)},
    {"Sub", import_formula, 2, 2},
    {"Sum", import_variadic, 1, any_number},
    {"Tan", import_formula},
    {"Tanh", import_formula},
    {"ThresholdedRelu", import_formula},
    {"Tile", import_tile, 2, 2, operand(1)},
    {"TopK", import_top_k, 1, 2, operand(1)},
    {"Transpose", import_transpose},
    {"Unsqueeze", import_unsqueeze, 1, 2, operand(1)},
    {"Where", import_formula, 3, 3},
    {"Xor", import_formula, 2, 2},
};

constexpr bool before(const ImportEntry& a, const ImportEntry& b) { return a.op_type < b.op_type; }
static_assert(std::is_sorted(std::begin(entries), std::end(entries), before));

}  // namespace

const ImportEntry* find_import(std::string_view op_type) {
  const ImportEntry wanted{op_type};
  const auto* found = std::lower_bound(std::begin(entries), std::end(entries), wanted, before);
  return found != std::end(entries) && found->op_type == op_type ? found : nullptr;
}

std::vector<std::string> op_types() {
  std::vector<std::string> names;
  for (const ImportEntry& entry : entries) names.emplace_back(entry.op_type);
  return names;
}

}  // namespace tenon::onnx
