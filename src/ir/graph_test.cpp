// The builder, finish() and the rules of verify().
#include <gtest/gtest.h>

#include <functional>

#include "ir/ops.h"
#include "ir/program.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "tenon/error.h"

namespace tenon::ir {
namespace {

// Graphs cannot be broken from outside, so tests of verify() reach in: an explicit instantiation
// may name privates.
std::vector<GraphValue>& values_of(Graph& graph);
std::vector<Node>& nodes_of(Graph& graph);
std::vector<Output>& outputs_of(Graph& graph);
template <std::vector<GraphValue> Graph::*values, std::vector<Node> Graph::*nodes,
          std::vector<Output> Graph::*outputs>
struct Inside {
  friend std::vector<GraphValue>& values_of(Graph& graph) { return graph.*values; }
  friend std::vector<Node>& nodes_of(Graph& graph) { return graph.*nodes; }
  friend std::vector<Output>& outputs_of(Graph& graph) { return graph.*outputs; }
};
template struct Inside<&Graph::values_, &Graph::nodes_, &Graph::outputs_>;

const ValueType image{DType::f32, {Dim::symbol("n"), 3, 8, 8}};
const ValueType filter{DType::f32, {4, 3, 3, 3}};

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const BuildError& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

template <class T>
ConstantBytes bytes_of(std::vector<T> values) {
  const auto bytes = std::as_bytes(std::span(values));
  return std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
}

Op relu() { return Pointwise{Expression::of(Scalar::relu)}; }

TEST(builder, infers_types_as_nodes_are_added) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", image);
  const ValueId y = builder.add(Conv{}, {x, builder.weight("w", filter), absent}, "c");
  // (8 - 3) / 1 + 1 = 6
  EXPECT_EQ(builder.type(y), ValueType(DType::f32, {Dim::symbol("n"), 4, 6, 6}));
  EXPECT_EQ(builder.producer(y)->name, "c");
  EXPECT_EQ(builder.producer(x), nullptr);
}

TEST(builder, names_the_node_that_does_not_fit) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", image);
  const ValueId w = builder.weight("w", {DType::f32, {4, 5, 3, 3}});
  EXPECT_TRUE(error_of([&] { builder.add(Conv{}, {x, w}, "c"); }).starts_with("conv \"c\": "));
  EXPECT_TRUE(error_of([&] { builder.add(Conv{}, {x, w}); }).starts_with("conv of \"x\", \"w\": "));
  EXPECT_EQ(error_of([&] { builder.add(Conv{}, {x}, "c"); }),
            "conv \"c\": has 1 inputs, takes 2 to 7");
  EXPECT_EQ(error_of([&] { builder.add_node(relu(), {x}, 2, "r"); }),
            "pointwise \"r\": has 2 outputs, gives 1 to 1");
  EXPECT_EQ(error_of([&] { builder.add(relu(), {77}, "r"); }),
            "internal: pointwise \"r\": there is no value 77");
}

TEST(builder, leaves_of_one_name_are_one_value) {
  GraphBuilder builder;
  const ValueId w = builder.weight("w", filter);
  EXPECT_EQ(builder.weight("w", filter), w);
  EXPECT_TRUE(contains(error_of([&] {
                         builder.weight("w", {DType::f16, {4, 3, 3, 3}});
                       }),
                       "\"w\""));
  EXPECT_TRUE(contains(error_of([&] { builder.constant("w", filter, nullptr); }), "\"w\""));
  builder.constant("k", {DType::i64, {1}}, bytes_of<int64_t>({1}));
  EXPECT_EQ(error_of([&] {
              builder.constant("k", {DType::i64, {1}}, bytes_of<int64_t>({2}));
            }),
            "constant \"k\" has two different values");
}

TEST(builder, refuses_leaves_whose_size_cannot_be) {
  GraphBuilder builder;
  EXPECT_NE(error_of([&] { builder.weight("w", {DType::f32, {Dim::symbol("n")}}); }), "no error");
  EXPECT_NE(error_of([&] { builder.weight("v", {DType::f32, {-1}}); }), "no error");
  EXPECT_NE(error_of([&] { builder.input("x", {DType::f32, {-1}}); }), "no error");
  EXPECT_EQ(error_of([&] {
              builder.constant("k", {DType::i64, {2}}, bytes_of<int64_t>({1}));
            }),
            "constant \"k\": i64[2] needs 16 bytes, 8 are given");
}

