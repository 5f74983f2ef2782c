// Rebuilding graphs: what a rewrite sees, and what is kept.
#include "ir/rewrite.h"

#include <gtest/gtest.h>

#include "ir/ops.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "tenon/error.h"

namespace tenon::ir {
namespace {

const Expression relu = Expression::of(Scalar::relu);

bool is_relu(const Node& node) {
  const Pointwise* pointwise = node.as<Pointwise>();
  return pointwise && pointwise->expression == relu;
}

// conv -> relu  becomes  conv with a relu epilogue.
std::optional<ValueId> fuse_relu(GraphBuilder& out, const Node& node) {
  if (!is_relu(node)) return std::nullopt;
  const Node* producer = out.producer(node.inputs[0]);
  const Conv* conv = producer ? producer->as<Conv>() : nullptr;
  if (!conv || !out.single_use(node.inputs[0])) return std::nullopt;
  Conv fused = *conv;
  fused.epilogue = relu;
  return out.add(fused, producer->inputs);
}

// relu(x) becomes x.
std::optional<ValueId> drop_relu(GraphBuilder&, const Node& node) {
  return is_relu(node) ? std::optional(node.inputs[0]) : std::nullopt;
}

std::string rewritten(std::string_view text, const Rewrite& rule) {
  const Graph result = rewrite(parse(text), rule);
  verify(result);
  return print(result);
}

constexpr std::string_view chain =
    "graph (x: f32[n, 3, 8, 8]) {\n"
    "  %1 = conv(%x, \"w\": f32[4, 3, 3, 3]) : f32[n, 4, 6, 6] # \"c\"\n"
    "  %2 = pointwise(%1) {relu(a)} : f32[n, 4, 6, 6] # \"r\"\n"
    "} -> (y = %2)\n";

TEST(rewrite, that_keeps_every_node_changes_nothing) {
  EXPECT_EQ(rewritten(chain, [](GraphBuilder&, const Node&) { return std::nullopt; }), chain);
}

TEST(rewrite, replaces_a_node_and_drops_what_it_alone_used) {
  EXPECT_EQ(
      rewritten(chain, fuse_relu),
      "graph (x: f32[n, 3, 8, 8]) {\n"
      "  %1 = conv(%x, \"w\": f32[4, 3, 3, 3]) {epilogue = relu(a)} : f32[n, 4, 6, 6] # \"r\"\n"
      "} -> (y = %1)\n");
}

TEST(rewrite, sees_the_results_of_earlier_replacements) {
  // Two relus: the first makes a fused conv, whose only use is the second.
  const std::string text = rewritten(
      "graph (x: f32[1, 3, 8, 8]) {\n"
      "  %1 = conv(%x, \"w\": f32[4, 3, 3, 3])\n"
      "  %2 = pointwise(%1) {relu(a)}\n"
      "  %3 = pointwise(%2) {relu(a)}\n"
      "} -> (y = %3)\n",
      fuse_relu);
  EXPECT_EQ(text.find("pointwise"), std::string::npos) << text;
}

TEST(rewrite, single_use_counts_every_use_in_the_source_outputs_included) {
  const std::string_view two_uses =
      "graph (x: f32[1, 3, 8, 8]) {\n"
      "  %1 = conv(%x, \"w\": f32[4, 3, 3, 3]) : f32[1, 4, 6, 6]\n"
      "  %2 = pointwise(%1) {relu(a)} : f32[1, 4, 6, 6]\n"
      "  %3 = pointwise(%1) {exp(a)} : f32[1, 4, 6, 6]\n"
      "} -> (y = %2, z = %3)\n";
  EXPECT_EQ(rewritten(two_uses, fuse_relu), two_uses);
  const std::string_view also_an_output =
      "graph (x: f32[1, 3, 8, 8]) {\n"
      "  %1 = conv(%x, \"w\": f32[4, 3, 3, 3]) : f32[1, 4, 6, 6]\n"
      "  %2 = pointwise(%1) {relu(a)} : f32[1, 4, 6, 6]\n"
      "} -> (y = %2, z = %1)\n";
  EXPECT_EQ(rewritten(also_an_output, fuse_relu), also_an_output);
}

TEST(rewrite, single_use_sums_over_values_that_became_one) {
  std::vector<bool> single;
  rewrite(parse("graph (x: f32[3]) {\n"
                "  %1 = pointwise(%x) {exp(a)}\n"
                "  %2 = pointwise(%1) {relu(a)}\n"
                "  %3 = pointwise(%2) {neg(a)}\n"
                "} -> (y = %3)\n"),
          [&](GraphBuilder& out, const Node& node) {
            single.push_back(out.single_use(node.inputs[0]));
            return drop_relu(out, node);
          });
  // neg reads exp's value, used by relu in the source, and by neg through relu.
  EXPECT_EQ(single, (std::vector<bool>{true, true, false}));
}

TEST(rewrite, may_replace_a_node_by_an_input_and_keeps_inputs_and_outputs_in_order) {
  EXPECT_EQ(rewritten("graph (b: f32[3], a: f32[3]) { %1 = pointwise(%a) {relu(a)} }"
                      " -> (z = %1, y = %1)",
                      drop_relu),
            "graph (b: f32[3], a: f32[3]) {\n} -> (z = %a, y = %a)\n");
}

constexpr std::string_view two_outputs =
    "graph (x: f32[1, 1, 4, 4], i: i64[1, 1, 3, 3]) {\n"
    "  %1, %2 = max_pool(%x) {kernel = [2, 2]}\n"
    "} -> (";

// max_pool(x) becomes average_pool(x), and its indices i.
Replacement average(GraphBuilder& out, const Node& node) {
  return std::vector{out.add(AveragePool{.kernel = {2, 2}}, {node.inputs[0]}), ValueId{1}};
}

TEST(rewrite, replaces_every_output_of_a_node) {
  EXPECT_EQ(rewritten(std::string(two_outputs) + "y = %1, z = %2)", average),
            "graph (x: f32[1, 1, 4, 4], i: i64[1, 1, 3, 3]) {\n"
            "  %1 = average_pool(%x) {kernel = [2, 2]} : f32[1, 1, 3, 3]\n"
            "} -> (y = %1, z = %i)\n");
}

TEST(rewrite, gives_every_used_output_a_value) {
  const auto first_only = [](GraphBuilder& out, const Node& node) -> Replacement {
    return std::vector{average(out, node).values[0], absent};
  };
  const auto one = [](GraphBuilder& out, const Node& node) -> Replacement {
    return average(out, node).values[0];
  };
  EXPECT_NO_THROW(rewritten(std::string(two_outputs) + "y = %1)", first_only));
  EXPECT_THROW(rewritten(std::string(two_outputs) + "z = %2)", first_only), BuildError);
  EXPECT_THROW(rewritten(std::string(two_outputs) + "y = %1)", one), BuildError);
}

constexpr std::string_view needs_equal_channels =
    "graph (x: f32[n, c, 8, 8], s: f32[d]) {\n"
    "  %1 = batch_norm(%x, %s, %s, %s, %s) : f32[n, c, 8, 8]\n"
    "} -> (y = %1)\n";

// batch_norm(x) becomes x.
std::optional<ValueId> drop_norm(GraphBuilder&, const Node& node) { return node.inputs[0]; }

TEST(rewrite, keeps_the_constraints_of_nodes_that_go) {
  const Graph before = parse(needs_equal_channels);
  const Graph after = rewrite(before, drop_norm);
  EXPECT_TRUE(before.requirements().empty());
  EXPECT_EQ(after.constraints(), before.constraints());
  EXPECT_EQ(after.requirements().size(), after.constraints().size());
  EXPECT_EQ(rewrite(after, drop_norm).constraints(), before.constraints());
  EXPECT_EQ(parse(print(after)).constraints(), before.constraints());
}

TEST(rewrite, drops_constraints_that_known_extents_prove) {
  const Graph after = rewrite(parse(needs_equal_channels), drop_norm);
  EXPECT_TRUE(substitute(after, {{"c", Dim(3)}, {"d", Dim(3)}}).constraints().empty());
  EXPECT_THROW(substitute(after, {{"c", Dim(4)}, {"d", Dim(3)}}), Error);
}

TEST(rewrite, keeps_the_models_names_of_values) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {DType::f32, {1, 3, 8, 8}});
  const ValueId c = builder.add(Conv{}, {x, builder.weight("w", {DType::f32, {4, 3, 3, 3}})});
  const ValueId r = builder.add(Pointwise{relu}, {c});
  builder.name_value(r, "relu_out");
  builder.output("y", r);
  const Graph result = rewrite(builder.finish(), fuse_relu);
  EXPECT_EQ(result.value(result.outputs()[0].value).name, "relu_out");
}

