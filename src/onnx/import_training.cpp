// Imports of ai.onnx.preview.training: one step of an optimizer, tensor by tensor.
#include <array>

#include "base/text.h"
#include "onnx/function.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

using ir::ValueId;

// The rate and the count of steps come first; then as many tensors, gradients and states of each
// kind. Results are new tensors, then new states of each kind.
Outputs step_all(NodeContext& node, Function& f, std::string_view statements, size_t states) {
  constexpr std::string_view kinds[] = {"x", "g", "v", "h"}, news[] = {"x_new", "v_new", "h_new"};
  const size_t each = 2 + states, operands = node.inputs() - 2;
  if (operands == 0 || operands % each != 0)
    node.fail("has {} operands after the first two, which are no {} of each tensor", operands,
              each);
  const size_t count = operands / each;
  std::vector<std::vector<ValueId>> results(1 + states);
  for (size_t i = 0; i < count; ++i) {
    for (size_t kind = 0; kind < each; ++kind) f.set(kinds[kind], node.input(2 + kind * count + i));
    f.run(R"(r = CastLike(rate, x)
             one = CastLike(1, x)
             g = Add(Mul(CastLike(norm, x), x), g))");
    f.run(statements);
    for (size_t kind = 0; kind <= states; ++kind) results[kind].push_back(f[news[kind]]);
  }
  Outputs outputs;
  for (const auto& kind : results) outputs.insert(outputs.end(), kind.begin(), kind.end());
  return outputs;
}

Function begin(NodeContext& node) {
  Function f(node, std::array<std::string_view, 2>{"rate", "step"});
  f.set("norm", node.number("norm_coefficient", 0));
  return f;
}

}  // namespace

Outputs import_adagrad(NodeContext& node) {
  Function f = begin(node);
  f.set("decay", node.number("decay_factor", 0));
  f.set("epsilon", node.number("epsilon", 1e-6F));
  return step_all(node, f, R"(
      r = Div(r, Add(one, Mul(CastLike(step, x), CastLike(decay, x))))
      v_new = Add(v, Mul(g, g))
      x_new = Sub(x, Div(Mul(r, g), Add(Sqrt(v_new), CastLike(epsilon, x)))))",
                  1);
}

Outputs import_adam(NodeContext& node) {
  Function f = begin(node);
  f.set("alpha", node.number("alpha", 0.9F));
  f.set("beta", node.number("beta", 0.999F));
  f.set("post", node.number("norm_coefficient_post", 0));
  f.set("epsilon", node.number("epsilon", 1e-6F));
  return step_all(node, f, R"(
      a = CastLike(alpha, x)
      b = CastLike(beta, x)
      v_new = Add(Mul(a, v), Mul(Sub(one, a), g))
      h_new = Add(Mul(b, h), Mul(Sub(one, b), Mul(g, g)))
      t = CastLike(step, x)
      corrected = Div(Mul(r, Sqrt(Sub(one, Pow(b, t)))), Sub(one, Pow(a, t)))
      r = Where(Greater(step, CastLike(0, step)), corrected, r)
      moved = Sub(x, Mul(r, Div(v_new, Add(Sqrt(h_new), CastLike(epsilon, x)))))
      x_new = Mul(Sub(one, CastLike(post, x)), moved))",
                  2);
}

Outputs import_momentum(NodeContext& node) {
  Function f = begin(node);
  f.set("alpha", node.number("alpha", 0));
  f.set("beta", node.number("beta", 0));
  const std::string mode = node.text("mode", "standard");
  if (mode != "standard" && mode != "nesterov") node.fail("mode {} is unknown", base::quoted(mode));
  const std::string statements =
      fmt::format(R"(
      b = Where(Greater(step, CastLike(0, step)), CastLike(beta, x), one)
      v_new = Add(Mul(CastLike(alpha, x), v), Mul(b, g))
      x_new = Sub(x, Mul(r, {})))",
                  mode == "standard" ? "v_new" : "Add(g, Mul(CastLike(alpha, x), v_new))");
  return step_all(node, f, statements, 1);
}

}  // namespace tenon::onnx