TEST(builder, takes_any_byte_but_0_for_true) {
  GraphBuilder builder;
  const ValueId id = builder.constant("b", {DType::bool_, {3}}, bytes_of<uint8_t>({0, 1, 2}));
  EXPECT_EQ(*builder.value(id).bytes, *bytes_of<uint8_t>({0, 1, 1}));
  EXPECT_EQ(builder.value(id).value.known->integers, (Dims{0, 1, 1}));
  EXPECT_EQ(builder.constant("b", {DType::bool_, {3}}, bytes_of<uint8_t>({0, 255, 7})), id);
}

TEST(builder, reads_the_values_of_small_constants) {
  GraphBuilder builder;
  const auto known = [&](DType dtype, int64_t count, ConstantBytes bytes) {
    const std::string name = std::string(to_string(dtype)) + std::to_string(count);
    return builder.value(builder.constant(name, {dtype, {count}}, std::move(bytes))).value.known;
  };
  EXPECT_EQ(known(DType::i64, 2, bytes_of<int64_t>({-1, INT64_MAX}))->integers,
            (std::vector<Dim>{-1, INT64_MAX}));
  EXPECT_EQ(known(DType::u8, 2, bytes_of<uint8_t>({0, 255}))->integers, (std::vector<Dim>{0, 255}));
  EXPECT_EQ(known(DType::bool_, 2, bytes_of<uint8_t>({1, 0}))->integers, (std::vector<Dim>{1, 0}));
  EXPECT_EQ(known(DType::f32, 1, bytes_of<float>({0.1f}))->floats,
            (std::vector<double>{static_cast<double>(0.1f)}));
  EXPECT_EQ(known(DType::f16, 1, bytes_of<uint16_t>({0x3555}))->floats,
            (std::vector<double>{0.333251953125}));
  EXPECT_EQ(known(DType::bf16, 1, bytes_of<uint16_t>({0x3f80}))->floats, (std::vector<double>{1}));
  EXPECT_EQ(known(DType::u64, 1, bytes_of<uint64_t>({uint64_t{1} << 63})), std::nullopt);
  EXPECT_TRUE(known(DType::i64, 64, bytes_of(std::vector<int64_t>(64))).has_value());
  EXPECT_FALSE(known(DType::i64, 65, bytes_of(std::vector<int64_t>(65))).has_value());
}

TEST(builder, keeps_bytes_of_constants_up_to_a_kibibyte) {
  GraphBuilder builder;
  const auto kept = [&](int64_t count) {
    const auto bytes = bytes_of(std::vector<float>(static_cast<size_t>(count)));
    const ValueId id = builder.constant(std::to_string(count), {DType::f32, {count}}, bytes);
    return builder.value(id).bytes != nullptr;
  };
  EXPECT_TRUE(kept(256));
  EXPECT_FALSE(kept(257));
}

TEST(builder, knows_what_depends_on_leaves_only) {
  GraphBuilder builder;
  const ValueId w = builder.weight("w", {DType::f32, {3}});
  const ValueId x = builder.input("x", {DType::f32, {3}});
  const Op add = Pointwise{Expression::of(Scalar::add)};
  EXPECT_TRUE(builder.only_leaves(w));
  EXPECT_TRUE(builder.only_leaves(builder.add(add, {w, w})));
  EXPECT_FALSE(builder.only_leaves(builder.add(add, {x, w})));
}

TEST(builder, gives_symbols_that_no_value_has) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {DType::i64, {Dim::symbol("k")}});
  EXPECT_EQ(builder.fresh_symbol("k"), "k_2");
  EXPECT_EQ(builder.fresh_symbol("k"), "k_3");
  const ValueId s = builder.input("s", {DType::i64, {}});
  builder.add(Bind{{"m"}}, {s});
  builder.add(Reshape{{Dim::symbol("q") + 1}}, {x});
  EXPECT_EQ(builder.fresh_symbol("m"), "m_2");
  EXPECT_EQ(builder.fresh_symbol("q"), "q_2");
  EXPECT_EQ(builder.fresh_symbol("r"), "r");
}