TEST(rewrite, that_changes_the_dtype_is_an_internal_error) {
  const auto to_f16 = [](GraphBuilder& out, const Node& node) -> std::optional<ValueId> {
    return out.add(Cast{DType::f16}, {node.inputs[0]});
  };
  EXPECT_THROW(rewrite(parse(chain), to_f16), BuildError);
}

TEST(rewrite, gives_unnamed_constants_names_of_their_own) {
  const std::string text = rewritten(
      "graph (x: f32[3]) {\n"
      "  %1 = pointwise(%x) {relu(a)}\n"
      "  %2 = pointwise(%1, const \"#0\": f32[] = [7]) {mul(a, b)}\n"
      "} -> (y = %2)\n",
      [](GraphBuilder& out, const Node& node) -> std::optional<ValueId> {
        if (!is_relu(node)) return std::nullopt;
        const float zero = 0;
        const ValueId constant = out.constant(DType::f32, {}, std::as_bytes(std::span(&zero, 1)));
        return out.add(Pointwise{Expression::of(Scalar::max)}, {node.inputs[0], constant});
      });
  EXPECT_EQ(text,
            "graph (x: f32[3]) {\n"
            "  %1 = pointwise(%x, const \"#1\": f32[] = [0]) {max(a, b)} : f32[3]\n"
            "  %2 = pointwise(%1, const \"#0\": f32[] = [7]) {mul(a, b)} : f32[3]\n"
            "} -> (y = %2)\n");
}

