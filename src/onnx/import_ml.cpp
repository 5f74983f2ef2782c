// Imports of ai.onnx.ml: scalers, encoders, linear models.
#include "onnx/import_ml.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

using ir::ValueId;

ValueId float_list(NodeContext& node, std::string_view name) {
  const std::vector<float> list = node.numbers(name);
  return constant_of(node, name, TensorView(list.data(), DType::f32, {std::ssize(list)}),
                     DType::f32);
}

// Scores where neither 0 nor 1 is a result are those of classes; zeros stay zeros.
constexpr std::string_view softmax_of_others = R"(
    zero = Equal(y, CastLike(0, y))
    raised = Where(zero, CastLike(0, y), Exp(Sub(y, ReduceMax(y, [1]))))
    y = Div(raised, ReduceSum(raised, [1])))";

}  // namespace

ValueId constant_of(NodeContext& node, std::string_view name, const TensorView& values,
                    DType dtype) {
  const std::string whole = name.empty() ? "" : fmt::format("{}.{}", name_of(node.node()), name);
  const ValueId id = node.leaves().add_constant(node.builder(), whole, weights::copy_of(values));
  return node.cast(id, dtype);
}

void transform_scores(NodeContext& node, Function& f, std::string_view transform) {
  if (transform == "NONE") return;
  if (transform == "SOFTMAX") return f.run("y = Softmax <axis = 1> (y)");
  if (transform == "LOGISTIC") return f.run("y = Sigmoid(y)");
  if (transform == "SOFTMAX_ZERO") return f.run(softmax_of_others);
  node.unsupported("post_transform {}", transform);
}

Outputs import_binarizer(NodeContext& node) {
  Function f(node, std::array<std::string_view, 1>{"x"});
  f.set("threshold", static_cast<double>(node.number("threshold", 0)));
  f.run("y = CastLike(Greater(x, CastLike(threshold, x)), x)");
  return {f["y"]};
}

// Columns by their numbers.
Outputs import_array_feature_extractor(NodeContext& node) {
  Function f(node, std::array<std::string_view, 2>{"x", "columns"});
  if (node.rank(0) == 0) node.fail("operand 0 is a scalar");
  f.run("y = Gather <axis = -1> (x, Reshape(Cast <to = 7> (columns), [-1]))");
  if (node.rank(0) == 1) f.run("y = Reshape(y, [1, -1])");
  return {f["y"]};
}

Outputs import_scaler(NodeContext& node) {
  Function f(node, std::array<std::string_view, 1>{"x"});
  f.run("y = Cast <to = 1> (x)");
  if (node.has_attribute("offset")) {
    f.set("offset", float_list(node, "offset"));
    f.run("y = Sub(y, offset)");
  }
  if (node.has_attribute("scale")) {
    f.set("scale", float_list(node, "scale"));
    f.run("y = Mul(y, scale)");
  }
  node.require_dims(f["y"], node.dims(0), "offset or scale");
  return {f["y"]};
}

Outputs import_normalizer(NodeContext& node) {
  Function f(node, std::array<std::string_view, 1>{"x"});
  const std::string norm = node.text("norm", "MAX");
  if (node.rank(0) < 1 || node.rank(0) > 2)
    node.fail("operand 0 has rank {}, not 1 or 2", node.rank(0));
  f.run("y = Cast <to = 1> (x)");
  if (norm == "MAX")
    f.run("norm = ReduceMax(Abs(y), [-1])");
  else if (norm == "L1")
    f.run("norm = ReduceL1(y, [-1])");
  else if (norm == "L2")
    f.run("norm = ReduceL2(y, [-1])");
  else
    node.fail("norm \"{}\" is unknown", norm);
  f.run("y = Where(Equal(norm, 0.0), y, Div(y, norm))");
  return {f["y"]};
}

// What is to be replaced may be NaN, which is equal to nothing.
Outputs import_imputer(NodeContext& node) {
  Function f(node, std::array<std::string_view, 1>{"x"});
  const bool floats = is_floating(node.dtype(0));
  if (floats) {
    const float replaced = node.number("replaced_value_float", 0);
    f.set("replaced", static_cast<double>(replaced));
    f.set("values", float_list(node, "imputed_value_floats"));
    f.run(std::isnan(replaced) ? "gone = IsNaN(x)" : "gone = Equal(x, CastLike(replaced, x))");
  } else {
    f.set("replaced", node.scalar(node.integer("replaced_value_int64", 0)));
    const std::vector<int64_t> values = node.integers("imputed_value_int64s");
    f.set("values", values);
    f.run("gone = Equal(x, CastLike(replaced, x))");
  }
  f.run("y = Where(gone, CastLike(values, x), x)");
  node.require_dims(f["y"], node.dims(0), "the imputed values");
  return {f["y"]};
}

Outputs import_feature_vectorizer(NodeContext& node) {
  const std::vector<int64_t> widths = node.integers("inputdimensions");
  if (widths.size() != node.inputs())
    node.fail("inputdimensions has {} numbers, for {} operands", widths.size(), node.inputs());
  Function f(node, {});
  std::string joined;
  for (size_t i = 0; i < widths.size(); ++i) {
    if (node.rank(i) < 1 || node.rank(i) > 2)
      node.fail("operand {} has rank {}, not 1 or 2", i, node.rank(i));
    f.set("x", node.cast(node.input(i), DType::f32));
    f.set("end", std::array{widths[i]});
    if (node.rank(i) == 1) f.run("x = Reshape(x, [1, -1])");
    const std::string name = fmt::format("part{}", i);
    f.run(name + " = Slice(x, [0], end, [1])");
    joined += (i > 0 ? ", " : "") + name;
  }
  f.run(fmt::format("y = Concat <axis = 1> ({})", joined));
  return {f["y"]};
}

Outputs import_linear_regressor(NodeContext& node) {
  Function f(node, std::array<std::string_view, 1>{"x"});
  const int64_t targets = node.integer("targets", 1);
  const auto count = static_cast<int64_t>(node.numbers("coefficients").size());
  if (targets < 1 || count % targets != 0)
    node.fail("{} coefficients, for {} targets", count, targets);
  f.set("w", float_list(node, "coefficients"));
  f.set("rows", std::array{targets, count / targets});
  f.run("y = MatMul(Cast <to = 1> (x), Transpose <perm = [1, 0]> (Reshape(w, rows)))");
  if (node.has_attribute("intercepts")) {
    f.set("b", float_list(node, "intercepts"));
    f.run("y = Add(y, b)");
  }
  transform_scores(node, f, node.text("post_transform", "NONE"));
  return {f["y"]};
}

}  // namespace tenon::onnx