TEST(builder, sees_the_symbols_that_come_after_a_rewind) {
  GraphBuilder builder;
  const GraphBuilder::Mark start = builder.mark();
  builder.input("x", {DType::i64, {Dim::symbol("k")}});
  builder.input("z", {DType::i64, {}});
  EXPECT_EQ(builder.fresh_symbol("k"), "k_2");
  builder.rewind(start);
  builder.input("y", {DType::i64, {Dim::symbol("m")}});
  EXPECT_EQ(builder.fresh_symbol("m"), "m_2");
}

TEST(builder, infers_with_the_plain_form_of_a_packed_slot_and_takes_layouts_of_outputs) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {DType::f32, {2, 3}});
  const ValueId w = builder.slot("w", {DType::f32, {1, 4, 16}}, ValueType(DType::f32, {3, 4}));
  const Layout turned = Layout::parse("BA", 2);
  const ValueId y = builder.add_node(MatMul{}, {x, w}, 1, "m", std::vector{turned})[0];
  EXPECT_EQ(builder.type(y), ValueType(DType::f32, {2, 4}, turned));
  EXPECT_NE(error_of([&] {
              builder.add_node(MatMul{}, {x, w}, 1, "m", std::vector{Layout::parse("NWC", 3)});
            }).find("the layout does not fit output 0"),
            std::string::npos);
  builder.output("y", y);
  const Graph graph = builder.finish();
  EXPECT_NO_THROW(verify(graph));
  EXPECT_EQ(graph.type(graph.nodes()[0].inputs[1]).text(), "f32[1, 4, 16]");
}

TEST(finish, drops_what_nothing_needs_and_numbers_the_rest_densely) {
  GraphBuilder builder;
  const ValueId dead_weight = builder.weight("dead", {DType::f32, {3}});
  const ValueId late = builder.weight("late", {DType::f32, {3}});
  const ValueId x = builder.input("x", {DType::f32, {3}});
  const ValueId unused = builder.input("unused", {DType::f32, {3}});
  const ValueId early = builder.weight("early", {DType::f32, {3}});
  const Op add = Pointwise{Expression::of(Scalar::add)};
  const ValueId first = builder.add(add, {x, early});
  builder.add(add, {dead_weight, unused});
  builder.output("y", builder.add(add, {first, late}));
  EXPECT_EQ(print(builder.finish()),
            "graph (x: f32[3], unused: f32[3]) {\n"
            "  %1 = pointwise(%x, \"early\": f32[3]) {add(a, b)} : f32[3]\n"
            "  %2 = pointwise(%1, \"late\": f32[3]) {add(a, b)} : f32[3]\n"
            "} -> (y = %2)\n");
}

TEST(finish, keeps_each_constraint_of_a_live_node_once) {
  GraphBuilder builder;
  const ValueId a = builder.input("a", {DType::f32, {Dim::symbol("n")}});
  const ValueId b = builder.input("b", {DType::f32, {Dim::symbol("m")}});
  const ValueId c = builder.input("c", {DType::f32, {Dim::symbol("k")}});
  const Op add = Pointwise{Expression::of(Scalar::add)};
  builder.add(add, {a, c}, "dead");
  builder.output("y", builder.add(add, {a, b}, "first"));
  builder.output("z", builder.add(add, {a, b}, "second"));
  const Graph graph = builder.finish();
  int broadcasts = 0;
  for (const Constraint& constraint : graph.constraints()) {
    EXPECT_FALSE(contains(constraint.reason, "dead"));
    if (constraint.kind != Constraint::Kind::broadcast) continue;
    ++broadcasts;
    EXPECT_EQ(constraint.left, Dim::symbol("n"));
    EXPECT_EQ(constraint.right, Dim::symbol("m"));
    EXPECT_TRUE(constraint.reason.starts_with("pointwise \"first\": ")) << constraint.reason;
  }
  EXPECT_EQ(broadcasts, 1);
}

