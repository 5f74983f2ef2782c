// Imports of ai.onnx.ml: scalers, encoders, linear models.
#include "onnx/import_ml.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "onnx/import_string.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

using ir::ValueId;

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

ValueId integers(NodeContext& node, const std::vector<int64_t>& list) {
  return constant_of(node, "", TensorView(list.data(), DType::i64, {std::ssize(list)}), DType::i64);
}

ValueId float_list(NodeContext& node, std::string_view name) {
  const std::vector<float> list = node.numbers(name);
  return constant_of(node, name, TensorView(list.data(), DType::f32, {std::ssize(list)}),
                     DType::f32);
}

ValueId integer_list(NodeContext& node, std::string_view name) {
  const std::vector<int64_t> list = node.integers(name);
  return constant_of(node, name, TensorView(list.data(), DType::i64, {std::ssize(list)}),
                     DType::i64);
}

ValueId class_labels(NodeContext& node, std::string_view integers) {
  if (const auto names = node.texts("classlabels_strings"); !names.empty())
    return texts(node, names);
  if (node.integers(integers).empty()) node.fail("there are no classes");
  return integer_list(node, integers);
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
    node.fail("norm {} is unknown", base::quoted(norm));
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

// Scores of all classes; the greatest names the class.
Outputs import_linear_classifier(NodeContext& node) {
  Function f(node, std::array<std::string_view, 1>{"x"});
  const ValueId labels = class_labels(node, "classlabels_ints");
  const auto classes = node.builder().dims(labels)[0].constant();
  const auto scores = static_cast<int64_t>(node.numbers("intercepts").size());
  const auto count = static_cast<int64_t>(node.numbers("coefficients").size());
  if (scores > 0 && scores != classes)
    node.unsupported("{} scores for {} classes; it is taken with one for each", scores, classes);
  if (count % classes != 0) node.fail("{} coefficients, for {} classes", count, classes);
  node.ignore_attribute("multi_class");  // which tells how the scores were trained
  f.set("w", float_list(node, "coefficients"));
  f.set("rows", std::array{classes, count / classes});
  f.set("labels", labels);
  f.run("y = MatMul(Cast <to = 1> (x), Transpose <perm = [1, 0]> (Reshape(w, rows)))");
  if (scores > 0) {
    f.set("b", float_list(node, "intercepts"));
    f.run("y = Add(y, b)");
  }
  f.run("label = Gather(labels, ArgMax <axis = 1, keepdims = 0> (y))");
  transform_scores(node, f, node.text("post_transform", "NONE"));
  return {f["label"], f["y"]};
}

namespace {

// A list of an attribute, in the first of these forms that is there; absent where none is.
ValueId listed(NodeContext& node, std::string_view name) {
  const std::string whole(name);
  if (node.has_attribute(whole + "_strings")) return texts(node, node.texts(whole + "_strings"));
  if (node.has_attribute(whole + "_int64s")) return integer_list(node, whole + "_int64s");
  if (node.has_attribute(whole + "_floats")) return float_list(node, whole + "_floats");
  return tensor_or_texts(node, whole + "_tensor", name_of(node.node()) + "." + whole);
}

// What stands for a key that is not there, by the type of the values.
ValueId default_value(NodeContext& node, DType dtype) {
  const auto integer = node.integer("default_int64", -1);
  const float number = node.number("default_float", -0.0F);
  const std::string text = node.text("default_string", "_Unused");
  const std::string name = name_of(node.node()) + ".default";
  if (const ValueId given = tensor_or_texts(node, "default_tensor", name); given != ir::absent)
    return given;
  if (dtype == DType::string) return texts(node, {text});
  if (is_floating(dtype)) return node.cast(node.constant(std::array{number}), dtype);
  return node.cast(node.constant(std::array{integer}), dtype);
}

// The value of the key that each element of `x`, operand 0, is; `other` where it is none. The last
// key that is equal counts; NaNs are equal here.
Outputs look_up(NodeContext& node, ValueId keys, ValueId values, ValueId other) {
  Function f(node, std::array<std::string_view, 1>{"x"});
  f.set("keys", keys);
  f.set("values", values);
  f.set("other", other);
  if (const ir::Strings* list = constant_texts(node, keys)) {
    f.set("place", find_texts(node, node.input(0), list->values));
    f.run("found = Add(place, 1)");
  } else {
    f.run(R"(x = Unsqueeze(x, [-1])
             keys = CastLike(keys, x)
             same = Equal(x, keys))");
    if (is_floating(node.dtype(0))) f.run("same = Or(same, And(IsNaN(x), IsNaN(keys)))");
    f.run(R"(place = Add(Range(0, Gather(Shape(keys), 0), 1), 1)
             found = ReduceMax <keepdims = 0> (Where(same, place, 0), [-1]))");
  }
  f.run("y = Gather(Concat <axis = 0> (Reshape(other, [1]), values), found)");
  return {f["y"]};
}

// Between texts and integers, by the kind of the operand.
Outputs look_up_names(NodeContext& node, const std::vector<std::string>& names, ValueId numbers) {
  const ValueId number = node.scalar(node.integer("default_int64", -1));
  const ValueId name = texts(node, {node.text("default_string", "_Unused")});
  if (node.dtype(0) == DType::string) return look_up(node, texts(node, names), numbers, number);
  return look_up(node, numbers, texts(node, names), name);
}

}  // namespace

Outputs import_label_encoder(NodeContext& node) {
  if (node.opset() < 2) {  // the classes' numbers are their places
    const std::vector<std::string> classes = node.texts("classes_strings");
    return look_up_names(node, classes, node.counting(std::ssize(classes), 0, 1));
  }
  const ValueId keys = listed(node, "keys"), values = listed(node, "values");
  if (keys == ir::absent || values == ir::absent) node.fail("keys or values are missing");
  if ((node.builder().type(keys).dtype == DType::string) != (node.dtype(0) == DType::string))
    node.fail("operand 0 is {}, the keys are {}", to_string(node.dtype(0)),
              to_string(node.builder().type(keys).dtype));
  node.require_equal(node.builder().dims(keys)[0], node.builder().dims(values)[0],
                     "keys and values");
  return look_up(node, keys, values, default_value(node, node.builder().type(values).dtype));
}

Outputs import_category_mapper(NodeContext& node) {
  const std::vector<std::string> names = node.texts("cats_strings");
  const auto numbers = node.integers("cats_int64s").size();
  if (names.size() != numbers)
    node.fail("{} cats_strings for {} cats_int64s", names.size(), numbers);
  return look_up_names(node, names, integer_list(node, "cats_int64s"));
}

Outputs import_one_hot_encoder(NodeContext& node) {
  Function f(node, std::array<std::string_view, 1>{"x"});
  if (!node.flag("zeros", true)) node.unsupported("zeros=0, which fails for another category");
  if (node.dtype(0) == DType::string) {
    const std::vector<std::string> names = node.texts("cats_strings");
    f.set("x", find_texts(node, node.input(0), names));
    f.set("cats", node.counting(std::ssize(names), 0, 1));
  } else {
    f.set("cats", integer_list(node, "cats_int64s"));
  }
  f.run("y = Cast <to = 1> (Equal(Unsqueeze(Cast <to = 7> (x), [-1]), cats))");
  return {f["y"]};
}

}  // namespace tenon::onnx
