// Imports of support vector machines of ai.onnx.ml.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "onnx/import_control.h"
#include "onnx/import_ml.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

/// `k`: the machine's kernel of each row of `x` with each of its vectors.
void apply_kernel(NodeContext& node, Function& f, int64_t supports) {
  const std::string kernel = node.text("kernel_type", "LINEAR");
  const auto vectors = static_cast<int64_t>(node.numbers("support_vectors").size());
  std::vector<float> parameters = node.numbers("kernel_params");
  parameters.resize(3);
  f.set("gamma", static_cast<double>(parameters[0]));
  f.set("shift", static_cast<double>(parameters[1]));
  f.set("degree", static_cast<double>(parameters[2]));
  if (vectors % supports != 0) node.fail("{} numbers, for {} vectors", vectors, supports);
  f.set("vectors", float_list(node, "support_vectors"));
  f.set("rows", std::array{supports, vectors / supports});
  f.run(R"(v = Reshape(vectors, rows)
           k = MatMul(x, Transpose <perm = [1, 0]> (v)))");
  if (kernel == "POLY")
    f.run("k = Pow(Add(Mul(k, gamma), shift), degree)");
  else if (kernel == "SIGMOID")
    f.run("k = Tanh(Add(Mul(k, gamma), shift))");
  else if (kernel == "RBF")
    f.run(R"(d = Sub(Unsqueeze(x, [1]), Unsqueeze(v, [0]))
             k = Exp(Neg(Mul(gamma, ReduceSumSquare <keepdims = 0> (d, [2])))))");
  else if (kernel != "LINEAR")
    node.fail("kernel_type {} is unknown", base::quoted(kernel));
}

}  // namespace

Outputs import_svm_regressor(NodeContext& node) {
  Function f(node, std::array<std::string_view, 1>{"given"});
  const auto supports = node.integer("n_supports", 0);
  f.set("w", float_list(node, "coefficients"));
  f.set("rho", float_list(node, "rho"));
  f.run("x = Cast <to = 1> (given)");
  if (supports > 0) {
    apply_kernel(node, f, supports);
  } else {
    for (const char* unused : {"support_vectors", "kernel_type", "kernel_params"})
      node.ignore_attribute(unused);
    f.run("k = x");
  }
  f.run("y = Add(MatMul(k, Reshape(w, [-1, 1])), rho)");
  if (node.flag("one_class", false)) f.run("y = Where(Greater(y, 0.0), 1.0, -1.0)");
  transform_scores(node, f, node.text("post_transform", "NONE"));
  return {f["y"]};
}

namespace {

/// A classifier decides between each pair of classes.
struct Pairs {
  int64_t classes = 0, vectors = 0;
  std::vector<int64_t> first, second;     // by pair, its classes
  std::vector<float> weights;             // [vectors, pairs]
  std::vector<float> votes, other_votes;  // [pairs, classes]: where the first wins, and the other
  std::vector<float> upper, lower;        // [pairs, classes * classes]: places in a matrix

