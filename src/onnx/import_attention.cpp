// Import of attention: heads brought apart, masks joined, two products and a softmax between.
#include <array>
#include <cmath>

#include "onnx/function.h"
#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

/// What the attributes say.
struct Attention {
  bool flat;  ///< heads lie side by side, in tensors of rank 3
  bool causal;
  int64_t left, right;  ///< of the window of keys, -1: all
  int64_t mode;         ///< of the fourth output
  float softcap;
};

Attention read(NodeContext& node) {
  Attention a{.flat = node.rank(0) == 3,
              .causal = node.flag("is_causal", false),
              .left = node.integer("left_window_size", -1),
              .right = node.integer("right_window_size", -1),
              .mode = node.integer("qk_matmul_output_mode", 0),
              .softcap = node.number("softcap", 0)};
  if (!a.flat && node.rank(0) != 4) node.fail("operand 0 has rank {}, not 3 or 4", node.rank(0));
  for (size_t i = 1; i < 3; ++i)
    if (node.rank(i) != node.rank(0))
      node.fail("operand {} has rank {}, and operand 0 {}", i, node.rank(i), node.rank(0));
  if (node.has(4) != node.has(5)) node.fail("past_key and past_value go together");
  if (node.has(6) && node.has(4)) node.fail("nonpad_kv_seqlen does not go with a past");
  if (a.mode < 0 || a.mode > 3) node.fail("qk_matmul_output_mode is {}", a.mode);
  if (a.left < -1 || a.right < -1) node.fail("a window of {} and {}", a.left, a.right);
  return a;
}

// q, k, v as [batch, heads, steps, width]; k and v with their past, and as many heads as q.
void bring_heads_apart(NodeContext& node, const Attention& a, Function& f) {
  if (a.flat) {
    const int64_t q = node.integer("q_num_heads"), kv = node.integer("kv_num_heads");
    if (q < 1 || kv < 1) node.fail("{} and {} heads", q, kv);
    f.set("q_heads", std::array<int64_t, 4>{0, 0, q, -1});
    f.set("kv_heads", std::array<int64_t, 4>{0, 0, kv, -1});
    f.run(R"(q = Transpose <perm = [0, 2, 1, 3]> (Reshape(q, q_heads))
             k = Transpose <perm = [0, 2, 1, 3]> (Reshape(k, kv_heads))
             v = Transpose <perm = [0, 2, 1, 3]> (Reshape(v, kv_heads)))");
  } else {
    node.ignore_attribute("q_num_heads");
    node.ignore_attribute("kv_num_heads");
  }
  if (node.has(4)) {
    f.run(R"(k = Concat <axis = 2> (past_key, k)
             v = Concat <axis = 2> (past_value, v))");
  }
  f.run(R"(present_key = k
           present_value = v)");
  const auto heads = [&](std::string_view name) { return node.builder().dims(f[name])[1]; };
  if (heads("q") == heads("k")) return;
  f.run(R"(groups = Div(Gather(Shape(q), [1]), Gather(Shape(k), [1])))");
  for (const std::string_view name : {"k", "v"}) {
    f.set("x", f[name]);
    f.run(R"(shape = Shape(x)
             wide = Concat <axis = 0> (Slice(shape, [0], [2]), groups, Slice(shape, [2], [4]))
             all = Concat <axis = 0> (Slice(shape, [0], [1]), [-1], Slice(shape, [2], [4]))
             x = Reshape(Expand(Unsqueeze(x, [2]), wide), all))");
    f.set(name, f["x"]);
  }
}

