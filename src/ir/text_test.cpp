// The text form: round trips, odd names and numbers, and mistakes with their places.
#include "ir/text.h"

#include <gtest/gtest.h>

#include "ir/ops.h"
#include "ir/verify.h"
#include "tenon/error.h"

namespace tenon::ir {
namespace {

constexpr std::string_view example =
    "graph (x: f32[n, 3, 224, 224]) {\n"
    "  %1 = conv(%x, \"c.weight\": f32[64, 3, 7, 7], _) {strides = [2, 2]} : f32[n, 64, 109, 109] "
    "# \"c\"\n"
    "  %2 = pointwise(%1) {max(a, 0)} : f32[n, 64, 109, 109]\n"
    "} -> (y = %2)\n";

// What the text prints as after parsing; the result is verified, and stable.
std::string printed(std::string_view text) {
  const Graph graph = parse(text);
  verify(graph);
  const std::string once = print(graph);
  EXPECT_EQ(print(parse(once)), once);
  return once;
}

std::string error_of(std::string_view text) {
  try {
    parse(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// A graph that holds one constant, and the text of its elements as it is printed.
std::string elements(std::string_view type, std::string_view elements) {
  const std::string start = "graph () {\n} -> (y = const \"k\": " + std::string(type) + " = ";
  const std::string text = printed(start + std::string(elements) + ")\n");
  EXPECT_TRUE(text.starts_with(start));
  return text.substr(start.size(), text.size() - start.size() - 2);
}

TEST(text, of_the_documentation_prints_as_it_stands) { EXPECT_EQ(printed(example), example); }

TEST(text, infers_the_types_that_are_left_out) {
  EXPECT_EQ(printed("graph(x:f32[n,3,224,224]){%a=conv(%x,\"c.weight\":f32[64,3,7,7],_)"
                    "{strides=[2,2]}#\"c\" %b=pointwise(%a){max(a,0)}}->(y=%b)"),
            example);
}

TEST(text, holds_requirements) {
  const std::string_view text =
      "graph (x: f32[n, m]) {\n"
      "  require n == 3 # \"conv \\\"c\\\": channels\"\n"
      "  require m + floor_div(n, 2) ~ max(m, n) # \"b\"\n"
      "  require -m + n >= 1 # \"c\"\n"
      "} -> (y = %x)\n";
  EXPECT_EQ(printed(text), text);
  EXPECT_EQ(printed("graph (x: f32[n]) { require n >= 0 # \"proved\" } -> (y = %x)"),
            "graph (x: f32[n]) {\n} -> (y = %x)\n");
  EXPECT_NE(error_of("graph (x: f32[n]) { require n < 3 # \"r\" } -> (y = %x)"), "no error");
  EXPECT_NE(error_of("graph (x: f32[n]) { require 2 == 3 # \"r\" } -> (y = %x)"), "no error");
}

TEST(text, prints_every_kind_of_operand_output_and_field) {
  const std::string_view text =
      "graph (x: f32[2*n, 3, 8, 8], mask: bool[8]) {\n"
      "  %1, %2 = max_pool(%x) {kernel = [2, 2], auto_pad = same_upper, ceil_mode = true} : "
      "f32[2*n, 3, 8, 8], i64[2*n, 3, 8, 8] # \"pool\"\n"
      "  %3 = batch_norm(%1, @\"s\": f32[3], \"b\": f32[3], \"b\", @\"s\") {epsilon = 0.001} : "
      "f32[2*n, 3, 8, 8]\n"
      "  %4 = reshape(%3) {dims = [n, 384]} : f32[n, 384]\n"
      "  %5 = reduce(%4) {kind = log_sum_exp, axes = [1], keep_dims = false} : f32[n]\n"
      "  %6 = cast(%5) {to = bf16} : bf16[n]\n"
      "} -> (y = %6, indices = %2, mask = %mask, \"a b\" = const \"big\": f32[1000])\n";
  EXPECT_EQ(printed(text), text);
}

TEST(text, keeps_names_that_are_no_words) {
  GraphBuilder builder;
  const std::string long_name(5000, 'x');
  const std::vector<std::string> names = {"1",        "a/b:0",    "",  "q\"\\\n\x01",
                                          "\xc3\xbc", "\xff\xfe", "_", "graph",
                                          "const",    "9a",       "%", long_name};
  for (const std::string& name : names) {
    const ValueId x = builder.input(name, {DType::f32, {3}});
    const ValueId w = builder.weight(name, {DType::f32, {3}});
    builder.output(name, builder.add(Pointwise{Expression::of(Scalar::add)}, {x, w}, name));
  }
  const Graph graph = parse(print(builder.finish()));
  ASSERT_EQ(graph.inputs().size(), names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(graph.value(graph.inputs()[i]).name, names[i]);
    EXPECT_EQ(graph.value(graph.nodes()[i].inputs[1]).name, names[i]);
    EXPECT_EQ(graph.nodes()[i].name, names[i]);
    EXPECT_EQ(graph.outputs()[i].name, names[i]);
  }
}

TEST(text, tells_an_input_named_1_from_the_first_result) {
  EXPECT_EQ(
      printed(
          "graph (\"1\": f32[3]) {\n  %1 = pointwise(%\"1\") {exp(a)} : f32[3]\n} -> (y = %1)\n"),
      "graph (\"1\": f32[3]) {\n  %1 = pointwise(%\"1\") {exp(a)} : f32[3]\n} -> (y = %1)\n");
}

TEST(text, of_elements_reads_back_to_the_same_bits) {
  EXPECT_EQ(elements("i64[2]", "[1, 256]"), "[1, 256]");
  EXPECT_EQ(elements("i64[2]", "[-9223372036854775808, 9223372036854775807]"),
            "[-9223372036854775808, 9223372036854775807]");
  EXPECT_EQ(elements("u64[]", "[18446744073709551615]"), "[18446744073709551615]");
  EXPECT_EQ(elements("bool[2]", "[true, false]"), "[true, false]");
  EXPECT_EQ(elements("f32[0]", "[]"), "[]");
  // The shortest decimals of the nearest float and of the least subnormal.
  EXPECT_EQ(elements("f32[3]", "[0.100000001490116, 1.4e-45, -0.0]"), "[0.1, 1e-45, -0]");
  EXPECT_EQ(elements("f64[1]", "[0.1000000000000000055]"), "[0.1]");
  EXPECT_EQ(elements("f32[5]", "[nan, inf, -inf, bits(0x7fc00001), bits(0xffc00000)]"),
            "[nan, inf, -inf, bits(0x7fc00001), bits(0xffc00000)]");
  EXPECT_EQ(elements("f16[3]", "[65504, bits(0x7c01), bits(0x7e00)]"),
            "[65504, bits(0x7c01), nan]");
  EXPECT_EQ(elements("bf16[1]", "[bits(0x7fc1)]"), "[bits(0x7fc1)]");
}

// An address that a file gives would be read.
TEST(text, makes_no_strings_of_other_bytes) {
  const std::string start = "graph (x: i64[2], c: bool[2], s: string[2]) {\n  %1 = ";
  const auto refused = [&](const std::string& node, std::string_view why) {
    const std::string error = error_of(start + node + "\n} -> (y = %1)");
    EXPECT_NE(error.find(why), std::string::npos) << error;
  };
  refused("bit_cast(%x) {dtype = string} : string[2]", "strings have no other form");
  refused("cast(%x) {to = string} : string[2]", "strings have no other form");
  refused("cast(%s) {to = i64} : i64[2]", "strings have no other form");
  refused("reshape(\"w\": string[2]) {dims = [2]} : string[2]", "texts have no bytes");
  refused("pointwise(%c, %s) {where(a, b, 5)} : string[2]", "is not a value of string");
  refused("pointwise(%s, %s) {equal(a, b)} : bool[2]", "does not take string");
  refused("softmax(%s) : string[2]", "not defined for string");
}

TEST(text, of_elements_outside_the_dtype_is_refused) {
  for (const auto& [type, element] :
       std::vector<std::pair<std::string, std::string>>{{"i8[1]", "128"},
                                                        {"u8[1]", "-1"},
                                                        {"i64[1]", "1.5"},
                                                        {"bool[1]", "1"},
                                                        {"f32[1]", "1e39"},
                                                        {"f16[1]", "65520"},
                                                        {"f32[1]", "bits(0x100000000)"},
                                                        {"f32[1]", "nan(1)"}}) {
    const std::string start = "graph () {} -> (y = const \"k\": " + type + " = [";
    const std::string place =
        "graph text, line 1, column " + std::to_string(start.size() + 1) + ": ";
    const std::string error = error_of(start + element + "])");
    EXPECT_EQ(error.substr(0, place.size()), place) << error;
  }
}

TEST(text, checks_the_types_that_it_gives) {
  EXPECT_EQ(error_of("graph (x: f32[3]) {\n  %1 = pointwise(%x) {exp(a)} : f32[4]\n} -> (y = %1)"),
            "graph text, line 2, column 33: the type is f32[3], not f32[4]");
  EXPECT_EQ(
      error_of("graph (x: f32[3]) {\n  %1 = pointwise(%x) {exp(a)} : f32[3], f32[3]\n} -> ()"),
      "graph text, line 2, column 33: 2 types for 1 outputs");
}

TEST(text, with_a_mistake_is_refused_with_its_place) {
  const auto place = [](std::string_view text) {
    const std::string error = error_of(text);
    return error.substr(0, error.find(": "));
  };
  EXPECT_EQ(error_of("grap"), "graph text, line 1, column 1: expected `graph`");
  EXPECT_EQ(error_of("graph (x f32[3])"), "graph text, line 1, column 10: expected `:`");
  EXPECT_EQ(error_of("graph (x: f33[3])"), "graph text, line 1, column 11: \"f33\" is not a dtype");
  EXPECT_EQ(error_of("graph () {} -> (y = %z)"),
            "graph text, line 1, column 21: %z is not defined above");
  EXPECT_EQ(error_of("graph () {} -> (y = _)"),
            "graph text, line 1, column 22: an output cannot be absent");
  EXPECT_EQ(error_of("graph () {} -> (y = \"w\")"),
            "graph text, line 1, column 21: \"w\" has no type yet; give it one at its first use");
  EXPECT_EQ(error_of("graph (x: f32[3]) {\n %1 = softmx(%x)\n} -> ()"),
            "graph text, line 2, column 7: there is no op \"softmx\"; the nearest is \"softmax\"");
  EXPECT_EQ(error_of("graph (x: f32[3]) {\n %1 = softmax(%x) {axs = 1}\n} -> ()"),
            "graph text, line 2, column 20: softmax has no field \"axs\"");
  EXPECT_EQ(error_of("graph (x: f32[3]) {\n %1 = softmax(%x) {axis = one}\n} -> ()"),
            "graph text, line 2, column 27: expected an integer");
  EXPECT_EQ(error_of("graph (x: f32[3]) {\n %1 = softmax(%x)\n %1 = softmax(%x)\n} -> ()"),
            "graph text, line 3, column 2: %1 is defined twice");
  EXPECT_EQ(error_of("graph (x: f32[3], x: f32[3]) {} -> ()"),
            "graph text, line 1, column 19: %x is defined twice");
  EXPECT_EQ(error_of("graph () {} -> () x"),
            "graph text, line 1, column 19: expected the end of the text");
  EXPECT_EQ(place("graph (x: f32[3 +]) {} -> ()"), "graph text, line 1, column 15");
  EXPECT_EQ(place("graph (x: f32[1, 2]{CN}) {} -> ()"), "graph text, line 1, column 21");
  EXPECT_EQ(place("graph (\"x: f32[3]) {} -> ()"), "graph text, line 1, column 8");
  EXPECT_EQ(place("graph (x: f32[3]) {\n %1, %2 = softmax(%x)\n} -> ()"),
            "graph text, line 2, column 11");
}

TEST(text, of_a_node_that_does_not_fit_says_what_infer_says) {
  EXPECT_EQ(error_of("graph (x: f32[2, 2]) { %1 = softmax(%x) {axis = 3} # \"s\" } -> (y = %1)"),
            "softmax \"s\": axis 3 is outside rank 2");
}

TEST(text, cut_short_anywhere_is_refused) {
  const std::string whole(example.substr(0, example.size() - 1));
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THROW(parse(whole.substr(0, length)), Error) << length;
  }
  EXPECT_NO_THROW(parse(whole));
}

TEST(text, that_is_too_long_or_too_deep_is_refused) {
  EXPECT_THROW(parse(std::string((size_t{16} << 20) + 1, ' ')), Error);
  std::string dims = "graph (x: f32[1";
  for (int i = 0; i < 100; ++i) dims += ", 1";
  EXPECT_TRUE(error_of(dims + "]) {} -> ()").ends_with("more than 32 dims"));
  const std::string deep(100000, '(');
  EXPECT_THROW(parse("graph (x: f32[" + deep + "]) {} -> ()"), Error);
  EXPECT_THROW(parse("graph (x: f32[3]) { %1 = pointwise(%x) {" + deep + "} } -> ()"), Error);
  std::string many = "graph () {} -> (y = const \"k\": u8[2000] = [0";
  for (int i = 0; i < 1999; ++i) many += ", 0";
  EXPECT_TRUE(error_of(many + "])").ends_with("more than 1024 bytes"));
}

TEST(type_text, parses_and_prints_dtype_dims_and_layout) {
  for (const std::string_view text : {"f32[n, 3, 224, 224]{NCHW16c}", "f32[n, 3]", "i64[]",
                                      "bf16[...]", "f32[1, 2, 3, 4]{NHWC}"}) {
    EXPECT_EQ(parse_type(text).text(), text);
  }
  EXPECT_EQ(parse_type("f32[n, 3]").dims, (Dims{Dim::symbol("n"), 3}));
  EXPECT_EQ(parse_type("f32[1, 2, 3, 4]{NHWC}").layout.order, (std::vector<int>{0, 2, 3, 1}));
  EXPECT_THROW(parse_type("f32[3] x"), Error);
  EXPECT_THROW(parse_type("f32"), Error);
  EXPECT_THROW(parse_type(""), Error);
}

constexpr std::string_view choice =
    "graph (c: bool[], x: f32[n, 3]) {\n"
    "  %1 = pointwise(%x, \"w\": f32[3]) {mul(a, b)} : f32[n, 3]\n"
    "  %2 = if(%c, %1) {then_body = graph (a: f32[n, 3]) {\n"
    "    %1 = pointwise(%a, \"w\": f32[3], const \"#0\": f32[] = [2]) {add(add(a, b), c)} : f32[n, "
    "3]\n"
    "  } -> (b = %1), else_body = graph (a: f32[n, 3]) {\n"
    "    %1 = if(const \"k\": bool[] = [true], %a) {then_body = graph (a: f32[n, 3]) {\n"
    "    } -> (b = %a), else_body = graph (a: f32[n, 3]) {\n"
    "    } -> (b = %a), symbols = [\"\", \"\"]} : f32[n, 3]\n"
    "  } -> (b = %1), symbols = [\"\", \"\"]} : f32[n, 3] # \"i\"\n"
    "} -> (y = %2)\n";

TEST(text, bodies_stand_where_their_fields_do) { EXPECT_EQ(printed(choice), choice); }

TEST(text, a_leaf_of_a_body_is_that_of_the_graph_around_it) {
  const std::string text(choice);
  const size_t at = text.find("\"w\": f32[3], const");
  EXPECT_NE(error_of(std::string(text).replace(at, 11, "\"w\": f16[3]")).find("\"w\" is a weight"),
            std::string::npos);
}

TEST(text, bodies_are_nested_to_a_depth_only) {
  std::string open, close;
  for (int i = 0; i < 40; ++i) {
    open += "graph (c: bool[]) { %1 = if(%c, %c) {then_body = ";
  }
  EXPECT_NE(error_of(open).find("bodies nested deeper than 32"), std::string::npos)
      << error_of(open);
}

TEST(text, ops_with_equal_bodies_are_equal) {
  const Graph once = parse(choice), again = parse(choice);
  EXPECT_EQ(once.nodes()[1].op, again.nodes()[1].op);
  EXPECT_EQ(once.nodes()[1].op.hash(), again.nodes()[1].op.hash());
  const Graph inner = *once.nodes()[1].op.bodies()[1];
  EXPECT_FALSE(once.nodes()[1].op == inner.nodes()[0].op);
}

TEST(text, types_of_other_kinds_are_read_as_they_are_printed) {
  for (const char* text : {"seq(f32[n, 3])", "optional(i64[...])", "seq(bool[])"}) {
    EXPECT_EQ(parse_type(text).text(), text);
  }
  EXPECT_THROW(parse_type("seq(seq(f32[2]))"), Error);
  EXPECT_THROW(parse_type("seq(f32[2]"), Error);
}

}  // namespace
}  // namespace tenon::ir
