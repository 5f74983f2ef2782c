// Imports of attention with a state instead of a softmax, and of attention with scores of the
// model's own.
#include <array>
#include <cmath>

#include "base/text.h"
#include "onnx/function.h"
#include "onnx/import_control.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

using ir::ValueId;

/// What the attributes say.
struct Rule {
  int64_t q_heads, kv_heads;
  bool gated, delta;
};

Rule rule_of(NodeContext& node) {
  const std::string name = node.text("update_rule", "gated_delta");
  const bool gated = name.starts_with("gated"), delta = name.ends_with("delta");
  if (!gated && !delta && name != "linear")
    node.fail("update_rule {} is unknown", base::quoted(name));
  const Rule rule{node.integer("q_num_heads"), node.integer("kv_num_heads"), gated, delta};
  if (rule.kv_heads < 1 || rule.q_heads < 1 || rule.q_heads % rule.kv_heads != 0)
    node.fail("{} heads of queries, and {} of keys", rule.q_heads, rule.kv_heads);
  for (size_t i = 0; i < 3; ++i)
    if (node.rank(i) != 3) node.fail("operand {} has rank {}, not 3", i, node.rank(i));
  if (node.has(4) != gated) node.fail("rule {} and a decay do not go together", base::quoted(name));
  if (node.has(5) != delta)
    node.fail("rule {} and an update rate do not go together", base::quoted(name));
  node.ignore_attribute("chunk_size");  // a hint
  return rule;
}

// One step, in rows of matrices: the state is [batch, heads, keys, values].
std::string step_of(const Rule& rule) {
  std::string text = R"(
      row = Unsqueeze(k, [2])
      new = Unsqueeze(v, [2]))";
  if (rule.gated) text += "\nstate = Mul(state, Exp(Unsqueeze(g, [3])))";
  if (rule.delta) text += "\nnew = Mul(Unsqueeze(beta, [3]), Sub(new, MatMul(row, state)))";
  return text + R"(
      state = Add(state, Mul(Unsqueeze(k, [3]), new))
      y = MatMul(q, state))";
}

// Steps first: [steps, batch, heads, width].
void lay_out_steps(NodeContext& node, const Rule& rule, Function& f) {
  f.set("q_heads", std::array<int64_t, 5>{0, 0, rule.kv_heads, rule.q_heads / rule.kv_heads, -1});
  f.set("heads", std::array<int64_t, 4>{0, 0, rule.kv_heads, -1});
  f.set("kv_heads", std::array{rule.kv_heads});
  f.run(R"(q = Transpose <perm = [1, 0, 2, 3, 4]> (Reshape(Cast <to = 1> (query), q_heads))
           k = Transpose <perm = [1, 0, 2, 3]> (Reshape(Cast <to = 1> (key), heads))
           v = Transpose <perm = [1, 0, 2, 3]> (Reshape(Cast <to = 1> (value), heads)))");
  if (rule.gated)
    f.run("g = Transpose <perm = [1, 0, 2, 3]> (Reshape(Cast <to = 1> (decay), heads))");
  if (rule.delta)
    f.run("beta = Transpose <perm = [1, 0, 2, 3]> (Unsqueeze(Cast <to = 1> (rate), [3]))");
  if (node.has(3)) {
    f.run("state = Cast <to = 1> (past)");
  } else {
    f.run(R"(state = Expand(0.0, Concat <axis = 0> (Slice(Shape(query), [0], [1]), kv_heads,
                 Slice(Shape(k), [3], [4]), Slice(Shape(v), [3], [4]))))");
  }
}

// Heads of keys and values, one for each of queries.
void repeat_heads(NodeContext& node, Function& f, std::string_view name) {
  if (node.builder().dims(f["q"])[1] == node.builder().dims(f[name])[1]) return;
  f.set("x", f[name]);
  f.run(R"(shape = Shape(x)
           groups = Div(Gather(Shape(q), [1]), Slice(shape, [1], [2]))
           wide = Concat <axis = 0> (Slice(shape, [0], [2]), groups, Slice(shape, [2], [4]))
           all = Concat <axis = 0> (Slice(shape, [0], [1]), [-1], Slice(shape, [2], [4]))
           x = Reshape(Expand(Unsqueeze(x, [2]), wide), all))");
  f.set(name, f["x"]);
}

