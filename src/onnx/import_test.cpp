// What single ops become, by opset; the definitions are those of the ONNX operator reference.
#include <gtest/gtest.h>

#include "ir/text.h"
#include "ir/verify.h"
#include "onnx/model_for_test.h"
#include "tenon/error.h"

namespace tenon::onnx {
namespace {

using Lines = std::vector<std::string>;

// The nodes as "op(operands) {fields} : type", without node names.
Lines nodes_of(const TestModel& model) {
  const ir::Graph graph = model.load().network.graph;
  ir::verify(graph);
  const std::string text = ir::print(graph);
  Lines lines;
  for (size_t at = text.find("\n  "); at != std::string::npos; at = text.find("\n  ", at + 1)) {
    std::string line = text.substr(at + 3, text.find('\n', at + 1) - at - 3);
    line = line.substr(line.find(" = ") + 3);
    lines.push_back(line.substr(0, line.find(" # ")));
  }
  return lines;
}

// A node of x: f32[2, 3, 4, 5] (and further operands that the caller declares) with output y.
TestModel model_of(int64_t opset, TestNode node) {
  if (node.inputs.empty()) node.inputs = {"x"};
  if (node.outputs.empty()) node.outputs = {"y"};
  TestModel model(opset);
  model.input("x", f32, {2, 3, 4, 5}).node(node).output("y", 0);
  return model;
}

Lines imported(int64_t opset, const TestNode& node) { return nodes_of(model_of(opset, node)); }

std::string refusal(const TestModel& model) {
  try {
    model.load();
  } catch (const BuildError& error) {
    return error.what();
  }
  return "loaded";
}

TestAttribute integer(const std::string& name, int64_t value) { return {name, value}; }
TestAttribute list(const std::string& name, std::vector<int64_t> values) {
  return {name, std::move(values)};
}

// --- element-wise -------------------------------------------------------------------------------

TEST(onnx_pointwise, every_op_of_one_floating_operand_imports) {
  for (const char* op :
       {"Abs",        "Acos",  "Acosh",          "Asin",     "Asinh",       "Atan",
        "Atanh",      "Ceil",  "Celu",           "Cos",      "Cosh",        "Elu",
        "Erf",        "Exp",   "Floor",          "Gelu",     "HardSigmoid", "HardSwish",
        "IsInf",      "IsNaN", "LeakyRelu",      "Log",      "Mish",        "Neg",
        "Reciprocal", "Relu",  "Round",          "Selu",     "Shrink",      "Sigmoid",
        "Sign",       "Sin",   "Sinh",           "Softplus", "Softsign",    "Sqrt",
        "Tan",        "Tanh",  "ThresholdedRelu"})
    EXPECT_EQ(imported(20, {.op_type = op}).size(), 1u) << op;
}

TEST(onnx_pointwise, every_op_of_two_floating_operands_imports) {
  for (const char* op : {"Add", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
                         "Max", "Mean", "Min", "Mul", "PRelu", "Pow", "Sub", "Sum"})
    EXPECT_EQ(imported(20, {.op_type = op, .inputs = {"x", "x"}}).size(), 1u) << op;
}

TEST(onnx_pointwise, every_op_of_bools_and_integers_imports) {
  const auto two = [](const char* op, int type, std::vector<TestAttribute> attributes = {}) {
    TestModel model(20);
    model.input("x", type, {3}).input("z", type, {3});
    model.node({.op_type = op, .inputs = {"x", "z"}, .outputs = {"y"}, .attributes = attributes})
        .output("y", 0);
    return nodes_of(model);
  };
  EXPECT_EQ(two("And", boolean), Lines{"pointwise(%x, %z) {logical_and(a, b)} : bool[3]"});
  EXPECT_EQ(two("Or", boolean), Lines{"pointwise(%x, %z) {logical_or(a, b)} : bool[3]"});
  EXPECT_EQ(two("Xor", boolean), Lines{"pointwise(%x, %z) {logical_xor(a, b)} : bool[3]"});
  EXPECT_EQ(two("BitwiseAnd", i32), Lines{"pointwise(%x, %z) {bit_and(a, b)} : i32[3]"});
  EXPECT_EQ(two("BitwiseOr", i32), Lines{"pointwise(%x, %z) {bit_or(a, b)} : i32[3]"});
  EXPECT_EQ(two("BitwiseXor", i32), Lines{"pointwise(%x, %z) {bit_xor(a, b)} : i32[3]"});
  EXPECT_EQ(two("BitShift", u8, {{"direction", "LEFT"}}),
            Lines{"pointwise(%x, %z) {shift_left(a, b)} : u8[3]"});
  EXPECT_EQ(two("Mod", i64), Lines{"pointwise(%x, %z) {mod(a, b)} : i64[3]"});
  EXPECT_EQ(two("Mod", i64, {integer("fmod", 1)}),
            Lines{"pointwise(%x, %z) {fmod(a, b)} : i64[3]"});
  EXPECT_EQ(two("Div", i64), Lines{"pointwise(%x, %z) {div(a, b)} : i64[3]"});
}

TEST(onnx_pointwise, not_and_bitwise_not_and_where) {
  TestModel model(20);
  model.input("c", boolean, {3}).input("i", i8, {3});
  model.node({.op_type = "Not", .inputs = {"c"}, .outputs = {"n"}});
  model.node({.op_type = "BitwiseNot", .inputs = {"i"}, .outputs = {"b"}});
  model.node({.op_type = "Where", .inputs = {"n", "i", "b"}, .outputs = {"y"}}).output("y", i8);
  EXPECT_EQ(nodes_of(model),
            (Lines{"pointwise(%c) {logical_not(a)} : bool[3]", "pointwise(%i) {bit_not(a)} : i8[3]",
                   "pointwise(%1, %i, %2) {where(a, b, c)} : i8[3]"}));
}

TEST(onnx_pointwise, attributes_and_their_defaults_are_literals) {
  EXPECT_EQ(imported(17, {.op_type = "LeakyRelu", .attributes = {{"alpha", 0.25f}}}),
            Lines{"pointwise(%x) {where(less(a, 0), mul(a, 0.25), a)} : f32[2, 3, 4, 5]"});
  EXPECT_EQ(imported(17, {.op_type = "HardSigmoid", .attributes = {{"alpha", 0.125f}}}),
            Lines{"pointwise(%x) {max(min(add(mul(a, 0.125), 0.5), 1), 0)} : f32[2, 3, 4, 5]"});
  EXPECT_EQ(imported(17, {.op_type = "ThresholdedRelu"}),
            Lines{"pointwise(%x) {where(less(1, a), a, 0)} : f32[2, 3, 4, 5]"});
  EXPECT_EQ(imported(17, {.op_type = "Shrink", .attributes = {{"lambd", 2.0f}, {"bias", 1.0f}}}),
            Lines{"pointwise(%x) {where(less(a, -2), add(a, 1), where(less(2, a), sub(a, 1), 0))} "
                  ": f32[2, 3, 4, 5]"});
}

TEST(onnx_pointwise, clip_takes_attributes_up_to_opset_10) {
  EXPECT_EQ(imported(10, {.op_type = "Clip", .attributes = {{"min", 0.0f}, {"max", 6.0f}}}),
            Lines{"pointwise(%x) {min(max(a, 0), 6)} : f32[2, 3, 4, 5]"});
  EXPECT_EQ(imported(7, {.op_type = "Clip", .attributes = {{"max", 6.0f}}}),
            Lines{"pointwise(%x) {min(max(a, -3.4028234663852886e+38), 6)} : f32[2, 3, 4, 5]"});
  EXPECT_EQ(imported(7, {.op_type = "Clip"}),
            Lines{"pointwise(%x) {min(max(a, -3.4028234663852886e+38), 3.4028234663852886e+38)} : "
                  "f32[2, 3, 4, 5]"});
}

TEST(onnx_pointwise, clip_takes_optional_operands_from_opset_11) {
  for (int64_t opset : {11, 13}) {
    TestModel model = model_of(opset, {.op_type = "Clip", .inputs = {"x", "", "most"}});
    model.initializer("most", floats({}, {6}));
    EXPECT_EQ(nodes_of(model),
              Lines{"pointwise(%x, \"most\": f32[]) {min(a, b)} : f32[2, 3, 4, 5]"});
    TestModel both = model_of(opset, {.op_type = "Clip", .inputs = {"x", "least", "most"}});
    both.initializer("least", floats({}, {0})).initializer("most", floats({}, {6}));
    EXPECT_EQ(nodes_of(both), Lines{"pointwise(%x, \"least\": f32[], \"most\": f32[]) {min(max(a, "
                                    "b), c)} : f32[2, 3, 4, 5]"});
  }
  EXPECT_EQ(
      refusal(model_of(11, {.op_type = "Clip", .attributes = {{"min", 0.0f}}, .name = "c"})),
      "1 unsupported feature: Clip \"c\": attribute \"min\" is unknown (version 11 takes none)");
}

TEST(onnx_pointwise, long_lists_become_chains) {
  EXPECT_EQ(imported(13, {.op_type = "Max"}), Lines{});
  EXPECT_EQ(imported(13, {.op_type = "Max", .inputs = {"x", "x", "x"}}),
            Lines{"pointwise(%x, %x, %x) {max(max(a, b), c)} : f32[2, 3, 4, 5]"});
  EXPECT_EQ(imported(13, {.op_type = "Mean", .inputs = Lines(9, "x")}),
            (Lines{"pointwise(%x, %x, %x, %x, %x, %x, %x, %x) "
                   "{add(add(add(add(add(add(add(a, b), c), d), e), f), g), h)} : f32[2, 3, 4, 5]",
                   "pointwise(%1, %x) {div(add(a, b), 9)} : f32[2, 3, 4, 5]"}));
}

TEST(onnx_pointwise, a_power_keeps_the_dtype_of_its_base) {
  TestModel model(15);
  model.input("x", i32, {3}).input("e", f32, {3});
  model.node({.op_type = "Pow", .inputs = {"x", "e"}, .outputs = {"y"}}).output("y", i32);
  EXPECT_EQ(nodes_of(model),
            (Lines{"cast(%x) {to = f64} : f64[3]", "cast(%e) {to = f64} : f64[3]",
                   "pointwise(%1, %2) {pow(a, b)} : f64[3]", "cast(%3) {to = i32} : i32[3]"}));
}

TEST(onnx_pointwise, is_inf_looks_for_the_signs_asked_for) {
  EXPECT_EQ(imported(20, {.op_type = "IsInf", .attributes = {integer("detect_negative", 0)}}),
            Lines{"pointwise(%x) {is_positive_infinity(a)} : bool[2, 3, 4, 5]"});
  EXPECT_EQ(imported(20, {.op_type = "IsInf"}),
            Lines{"pointwise(%x) {logical_or(is_positive_infinity(a), is_negative_infinity(a))} : "
                  "bool[2, 3, 4, 5]"});
}

TEST(onnx_pointwise, cast_goes_to_known_types_only) {
  EXPECT_EQ(imported(13, {.op_type = "Cast", .attributes = {integer("to", f16)}}),
            Lines{"cast(%x) {to = f16} : f16[2, 3, 4, 5]"});
  EXPECT_EQ(imported(13, {.op_type = "Cast", .attributes = {integer("to", f32)}}), Lines{});
  EXPECT_EQ(
      refusal(model_of(13, {.op_type = "Cast", .attributes = {integer("to", 14)}, .name = "c"})),
      "1 unsupported feature: Cast \"c\": cast to COMPLEX64");
  TestModel like = model_of(15, {.op_type = "CastLike", .inputs = {"x", "z"}});
  like.input("z", u8, {1});
  EXPECT_EQ(nodes_of(like), Lines{"cast(%x) {to = u8} : u8[2, 3, 4, 5]"});
}

// --- convolution, pooling, matrices -------------------------------------------------------------

TEST(onnx_conv, every_attribute_is_taken) {
  TestModel model = model_of(11, {.op_type = "Conv",
                                  .inputs = {"x", "w"},
                                  .attributes = {{"auto_pad", "NOTSET"},
                                                 list("dilations", {2, 1}),
                                                 integer("group", 3),
                                                 list("kernel_shape", {2, 3}),
                                                 list("pads", {1, 0, 0, 2}),
                                                 list("strides", {1, 2})}});
  model.initializer("w", floats({6, 1, 2, 3}, std::vector<float>(36)));
  // (4 + 1 - 3) / 1 + 1 = 3 and (5 + 2 - 3) / 2 + 1 = 3
  EXPECT_EQ(nodes_of(model),
            Lines{"conv(%x, \"w\": f32[6, 1, 2, 3]) {strides = [1, 2], pads = [1, 0, 0, 2], "
                  "dilations = [2, 1], groups = 3} : f32[2, 6, 3, 3]"});
}

TEST(onnx_conv, a_kernel_shape_that_the_weight_does_not_have_is_refused) {
  TestModel model = model_of(11, {.op_type = "Conv",
                                  .inputs = {"x", "w"},
                                  .attributes = {list("kernel_shape", {3, 3})},
                                  .name = "c"});
  model.initializer("w", floats({6, 3, 2, 3}, std::vector<float>(108)));
  EXPECT_EQ(refusal(model), "Conv \"c\": kernel_shape [3, 3] does not fit the weight [6, 3, 2, 3]");
}

TEST(onnx_pool, max_pool_gives_indices_where_they_are_used) {
  TestModel model(12);
  model.input("x", f32, {1, 1, 4, 4});
  model.node({.op_type = "MaxPool",
              .inputs = {"x"},
              .outputs = {"y", "i"},
              .attributes = {list("kernel_shape", {2, 2}), integer("storage_order", 1),
                             integer("ceil_mode", 1)}});
  model.output("y").output("i", i64);
  EXPECT_EQ(nodes_of(model),
            Lines{"max_pool(%x) {kernel = [2, 2], ceil_mode = true, storage_order = 1} : "
                  "f32[1, 1, 3, 3], i64[1, 1, 3, 3]"});
}

TEST(onnx_pool, average_and_global_pools) {
  EXPECT_EQ(
      imported(11, {.op_type = "AveragePool",
                    .attributes = {list("kernel_shape", {2, 2}), list("pads", {1, 1, 0, 0}),
                                   integer("count_include_pad", 1)}}),
      Lines{"average_pool(%x) {kernel = [2, 2], pads = [1, 1, 0, 0], count_include_pad = true} : "
            "f32[2, 3, 4, 5]"});
  EXPECT_EQ(imported(11, {.op_type = "GlobalAveragePool"}),
            Lines{"reduce(%x) {kind = mean, axes = [2, 3]} : f32[2, 3, 1, 1]"});
  EXPECT_EQ(imported(11, {.op_type = "GlobalMaxPool"}),
            Lines{"reduce(%x) {kind = max, axes = [2, 3]} : f32[2, 3, 1, 1]"});
}

TEST(onnx_matmul, vectors_are_rows_and_columns) {
  const auto product = [](std::vector<TestDim> a, std::vector<TestDim> b) {
    TestModel model(13);
    model.input("a", f32, a).input("b", f32, b);
    model.node({.op_type = "MatMul", .inputs = {"a", "b"}, .outputs = {"y"}}).output("y");
    return nodes_of(model);
  };
  EXPECT_EQ(product({2, 3}, {3, 4}), Lines{"matmul(%a, %b) : f32[2, 4]"});
  EXPECT_EQ(product({3}, {7, 3, 4}),
            (Lines{"reshape(%a) {dims = [1, 3]} : f32[1, 3]", "matmul(%1, %b) : f32[7, 1, 4]",
                   "reshape(%2) {dims = [7, 4]} : f32[7, 4]"}));
  EXPECT_EQ(product({2, 3}, {3}),
            (Lines{"reshape(%b) {dims = [3, 1]} : f32[3, 1]", "matmul(%a, %1) : f32[2, 1]",
                   "reshape(%2) {dims = [2]} : f32[2]"}));
  EXPECT_EQ(product({3}, {3}), (Lines{"reshape(%a) {dims = [1, 3]} : f32[1, 3]",
                                      "reshape(%b) {dims = [3, 1]} : f32[3, 1]",
                                      "matmul(%1, %2) : f32[1, 1]", "reshape(%3) : f32[]"}));
}

Lines gemm(std::vector<int64_t> bias, std::vector<TestAttribute> attributes) {
  TestModel model(13);
  model.input("a", f32, {2, 3}).input("b", f32, {3, 4});
  model.initializer("c",
                    floats(bias, std::vector<float>(static_cast<size_t>(element_count(bias)))));
  model
      .node({.op_type = "Gemm",
             .inputs = {"a", "b", "c"},
             .outputs = {"y"},
             .attributes = attributes})
      .output("y");
  return nodes_of(model);
}

TEST(onnx_gemm, only_a_vector_of_the_columns_is_the_matmuls_own_bias) {
  EXPECT_EQ(gemm({4}, {}), Lines{"matmul(%a, %b, \"c\": f32[4]) : f32[2, 4]"});
  for (const auto& [dims, text] :
       {std::pair<std::vector<int64_t>, std::string>{{1, 4}, "[1, 4]"}, {{1}, "[1]"}, {{}, "[]"}})
    EXPECT_EQ(gemm(dims, {}),
              (Lines{"matmul(%a, %b) : f32[2, 4]",
                     "pointwise(%1, \"c\": f32" + text + ") {add(a, b)} : f32[2, 4]"}));
}

TEST(onnx_gemm, factors_are_applied_after_the_product) {
  EXPECT_EQ(gemm({4}, {{"alpha", 2.0f}, {"beta", 0.5f}}),
            (Lines{"matmul(%a, %b) : f32[2, 4]",
                   "pointwise(%1, \"c\": f32[4]) {add(mul(a, 2), mul(b, 0.5))} : f32[2, 4]"}));
  EXPECT_EQ(gemm({4}, {{"beta", 0.0f}}), Lines{"matmul(%a, %b) : f32[2, 4]"});
  EXPECT_EQ(gemm({4}, {{"beta", 0.0f}, {"alpha", 3.0f}}),
            (Lines{"matmul(%a, %b) : f32[2, 4]", "pointwise(%1) {mul(a, 3)} : f32[2, 4]"}));
}

TEST(onnx_gemm, operands_stay_transposed) {
  TestModel model(13);
  model.input("a", f32, {3, 2}).initializer("w", floats({4, 3}, std::vector<float>(12)));
  model
      .node({.op_type = "Gemm",
             .inputs = {"a", "w"},
             .outputs = {"y"},
             .attributes = {integer("transA", 1), integer("transB", 1)}})
      .output("y");
  EXPECT_EQ(
      nodes_of(model),
      Lines{"matmul(%a, \"w\": f32[4, 3]) {transpose_a = true, transpose_b = true} : f32[2, 4]"});
}

// --- normalisation ------------------------------------------------------------------------------

TestModel batch_norm(int64_t opset, const std::vector<TestAttribute>& attributes,
                     const std::vector<int64_t>& dims = {3}) {
  TestModel model = model_of(opset, {.op_type = "BatchNormalization",
                                     .inputs = {"x", "scale", "bias", "mean", "var"},
                                     .attributes = attributes,
                                     .name = "bn"});
  const std::vector<float> values(static_cast<size_t>(element_count(dims)));
  for (const char* name : {"scale", "bias", "mean", "var"})
    model.initializer(name, floats(dims, values));
  return model;
}

TEST(onnx_batch_norm, opsets_7_9_14_and_15_mean_the_same_at_inference) {
  const Lines expected{
      "batch_norm(%x, \"scale\": f32[3], \"bias\": f32[3], \"mean\": f32[3], \"var\": f32[3]) "
      "{epsilon = 0.5} : f32[2, 3, 4, 5]"};
  const std::vector<TestAttribute> attributes{{"epsilon", 0.5f}, {"momentum", 0.9f}};
  for (int64_t opset : {7, 9, 14, 15})
    EXPECT_EQ(nodes_of(batch_norm(opset, attributes)), expected) << opset;
  EXPECT_EQ(nodes_of(batch_norm(7, {{"epsilon", 0.5f}, integer("spatial", 1)})), expected);
}

// Its values are those of a case line.
TEST(onnx_batch_norm, training_was_told_in_three_ways) {
  const Lines training = nodes_of(batch_norm(14, {integer("training_mode", 1)}));
  EXPECT_GT(training.size(), 5u);
  EXPECT_EQ(nodes_of(batch_norm(6, {integer("is_test", 0)})), training);
  EXPECT_EQ(nodes_of(batch_norm(6, {integer("is_test", 1)})).size(), 1u);
  TestModel outputs = model_of(9, {.op_type = "BatchNormalization",
                                   .inputs = {"x", "scale", "bias", "mean", "var"},
                                   .outputs = {"y", "m", "v", "sm", "sv"},
                                   .name = "bn"});
  for (const char* name : {"scale", "bias", "mean", "var"})
    outputs.initializer(name, floats({3}, {1, 1, 1}));
  EXPECT_EQ(nodes_of(outputs), training);
}

TEST(onnx_batch_norm, statistics_for_each_activation_are_pointwise) {
  const Lines lines =
      nodes_of(batch_norm(7, {integer("spatial", 0), {"epsilon", 0.5f}}, {3, 4, 5}));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("{add(mul(div(sub(a, d), sqrt(add(e, 0.5))), b), c)}"), std::string::npos)
      << lines[0];
}

TEST(onnx_softmax, before_opset_13_the_axes_from_axis_on_are_one) {
  const Lines flattened{"reshape(%x) {dims = [2, 60]} : f32[2, 60]",
                        "softmax(%1) {axis = 1} : f32[2, 60]",
                        "reshape(%2) {dims = [2, 3, 4, 5]} : f32[2, 3, 4, 5]"};
  EXPECT_EQ(imported(11, {.op_type = "Softmax"}), flattened);
  EXPECT_EQ(imported(11, {.op_type = "Softmax", .attributes = {integer("axis", -3)}}), flattened);
  EXPECT_EQ(imported(11, {.op_type = "Softmax", .attributes = {integer("axis", 3)}}),
            Lines{"softmax(%x) {axis = 3} : f32[2, 3, 4, 5]"});
}

TEST(onnx_softmax, from_opset_13_it_is_one_axis) {
  EXPECT_EQ(imported(13, {.op_type = "Softmax"}),
            Lines{"softmax(%x) {axis = 3} : f32[2, 3, 4, 5]"});
  EXPECT_EQ(imported(13, {.op_type = "LogSoftmax", .attributes = {integer("axis", 1)}}),
            Lines{"softmax(%x) {axis = 1, log = true} : f32[2, 3, 4, 5]"});
  EXPECT_EQ(refusal(model_of(
                13, {.op_type = "Softmax", .attributes = {integer("axis", 4)}, .name = "s"})),
            "Softmax \"s\": axis 4 is outside rank 4");
}

// --- reductions ---------------------------------------------------------------------------------

TEST(onnx_reduce, axes_are_an_attribute_before_opset_18_and_13_for_sums) {
  const std::string result = "axes = [1, 3], keep_dims = false} : f32[2, 4]";
  const std::vector<TestAttribute> attributes{list("axes", {-1, 1}), integer("keepdims", 0)};
  for (int64_t opset : {11, 13})
    EXPECT_EQ(imported(opset, {.op_type = "ReduceMax", .attributes = attributes}),
              Lines{"reduce(%x) {kind = max, " + result});
  EXPECT_EQ(imported(11, {.op_type = "ReduceSum", .attributes = attributes}),
            Lines{"reduce(%x) {" + result});
  EXPECT_EQ(refusal(model_of(13, {.op_type = "ReduceSum", .attributes = attributes, .name = "r"})),
            "1 unsupported feature: ReduceSum \"r\": attribute \"axes\" is unknown "
            "(version 13 takes \"keepdims\" and \"noop_with_empty_axes\")");
}

TEST(onnx_reduce, axes_are_an_operand_afterwards) {
  for (const auto& [opset, op, kind] : {std::tuple{13, "ReduceSum", ""},
                                        {18, "ReduceSum", ""},
                                        {18, "ReduceMax", "kind = max, "}}) {
    TestModel model = model_of(
        opset, {.op_type = op, .inputs = {"x", "axes"}, .attributes = {integer("keepdims", 0)}});
    model.initializer("axes", longs({-1, 1}));
    EXPECT_EQ(nodes_of(model), Lines{"reduce(%x) {" + std::string(kind) +
                                     "axes = [1, 3], keep_dims = false} : f32[2, 4]"});
  }
}

TEST(onnx_reduce, no_axes_mean_all_unless_the_model_says_none) {
  EXPECT_EQ(imported(11, {.op_type = "ReduceL2"}),
            Lines{"reduce(%x) {kind = l2, axes = [0, 1, 2, 3]} : f32[1, 1, 1, 1]"});
  EXPECT_EQ(imported(18, {.op_type = "ReduceSumSquare",
                          .attributes = {integer("noop_with_empty_axes", 1)}}),
            Lines{"reduce(%x) {kind = sum_square} : f32[2, 3, 4, 5]"});
}

TEST(onnx_reduce, every_kind_is_known) {
  for (const auto& [op, kind] : {std::pair{"ReduceL1", "l1"},
                                 {"ReduceLogSum", "log_sum"},
                                 {"ReduceLogSumExp", "log_sum_exp"},
                                 {"ReduceMean", "mean"},
                                 {"ReduceMin", "min"},
                                 {"ReduceProd", "prod"}})
    EXPECT_EQ(imported(13, {.op_type = op, .attributes = {list("axes", {0})}}),
              Lines{"reduce(%x) {kind = " + std::string(kind) + ", axes = [0]} : f32[1, 3, 4, 5]"});
}

TEST(onnx_reduce, an_axis_that_is_there_twice_is_refused) {
  EXPECT_EQ(refusal(model_of(
                11, {.op_type = "ReduceMin", .attributes = {list("axes", {1, -3})}, .name = "r"})),
            "ReduceMin \"r\": axis 1 is there twice");
}

// --- shapes -------------------------------------------------------------------------------------

std::string reshaped(const std::vector<TestDim>& dims, const std::vector<int64_t>& shape,
                     bool allow_zero = false) {
  TestModel model(14);
  model.input("x", f32, dims).initializer("s", longs(shape));
  model
      .node({.op_type = "Reshape",
             .inputs = {"x", "s"},
             .outputs = {"y"},
             .attributes = {integer("allowzero", allow_zero)},
             .name = "r"})
      .output("y");
  const std::string refused = refusal(model);
  return refused == "loaded" ? nodes_of(model).at(0) : refused;
}

TEST(onnx_reshape, zeros_copy_and_minus_one_takes_the_rest) {
  EXPECT_EQ(reshaped({2, 3, 4}, {0, -1}), "reshape(%x) {dims = [2, 12]} : f32[2, 12]");
  EXPECT_EQ(reshaped({"n", 3, 4}, {-1, 6}), "reshape(%x) {dims = [2*n, 6]} : f32[2*n, 6]");
  EXPECT_EQ(reshaped({"n", 3, 4}, {0, 12}), "reshape(%x) {dims = [n, 12]} : f32[n, 12]");
  EXPECT_EQ(reshaped({1, 1}, {}), "reshape(%x) : f32[]");
  EXPECT_EQ(reshaped({0, 3}, {3, 0}, true), "reshape(%x) {dims = [3, 0]} : f32[3, 0]");
}

TEST(onnx_reshape, shapes_that_do_not_fit_are_refused) {
  EXPECT_EQ(reshaped({2, 3}, {-1, -1}), "Reshape \"r\": the new shape has two extents of -1");
  EXPECT_EQ(reshaped({2, 3}, {-2, -3}), "Reshape \"r\": the new shape has an extent of -2");
  EXPECT_EQ(reshaped({2, 3}, {-1, 4}), "Reshape \"r\": 6 elements cannot be divided by 4");
  EXPECT_EQ(reshaped({2, 3}, {1, 6, 0}),
            "Reshape \"r\": extent 2 is copied from an input of rank 2");
  EXPECT_EQ(reshaped({2, 3}, {-1, 0}, true),
            "Reshape \"r\": -1 beside an extent of 0 can be anything");
}

TEST(onnx_reshape, a_shape_computed_from_a_symbolic_shape_is_known) {
  TestModel model(15);
  model.input("x", f32, {"n", 3, 4}).initializer("rest", longs({12}));
  model.node({.op_type = "Shape",
              .inputs = {"x"},
              .outputs = {"batch"},
              .attributes = {integer("end", -2)}});
  model.node({.op_type = "Concat",
              .inputs = {"batch", "rest"},
              .outputs = {"s"},
              .attributes = {integer("axis", 0)}});
  model.node({.op_type = "Reshape", .inputs = {"x", "s"}, .outputs = {"y"}}).output("y");
  EXPECT_EQ(nodes_of(model), Lines{"reshape(%x) {dims = [n, 12]} : f32[n, 12]"});
}

TEST(onnx_flatten, axis_may_be_anywhere) {
  EXPECT_EQ(imported(11, {.op_type = "Flatten"}),
            Lines{"reshape(%x) {dims = [2, 60]} : f32[2, 60]"});
  EXPECT_EQ(imported(11, {.op_type = "Flatten", .attributes = {integer("axis", 0)}}),
            Lines{"reshape(%x) {dims = [1, 120]} : f32[1, 120]"});
  EXPECT_EQ(imported(11, {.op_type = "Flatten", .attributes = {integer("axis", 4)}}),
            Lines{"reshape(%x) {dims = [120, 1]} : f32[120, 1]"});
  EXPECT_EQ(imported(11, {.op_type = "Flatten", .attributes = {integer("axis", -1)}}),
            Lines{"reshape(%x) {dims = [24, 5]} : f32[24, 5]"});
}

TEST(onnx_squeeze, axes_are_an_attribute_up_to_opset_12_and_an_operand_then) {
  for (int64_t opset : {11, 13}) {
    for (const bool given : {true, false}) {
      TestModel model(opset);
      model.input("x", f32, {1, 3, 1, 5});
      TestNode node{.op_type = "Squeeze", .inputs = {"x"}, .outputs = {"y"}};
      if (given && opset < 13) node.attributes = {list("axes", {-2, 0})};
      if (given && opset >= 13) {
        node.inputs.push_back("axes");
        model.initializer("axes", longs({-2, 0}));
      }
      model.node(node).output("y");
      EXPECT_EQ(nodes_of(model), Lines{"reshape(%x) {dims = [3, 5]} : f32[3, 5]"})
          << opset << given;
    }
  }
  EXPECT_EQ(
      refusal(model_of(11, {.op_type = "Squeeze", .attributes = {list("axes", {1})}, .name = "s"})),
      "Squeeze \"s\": axis 1 has extent 3, not 1");
}

TEST(onnx_unsqueeze, axes_count_in_the_result) {
  const Lines expected{"reshape(%x) {dims = [1, 2, 3, 4, 5, 1]} : f32[1, 2, 3, 4, 5, 1]"};
  EXPECT_EQ(imported(11, {.op_type = "Unsqueeze", .attributes = {list("axes", {-1, 0})}}),
            expected);
  TestModel model = model_of(13, {.op_type = "Unsqueeze", .inputs = {"x", "axes"}});
  EXPECT_EQ(nodes_of(model.initializer("axes", longs({-1, 0}))), expected);
  EXPECT_EQ(refusal(model_of(13, {.op_type = "Unsqueeze", .name = "u"})),
            "Unsqueeze \"u\": the axes are missing");
}

TEST(onnx_transpose, axes_are_reversed_by_default) {
  EXPECT_EQ(imported(13, {.op_type = "Transpose"}),
            Lines{"transpose(%x) {permutation = [3, 2, 1, 0]} : f32[5, 4, 3, 2]"});
  EXPECT_EQ(imported(13, {.op_type = "Transpose", .attributes = {list("perm", {0, 2, 3, 1})}}),
            Lines{"transpose(%x) {permutation = [0, 2, 3, 1]} : f32[2, 4, 5, 3]"});
}

TEST(onnx_concat, long_lists_become_a_tree) {
  const Lines lines = imported(
      13, {.op_type = "Concat", .inputs = Lines(20, "x"), .attributes = {integer("axis", -1)}});
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1], "concat(%x, %x, %x, %x) {axis = 3} : f32[2, 3, 4, 20]");
  EXPECT_EQ(lines[2], "concat(%1, %2) {axis = 3} : f32[2, 3, 4, 100]");
}