TEST(substitute, replaces_symbols_in_inputs_ops_and_types) {
  const Graph graph = parse(
      "graph (x: f32[n, 2, m]) {\n"
      "  %1 = reshape(%x) {dims = [n, 2*m]}\n"
      "} -> (y = %1)\n");
  EXPECT_EQ(print(substitute(graph, {{"n", 5}, {"m", Dim::symbol("k") + 1}})),
            "graph (x: f32[5, 2, k + 1]) {\n"
            "  %1 = reshape(%x) {dims = [5, 2*k + 2]} : f32[5, 2*k + 2]\n"
            "} -> (y = %1)\n");
}

TEST(substitute, finds_what_no_longer_fits) {
  const Graph graph =
      parse("graph (a: f32[n], b: f32[3]) { %1 = pointwise(%a, %b) {add(a, b)} } -> (y = %1)");
  EXPECT_NO_THROW(substitute(graph, {{"n", 3}}));
  EXPECT_THROW(substitute(graph, {{"n", 4}}), BuildError);
}

TEST(splice, joins_leaves_by_name_and_keeps_unnamed_constants_apart) {
  const Graph scale = parse(
      "graph (x: f32[3]) {\n"
      "  %1 = pointwise(%x, \"w\": f32[3]) {mul(a, b)}\n"
      "  %2 = pointwise(%1, const \"#0\": f32[] = [2]) {add(a, b)}\n"
      "} -> (y = %2)\n");
  const Graph shift = parse(
      "graph (x: f32[3]) {\n"
      "  %1 = pointwise(%x, \"w\": f32[3], const \"#0\": f32[] = [5]) {add(add(a, b), c)}\n"
      "} -> (y = %1)\n");
  GraphBuilder out;
  const ValueId x = out.input("x", {DType::f32, {3}});
  const ValueId scaled = splice(out, scale, std::vector{x})[0];
  out.output("y", splice(out, shift, std::vector{scaled})[0]);
  const Graph joined = out.finish();
  verify(joined);
  EXPECT_EQ(print(joined),
            "graph (x: f32[3]) {\n"
            "  %1 = pointwise(%x, \"w\": f32[3]) {mul(a, b)} : f32[3]\n"
            "  %2 = pointwise(%1, const \"#0\": f32[] = [2]) {add(a, b)} : f32[3]\n"
            "  %3 = pointwise(%2, \"w\", const \"#1\": f32[] = [5]) {add(add(a, b), c)} : f32[3]\n"
            "} -> (y = %3)\n");
}