  int64_t count() const { return std::ssize(first); }
};

Pairs pairs_of(NodeContext& node, const std::vector<int64_t>& vectors_per_class) {
  Pairs pairs{.classes = std::ssize(vectors_per_class)};
  std::vector<int64_t> begins;
  for (const int64_t count : vectors_per_class) {
    if (count < 0 || count > INT32_MAX) node.fail("vectors_per_class holds {}", count);
    begins.push_back(pairs.vectors);
    pairs.vectors += count;
  }
  const std::vector<float> coefficients = node.numbers("coefficients");
  if (pairs.classes < 2 || pairs.vectors < 1 ||
      std::ssize(coefficients) != (pairs.classes - 1) * pairs.vectors)
    node.fail("{} coefficients, for {} vectors of {} classes", coefficients.size(), pairs.vectors,
              pairs.classes);
  for (int64_t i = 0; i < pairs.classes; ++i) {
    for (int64_t j = i + 1; j < pairs.classes; ++j) {
      pairs.first.push_back(i);
      pairs.second.push_back(j);
    }
  }
  const auto at = [](int64_t row, int64_t columns, int64_t column) {
    return static_cast<size_t>(row * columns + column);
  };
  const int64_t count = pairs.count(), classes = pairs.classes;
  pairs.weights.resize(at(pairs.vectors, count, 0));
  pairs.votes.resize(at(count, classes, 0));
  pairs.other_votes = pairs.votes;
  pairs.upper.resize(at(count, classes * classes, 0));
  pairs.lower = pairs.upper;
  for (int64_t pair = 0; pair < count; ++pair) {
    const int64_t i = pairs.first[static_cast<size_t>(pair)];
    const int64_t j = pairs.second[static_cast<size_t>(pair)];
    // Row j - 1 weighs the vectors of class i against j, row i those of class j against i.
    const auto take = [&](int64_t of, int64_t row) {
      const auto c = static_cast<size_t>(of);
      for (int64_t v = begins[c]; v < begins[c] + vectors_per_class[c]; ++v)
        pairs.weights[at(v, count, pair)] = coefficients[at(row, pairs.vectors, v)];
    };
    take(i, j - 1);
    take(j, i);
    pairs.votes[at(pair, classes, i)] = pairs.other_votes[at(pair, classes, j)] = 1;
    pairs.upper[at(pair, classes * classes, i * classes + j)] = 1;
    pairs.lower[at(pair, classes * classes, j * classes + i)] = 1;
  }
  return pairs;
}

ir::ValueId matrix(NodeContext& node, std::string_view name, const std::vector<float>& values,
                   int64_t columns) {
  return constant_of(node, name,
                     TensorView(values.data(), DType::f32, {std::ssize(values) / columns, columns}),
                     DType::f32);
}

/// `y`: each class's probability from those of the pairs, by the second method of Wu, Lin and Weng
/// (2004), as libsvm iterates it: class by class, until the error is small.
void couple(NodeContext& node, Function& f, const Pairs& pairs) {
  const int64_t classes = pairs.classes;
  f.set("a", float_list(node, "prob_a"));
  f.set("b", float_list(node, "prob_b"));
  f.set("upper", matrix(node, "", pairs.upper, classes * classes));
  f.set("lower", matrix(node, "", pairs.lower, classes * classes));
  f.set("square", std::array{int64_t{-1}, classes, classes});
  f.set("places", node.counting(classes, 0, 1));
  f.set("classes", node.scalar(classes));
  f.set("share", 1.0 / static_cast<double>(classes));
  f.set("small", 0.005 / static_cast<double>(classes));
  f.set("turns", node.scalar(std::max<int64_t>(100, classes) * classes));
  f.run(R"(
      won = Clip(Sigmoid(Neg(Add(Mul(scores, a), b))), 0.0000001, 0.9999999)
      R = Reshape(Add(MatMul(won, upper), MatMul(Sub(1.0, won), lower)), square)
      diagonal = Cast <to = 1> (Equal(Unsqueeze(places, [1]), places))
      Rt = Transpose <perm = [0, 2, 1]> (R)
      Q = Sub(Mul(diagonal, ReduceSum(Mul(Rt, Rt), [2])), Mul(R, Rt))
      P = Mul(share, Add(Mul(0.0, ReduceMax <keepdims = 0> (Q, [1])), 1.0))
      pQp = Mul(0.0, ReduceMax(P, [1]))
      done = Less(pQp, pQp))");
  const FunctionBody::Text text{.inputs = {"turn", "given", "P", "Qp", "pQp", "done"},
                                .statements = R"(
      t = Mod(turn, classes)
      first = Equal(t, 0)
      here = Cast <to = 1> (Equal(places, t))
      product = Squeeze(MatMul(Q, Unsqueeze(P, [2])), [2])
      Qp = Where(first, product, Qp)
      pQp = Where(first, ReduceSum(Mul(P, product), [1]), pQp)
      error = ReduceMax(Abs(Sub(Qp, pQp)), [1])
      done = Or(done, And(first, Less(error, small)))
      row = Gather <axis = 1> (Q, t)
      q = ReduceSum(Mul(row, here), [1])
      change = Div(Sub(pQp, ReduceSum(Mul(Qp, here), [1])), q)
      whole = Add(change, 1.0)
      twice = Mul(2.0, ReduceSum(Mul(Qp, here), [1]))
      P = Where(done, P, Div(Add(P, Mul(change, here)), whole))
      pQp = Div(Add(pQp, Mul(change, Add(Mul(change, q), twice))), Mul(whole, whole))
      Qp = Div(Add(Qp, Mul(change, row)), whole)
      on = Cast <to = 9> (ReduceMax <keepdims = 0> (Cast <to = 6> (Not(done)), [0, 1])))",
                                .outputs = {"on", "P", "Qp", "pQp", "done"}};
  const FunctionBody body(
      node, text,
      {{"Q", f["Q"]}, {"places", f["places"]}, {"classes", f["classes"]}, {"small", f["small"]}});
  f.set("y", add_loop(node, body, f["turns"], {f["P"], f["P"], f["pQp"], f["done"]})[0]);
}