TEST(onnx_shape, bounds_count_from_the_end_and_are_clamped) {
  EXPECT_EQ(imported(13, {.op_type = "Shape"}), Lines{"shape(%x) : i64[4]"});
  EXPECT_EQ(
      imported(15, {.op_type = "Shape", .attributes = {integer("start", -3), integer("end", 100)}}),
      Lines{"shape(%x) {start = 1, end = 4} : i64[3]"});
}

// --- leaves and nothing -------------------------------------------------------------------------

TEST(onnx_constant, takes_every_form_of_number) {
  const auto leaf = [](const TestAttribute& value) {
    TestModel model(13);
    model.node({.op_type = "Constant", .outputs = {"c"}, .attributes = {value}, .name = "k"})
        .output("c", 0);
    const std::string refused = refusal(model);
    return refused == "loaded" ? model.load().network.leaves.at(0).type.text() : refused;
  };
  EXPECT_EQ(leaf({"value", floats({2, 1}, {1, 2})}), "f32[2, 1]");
  EXPECT_EQ(leaf({"value_float", 1.0f}), "f32[]");
  EXPECT_EQ(leaf({"value_floats", std::vector<float>{1, 2}}), "f32[2]");
  EXPECT_EQ(leaf({"value_int", int64_t{1}}), "i64[]");
  EXPECT_EQ(leaf({"value_ints", std::vector<int64_t>{1, 2, 3}}), "i64[3]");
}

TEST(onnx_constant, texts_are_no_leaf) {
  TestModel model(13);
  model.node({.op_type = "Constant", .outputs = {"c"}, .attributes = {{"value_string", "s"}}})
      .output("c", string);
  EXPECT_EQ(nodes_of(model), Lines{"strings() {values = [s]} : string[]"});
  EXPECT_TRUE(model.load().network.leaves.empty());
}

TEST(onnx_dropout, passes_at_inference) {
  EXPECT_EQ(imported(7, {.op_type = "Dropout", .attributes = {{"ratio", 0.5f}}}), Lines{});
  TestModel model(12);
  model.input("x", f32, {2})
      .initializer("ratio", floats({}, {0.5f}))
      .initializer("off", tensor(boolean, {}, std::vector<char>{0}));
  model.node({.op_type = "Dropout",
              .inputs = {"x", "ratio", "off"},
              .outputs = {"y", "mask"},
              .attributes = {integer("seed", 1)}});
  model.output("y").output("mask", boolean);
  EXPECT_EQ(nodes_of(model), Lines{"pointwise(%x) {logical_not(less(a, a))} : bool[2]"});
}

}  // namespace
}  // namespace tenon::onnx