TEST(finish, refuses_two_outputs_or_inputs_of_one_name) {
  GraphBuilder outputs;
  const ValueId x = outputs.input("x", {DType::f32, {3}});
  outputs.output("y", x);
  outputs.output("y", x);
  EXPECT_TRUE(contains(error_of([&] { outputs.finish(); }), "two outputs are named \"y\""));
  GraphBuilder inputs;
  inputs.input("x", {DType::f32, {3}});
  inputs.input("x", {DType::f32, {3}});
  EXPECT_TRUE(contains(error_of([&] { inputs.finish(); }), "two inputs are named \"x\""));
}

TEST(graph, counts_uses_by_nodes_and_outputs) {
  const Graph graph = parse(
      "graph (x: f32[3], unused: f32[3]) { %1 = pointwise(%x, %x) {add(a, b)} } "
      "-> (y = %1, z = %1)");
  EXPECT_EQ(graph.use_counts(), (std::vector<int>{2, 0, 2}));
}

Graph legal() {
  return parse(
      "graph (x: f32[n, 3, 8, 8]) {\n"
      "  %1 = conv(%x, \"w\": f32[4, 3, 3, 3])\n"
      "  %2 = pointwise(%1, const \"k\": f32[1] = [2]) {mul(a, b)}\n"
      "} -> (y = %2)\n");
}

// What verify() says of the legal graph after `damage`.
std::string verdict(const std::function<void(Graph&)>& damage) {
  Graph graph = legal();
  damage(graph);
  return error_of([&] { verify(graph); });
}

TEST(verify, accepts_the_legal_graph) {
  EXPECT_EQ(verdict([](Graph&) {}), "no error");
}

TEST(verify, names_the_broken_rule) {
  // Values are 0 x, 1 w, 2 k, 3 and 4 the nodes' outputs.
  const auto said = [](const char* sentence, const std::function<void(Graph&)>& damage) {
    const std::string verdict_text = verdict(damage);
    EXPECT_TRUE(verdict_text.starts_with("internal: ")) << verdict_text;
    EXPECT_TRUE(contains(verdict_text, sentence)) << verdict_text;
  };
  said("used before it is defined", [](Graph& g) { std::swap(nodes_of(g)[0], nodes_of(g)[1]); });
  said("used before it is defined", [](Graph& g) { nodes_of(g)[0].inputs[0] = 99; });
  said("has 1 inputs", [](Graph& g) { nodes_of(g)[0].inputs.pop_back(); });
  said("infer() says", [](Graph& g) { values_of(g)[3].value.type.dtype = DType::f16; });
  said("infer() says", [](Graph& g) { (*values_of(g)[4].value.type.dims)[1] = 5; });
  said("names another producer", [](Graph& g) { values_of(g)[3].node = 1; });
  said("two leaves are named", [](Graph& g) { values_of(g)[2].name = std::string("w"); });
  said("has 4 bytes", [](Graph& g) { values_of(g)[2].value.type.dims = Dims{2}; });
  said("is no constant", [](Graph& g) { values_of(g)[2].origin = Origin::weight; });
  said("not static", [](Graph& g) { (*values_of(g)[1].value.type.dims)[0] = Dim::symbol("n"); });
  said("has a producer", [](Graph& g) { values_of(g)[1].node = 0; });
  said("are listed", [](Graph& g) { values_of(g)[1].origin = Origin::input; });
  said("is of no node", [](Graph& g) {
    nodes_of(g).pop_back();
    outputs_of(g)[0].value = 3;
  });
  said("output \"y\" has no value", [](Graph& g) { outputs_of(g)[0].value = absent; });
  said("two outputs are named", [](Graph& g) { outputs_of(g).push_back(outputs_of(g)[0]); });
}

TEST(verify, wants_symbols_bound_before_they_are_used) {
  Graph late = parse(
      "graph (x: f32[n], s: i64[1]) {\n"
      "  %1 = bind(%s) {symbols = [k]}\n"
      "  %2 = reshape(%x) {dims = [k]} # \"r\"\n"
      "} -> (y = %2)");
  EXPECT_NO_THROW(verify(late));
  std::swap(nodes_of(late)[0], nodes_of(late)[1]);
  for (const ValueId id : {2, 3}) values_of(late)[static_cast<size_t>(id)].node ^= 1;
  EXPECT_EQ(error_of([&] { verify(late); }),
            "internal: reshape \"r\": symbol k is used before it is bound");
  const Graph twice =
      parse("graph (x: f32[k], s: i64[1]) { %1 = bind(%s) {symbols = [k]} } -> (y = %1)");
  EXPECT_EQ(error_of([&] { verify(twice); }),
            "internal: input \"x\" has symbol k, which a node binds");
}