constexpr std::string_view bound =
    "graph (x: f32[n], s: i64[1]) {\n"
    "  %1 = bind(%s) {symbols = [k]} : i64[1]\n"
    "  %2 = reshape(%x) {dims = [k]} : f32[k]\n"
    "} -> (y = %2)\n";

TEST(rewrite, keeps_a_binding_whose_symbols_alone_are_used) {
  EXPECT_EQ(rewritten(bound, [](GraphBuilder&, const Node&) { return std::nullopt; }), bound);
}

TEST(rewrite, keeps_a_binding_that_a_requirement_asks_about) {
  EXPECT_EQ(rewritten(bound, [](GraphBuilder&, const Node& node) { return node.inputs[0]; }),
            "graph (x: f32[n], s: i64[1]) {\n"
            "  %1 = bind(%s) {symbols = [k]} : i64[1]\n"
            "  require n == k # \"reshape of \\\"x\\\": elements before and after\"\n"
            "} -> (y = %x)\n");
}

TEST(rewrite, drops_a_binding_that_nothing_needs) {
  EXPECT_EQ(print(parse("graph (s: i64[1]) { %1 = bind(%s) {symbols = [k]} } -> (y = %s)")),
            "graph (s: i64[1]) {\n} -> (y = %s)\n");
}

TEST(substitute, renames_bound_symbols_and_leaves_those_of_known_value) {
  const Graph renamed = substitute(parse(bound), {{"k", Dim::symbol("m")}});
  verify(renamed);
  EXPECT_EQ(print(renamed),
            "graph (x: f32[n], s: i64[1]) {\n"
            "  %1 = bind(%s) {symbols = [m]} : i64[1]\n"
            "  %2 = reshape(%x) {dims = [m]} : f32[m]\n"
            "} -> (y = %2)\n");
  EXPECT_EQ(print(substitute(parse(bound), {{"k", 7}})),
            "graph (x: f32[n], s: i64[1]) {\n"
            "  %1 = reshape(%x) {dims = [7]} : f32[7]\n"
            "} -> (y = %1)\n");
}

TEST(splice, gives_bound_symbols_names_that_are_free) {
  GraphBuilder out;
  const ValueId x = out.input("x", {DType::f32, {Dim::symbol("n")}});
  const ValueId s = out.input("s", {DType::i64, {1}});
  for (const char* name : {"y", "z"}) {
    out.output(name, splice(out, parse(bound), std::vector{x, s})[0]);
  }
  const Graph joined = out.finish();
  verify(joined);
  EXPECT_EQ(print(joined),
            "graph (x: f32[n], s: i64[1]) {\n"
            "  %1 = bind(%s) {symbols = [k]} : i64[1]\n"
            "  %2 = reshape(%x) {dims = [k]} : f32[k]\n"
            "  %3 = bind(%s) {symbols = [k_2]} : i64[1]\n"
            "  %4 = reshape(%x) {dims = [k_2]} : f32[k_2]\n"
            "} -> (y = %2, z = %4)\n");
}

constexpr std::string_view with_body =
    "graph (c: bool[], x: f32[n, 3]) {\n"
    "  %1 = if(%c, %x) {then_body = graph (a: f32[n, 3]) {\n"
    "    %1 = pointwise(%a) {relu(a)} : f32[n, 3]\n"
    "    %2 = pointwise(%1, const \"#0\": f32[] = [2]) {mul(a, b)} : f32[n, 3]\n"
    "  } -> (b = %2), else_body = graph (a: f32[n, 3]) {\n"
    "  } -> (b = %a), symbols = [\"\", \"\"]} : f32[n, 3]\n"
    "  %2 = pointwise(%1) {relu(a)} : f32[n, 3]\n"
    "} -> (y = %2)\n";