// `bias`: what is added to the scores, -inf where a key may not be seen; nothing where all may.
bool find_bias(NodeContext& node, const Attention& a, Function& f) {
  bool some = false;
  const auto add = [&](std::string_view statement) {
    f.run(statement);
    f.run(some ? "bias = Add(bias, part)" : "bias = part");
    some = true;
  };
  f.run(R"(zero = CastLike(0, q)
           keys = Gather(Shape(k), 2)
           least = Log(zero)
           key = Range(0, keys, 1))");
  if (node.has(3)) {
    // A mask that is shorter than the keys lets none of the others be seen.
    const bool is_bool = node.dtype(3) == DType::bool_;
    if (node.rank(3) < 1) node.fail("the mask is a scalar");
    f.set("pads", std::vector<int64_t>(2 * node.rank(3) - 1, 0));
    if (!(node.dims(3).back() == node.builder().dims(f["k"])[2])) {
      f.run(is_bool ? "off = Cast <to = 9> (0)" : "off = CastLike(least, mask)");
      f.run(R"(lacking = Sub(Gather(Shape(k), [2]), Gather(Shape(mask), [-1]))
               mask = Pad(mask, Concat <axis = 0> (pads, lacking), off))");
    }
    add(is_bool ? "part = Where(mask, zero, least)" : "part = CastLike(mask, q)");
  }
  const bool window = a.left >= 0 || a.right >= 0;
  if (a.causal || window) {
    f.run(node.has(4)   ? "first = Gather(Shape(past_key), 2)"
          : node.has(6) ? R"(first = Sub(Cast <to = 7> (lengths), Gather(Shape(q), 2))
                             first = Reshape(first, [-1, 1, 1, 1]))"
                        : "first = 0");
    f.run("back = Sub(Add(Unsqueeze(Range(0, Gather(Shape(q), 2), 1), [1]), first), key)");
    f.set("left", node.reshape(node.constant(std::array{a.left}), {}));
    f.set("right", node.reshape(node.constant(std::array{-a.right}), {}));
    if (a.causal) add("part = Where(GreaterOrEqual(back, 0), zero, least)");
    if (a.left >= 0) add("part = Where(LessOrEqual(back, left), zero, least)");
    if (a.right >= 0) add("part = Where(GreaterOrEqual(back, right), zero, least)");
  }
  if (node.has(6)) {
    f.run("end = Reshape(Cast <to = 7> (lengths), [-1, 1, 1, 1])");
    add("part = Where(Less(key, end), zero, least)");
  }
  return some;
}

}  // namespace

Outputs import_attention(NodeContext& node) {
  constexpr std::string_view names[] = {"q", "k", "v", "mask", "past_key", "past_value", "lengths"};
  Function f(node, names);
  const Attention a = read(node);
  bring_heads_apart(node, a, f);
  if (node.has_attribute("scale")) {
    f.set("scale", std::sqrt(static_cast<double>(node.number("scale", 1))));
  } else {
    f.run("scale = Sqrt(Div(1.0, Sqrt(Cast <to = 1> (Gather(Shape(q), 3)))))");
  }
  f.run(R"(scale = CastLike(scale, q)
           turned = Transpose <perm = [0, 1, 3, 2]> (k)
           scores = MatMul(Mul(q, scale), Mul(turned, scale)))");
  if (a.softcap > 0) {
    f.set("cap", a.softcap);
    f.run(R"(cap = CastLike(cap, q)
             scores = Mul(cap, Tanh(Div(scores, cap))))");
  }
  f.run("shown = scores");
  const bool masked = find_bias(node, a, f);
  if (masked) f.run("scores = Add(scores, bias)");
  if (a.mode == 2) f.run("shown = scores");
  const auto precision = node.integer("softmax_precision", 0);
  f.run(precision == 0
            ? "weights = Softmax <axis = -1> (scores)"
            : fmt::format("weights = Softmax <axis = -1> (Cast <to = {}> (scores))", precision));
  f.run("weights = CastLike(weights, q)");
  if (masked) {  // a query that may see no key has weights of 0
    f.run(R"(none = Equal(ReduceMax(bias, [-1]), least)
             weights = Where(none, zero, weights))");
  }
  if (a.mode == 3) f.run("shown = weights");
  f.run("y = MatMul(weights, v)");
  if (a.flat) f.run("y = Reshape(Transpose <perm = [0, 2, 1, 3]> (y), [0, 0, -1])");
  return {f["y"], f["present_key"], f["present_value"], f["shown"]};
}

}  // namespace tenon::onnx