/// Where no coefficient is negative, ONNX Runtime takes the second of two classes.
bool takes_second(NodeContext& node, int64_t classes) {
  const std::vector<float> coefficients = node.numbers("coefficients");
  return classes == 2 && std::ranges::none_of(coefficients, [](float each) { return each < 0; });
}

Outputs linear_classifier(NodeContext& node, Function& f, int64_t classes) {
  for (const char* unused : {"support_vectors", "kernel_type", "kernel_params", "prob_a", "prob_b"})
    node.ignore_attribute(unused);
  if (classes != 2 && node.numbers("rho").size() == 1)
    node.unsupported("a linear machine of {} classes with one rho", classes);
  f.set("w", float_list(node, "coefficients"));
  f.set("rho", float_list(node, "rho"));
  f.set("rows", std::array{classes, int64_t{-1}});
  f.run(R"(w = Reshape(w, rows)
           y = Add(MatMul(x, Transpose <perm = [1, 0]> (w)), Gather(rho, 0))
           label = Gather(labels, ArgMax <axis = 1, keepdims = 0> (y)))");
  transform_scores(node, f, node.text("post_transform", "NONE"));
  return {f["label"], f["y"]};
}

}  // namespace

Outputs import_svm_classifier(NodeContext& node) {
  Function f(node, std::array<std::string_view, 1>{"given"});
  const ir::ValueId labels = class_labels(node, "classlabels_ints");
  const int64_t classes = node.builder().dims(labels)[0].constant();
  const std::vector<int64_t> vectors_per_class = node.integers("vectors_per_class");
  f.set("labels", labels);
  f.run("x = Cast <to = 1> (given)");
  if (vectors_per_class.empty()) return linear_classifier(node, f, classes);
  const Pairs pairs = pairs_of(node, vectors_per_class);
  if (pairs.classes != classes)
    node.fail("{} labels, and vectors of {} classes", classes, pairs.classes);
  apply_kernel(node, f, pairs.vectors);
  f.set("weights", matrix(node, "coefficients", pairs.weights, pairs.count()));
  f.set("rho", float_list(node, "rho"));
  f.set("votes", matrix(node, "", pairs.votes, classes));
  f.set("other_votes", matrix(node, "", pairs.other_votes, classes));
  f.run(R"(scores = Add(MatMul(k, weights), rho)
           wins = Cast <to = 1> (Greater(scores, 0.0))
           all = Add(MatMul(wins, votes), MatMul(Sub(1.0, wins), other_votes))
           place = ArgMax <axis = 1, keepdims = 0> (all))");
  const bool likely = !node.numbers("prob_a").empty();
  if (likely) {
    couple(node, f, pairs);
  } else {
    node.ignore_attribute("prob_b");
    if (takes_second(node, classes)) f.run("place = Add(Mul(place, 0), 1)");
    f.run(pairs.count() == 1 ? "y = Concat <axis = 1> (Neg(scores), scores)" : "y = scores");
  }
  f.run("label = Gather(labels, place)");
  transform_scores(node, f, node.text("post_transform", "NONE"));
  return {f["label"], f["y"]};
}

}  // namespace tenon::onnx