// The graph in an attribute, where it is there, put around a value.
ValueId modified(NodeContext& node, std::string_view attribute, ValueId value) {
  const Body* body = node.body(attribute);
  if (!body) return value;
  const DType dtype = node.builder().type(value).dtype;
  const ir::Dims dims = node.builder().dims(value);
  std::vector<ValueId> inputs{value};
  for (const ValueId id : body->captures(1)) inputs.push_back(id);
  const std::vector<ValueId> outputs = body->import(node.builder(), inputs, 1);
  if (outputs.size() != 1) node.fail("{} has {} outputs, not 1", attribute, outputs.size());
  if (node.builder().type(outputs[0]).dtype != dtype)
    node.fail("{} gives {}, and is given {}", attribute,
              to_string(node.builder().type(outputs[0]).dtype), to_string(dtype));
  node.require_dims(outputs[0], dims, attribute);
  return outputs[0];
}

}  // namespace

Outputs import_linear_attention(NodeContext& node) {
  Function f(node,
             std::array<std::string_view, 6>{"query", "key", "value", "past", "decay", "rate"});
  const Rule rule = rule_of(node);
  lay_out_steps(node, rule, f);
  const float scale = node.number("scale", 0);
  if (scale != 0) {
    f.set("scale", static_cast<double>(scale));
  } else {
    f.run("scale = Div(1.0, Sqrt(Cast <to = 1> (Gather(Shape(k), 3))))");
  }
  FunctionBody::Text text{.inputs = {"state", "q", "k", "v"}, .outputs = {"state", "y"}};
  std::vector<ValueId> read{f["q"], f["k"], f["v"]};
  if (rule.gated) text.inputs.push_back("g"), read.push_back(f["g"]);
  if (rule.delta) text.inputs.push_back("beta"), read.push_back(f["beta"]);
  const std::string step = step_of(rule);
  text.statements = step;
  const Outputs done = add_scan(node, FunctionBody(node, text, {}), {f["state"]}, std::move(read));
  f.set("state", done[0]);
  f.set("y", done[1]);
  f.run(R"(y = Mul(Transpose <perm = [1, 0, 2, 3, 4]> (y), scale)
           y = CastLike(Reshape(y, [0, 0, -1]), query))");
  f.run(node.has(3) ? "state = CastLike(state, past)" : "state = CastLike(state, query)");
  return {f["y"], f["state"]};
}

Outputs import_flex_attention(NodeContext& node) {
  Function f(node, std::array<std::string_view, 3>{"q", "k", "v"});
  for (size_t i = 0; i < 3; ++i)
    if (node.rank(i) != 4) node.fail("operand {} has rank {}, not 4", i, node.rank(i));
  repeat_heads(node, f, "k");
  repeat_heads(node, f, "v");
  if (node.has_attribute("scale")) {
    f.set("scale", std::sqrt(static_cast<double>(node.number("scale", 1))));
  } else {
    f.run("scale = Sqrt(Div(1.0, Sqrt(Cast <to = 1> (Gather(Shape(q), 3)))))");
  }
  const int64_t otherwise = node.dtype(0) == DType::f64 ? 11 : 1;
  const int64_t precision = node.integer("softmax_precision", otherwise);
  f.run(fmt::format(R"(scale = CastLike(scale, q)
                       turned = Transpose <perm = [0, 1, 3, 2]> (k)
                       scores = MatMul(Mul(q, scale), Mul(turned, scale))
                       scores = Cast <to = {}> (scores))",
                    precision));
  f.set("scores", modified(node, "score_mod", f["scores"]));
  f.run("weights = Softmax <axis = -1> (scores)");
  f.set("weights", modified(node, "prob_mod", f["weights"]));
  f.run("y = CastLike(MatMul(weights, CastLike(v, weights)), v)");
  return {f["y"]};
}

}  // namespace tenon::onnx