TEST(rewrite, that_keeps_every_node_changes_no_body) {
  EXPECT_EQ(rewritten(with_body, [](GraphBuilder&, const Node&) { return std::nullopt; }),
            with_body);
}

TEST(rewrite, is_offered_the_nodes_of_bodies_and_names_their_constants_apart) {
  EXPECT_EQ(
      rewritten(
          with_body,
          [](GraphBuilder& out, const Node& node) -> std::optional<ValueId> {
            if (!is_relu(node)) return std::nullopt;
            const float zero = 0;
            const ValueId constant =
                out.constant(DType::f32, {}, std::as_bytes(std::span(&zero, 1)));
            return out.add(Pointwise{Expression::of(Scalar::max)}, {node.inputs[0], constant});
          }),
      "graph (c: bool[], x: f32[n, 3]) {\n"
      "  %1 = if(%c, %x) {then_body = graph (a: f32[n, 3]) {\n"
      "    %1 = pointwise(%a, const \"#1\": f32[] = [0]) {max(a, b)} : f32[n, 3]\n"
      "    %2 = pointwise(%1, const \"#0\": f32[] = [2]) {mul(a, b)} : f32[n, 3]\n"
      "  } -> (b = %2), else_body = graph (a: f32[n, 3]) {\n"
      "  } -> (b = %a), symbols = [\"\", \"\"]} : f32[n, 3]\n"
      "  %2 = pointwise(%1, const \"#2\": f32[] = [0]) {max(a, b)} : f32[n, 3]\n"
      "} -> (y = %2)\n");
}

TEST(rewrite, begins_each_body_with_a_fresh_copy) {
  const auto second_relu = [seen = 0](GraphBuilder&,
                                      const Node& node) mutable -> std::optional<ValueId> {
    return is_relu(node) && ++seen == 2 ? std::optional(node.inputs[0]) : std::nullopt;
  };
  EXPECT_EQ(rewritten(with_body, second_relu), with_body);
}

TEST(substitute, replaces_symbols_in_bodies) {
  const Graph graph = substitute(parse(with_body), {{"n", 5}});
  verify(graph);
  EXPECT_TRUE(graph.symbols().empty());
}

constexpr std::string_view growing =
    "graph (m: i64[], x: f32[n]) {\n"
    "  %1 = loop(%m, _, %x, %x) {body = graph (i: i64[], go: bool[], h: f32[t], r: f32[n]) {\n"
    "    %1 = concat(%h, %r) : f32[n + t]\n"
    "  } -> (g = %go, h = %1), carried = 1, changing = [t], symbols = [k]} : f32[k]\n"
    "} -> (y = %1)\n";

TEST(splice, gives_symbols_of_bodies_names_that_are_free) {
  GraphBuilder out;
  const ValueId m = out.input("m", {DType::i64, {}});
  const ValueId x = out.input("x", {DType::f32, {Dim::symbol("n")}});
  for (const char* name : {"y", "z"}) {
    out.output(name, splice(out, parse(growing), std::vector{m, x})[0]);
  }
  const Graph joined = out.finish();
  verify(joined);
  const std::string text = print(joined);
  EXPECT_NE(text.find("h: f32[t_2], r: f32[n]"), std::string::npos) << text;
  EXPECT_NE(text.find("changing = [t_2], symbols = [k_2]} : f32[k_2]"), std::string::npos) << text;
}

TEST(rewrite, keeps_a_loop_whose_symbols_alone_change) {
  EXPECT_EQ(rewritten(growing, [](GraphBuilder&, const Node&) { return std::nullopt; }), growing);
}

TEST(splice, refuses_another_number_of_inputs) {
  GraphBuilder out;
  EXPECT_THROW(splice(out, parse("graph (x: f32[3]) {} -> (y = %x)"), {}), BuildError);
}

}  // namespace
}  // namespace tenon::ir