TEST(verify, lets_only_slots_be_packed_and_layouts_fit) {
  const auto said = [](std::string_view sentence, auto&& damage) {
    Graph graph = parse("graph (x: f32[2, 3]) { %1 = pointwise(%x) {exp(a)} } -> (y = %1)");
    damage(values_of(graph));
    EXPECT_NE(error_of([&] { verify(graph); }).find(sentence), std::string::npos) << sentence;
  };
  said("is packed and no slot", [](auto& values) { values[1].plain = values[1].value; });
  said("a layout that does not fit",
       [](auto& values) { values[1].value.type.layout = Layout::parse("NWC", 3); });
}

Program legal_program() {
  Program program;
  program.main = parse("graph (x: f32[n, 3]) { %1 = matmul(%x, @\"s\": f32[3, 4]) } -> (y = %1)");
  program.weights = parse(
      "graph () { %1 = pointwise(\"w\": f32[3, 4], const \"#0\": f32[] = [2]) {mul(a, b)} }"
      " -> (s = %1)");
  program.leaves = {{.name = "w", .type = {DType::f32, {3, 4}}}};
  program.guards = {{.weight = "w", .pass = "gelu", .bytes = std::vector<std::byte>(48)}};
  return program;
}

std::string program_verdict(const std::function<void(Program&)>& damage) {
  Program program = legal_program();
  damage(program);
  return error_of([&] { verify(program); });
}

TEST(verify, accepts_the_legal_program) {
  EXPECT_EQ(program_verdict([](Program&) {}), "no error");
}

TEST(verify, names_what_does_not_fit_in_a_program) {
  const auto said = [](const char* sentence, const std::function<void(Program&)>& damage) {
    const std::string verdict_text = program_verdict(damage);
    EXPECT_TRUE(verdict_text.starts_with("internal: ")) << verdict_text;
    EXPECT_TRUE(contains(verdict_text, sentence)) << verdict_text;
  };
  said("leaf \"w\" is not in the table", [](Program& p) {
    p.leaves.clear();
    p.guards.clear();
  });
  said("refittable in the graph or the table only", [](Program& p) {
    p.leaves[0].refittable = false;
    p.leaves[0].reason = "it is an index";
  });
  said("has a reason", [](Program& p) { p.leaves[0].reason = "it is an index"; });
  said("f32[4, 3] in the table", [](Program& p) { p.leaves[0].type.dims = Dims{4, 3}; });
  said("two leaves are named", [](Program& p) { p.leaves.push_back(p.leaves[0]); });
  said("guard of \"v\"", [](Program& p) { p.guards[0].weight = std::string("v"); });
  said("guard of \"w\" has 47 bytes", [](Program& p) { p.guards[0].bytes.pop_back(); });
  said("main graph has leaf \"w\"", [](Program& p) { p.main = p.weights; });
  said("is slot \"s\"", [](Program& p) { outputs_of(p.weights)[0].name = std::string("t"); });
  said("has no slot \"s\"", [](Program& p) { p.main = parse("graph () {} -> ()"); });
  said("weights graph has inputs",
       [](Program& p) { p.weights = parse("graph (x: f32[3]) {} -> ()"); });
  said("only plain layouts", [](Program& p) {
    p.main = parse("graph (x: f32[1, 3]{AB8b}) { %1 = matmul(%x, @\"s\": f32[3, 4]) } -> (y = %x)");
  });
  said("only plain layouts", [](Program& p) {
    p.main = parse("graph () { %1 = reorder(@\"s\": f32[3, 4]) {layout = AB8b} } -> (y = %1)");
  });
  said("is computed", [](Program& p) { p.main = parse("graph () {} -> (y = @\"s\": f32[3, 5])"); });
}

}  // namespace
}  // namespace tenon::ir
