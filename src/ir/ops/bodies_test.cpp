// Types of ops with bodies, and of sequences: what does not fit.
#include <gtest/gtest.h>

#include "ir/text.h"
#include "ir/verify.h"
#include "tenon/error.h"

namespace tenon::ir {
namespace {

std::string error_of(const std::string& nodes, const std::string& outputs = "y = %1") {
  try {
    verify(parse("graph (c: bool[], x: f32[n, 3], m: i64[], z: f32[3]) {\n" + nodes + "\n} -> (" +
                 outputs + ")"));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string choice(const std::string& operands, const std::string& yes, const std::string& no,
                   const std::string& symbols = "") {
  return "%1 = if(" + operands + ") {then_body = graph (a: f32[n, 3]) {} -> (" + yes +
         "), else_body = graph (a: f32[n, 3], b: f32[3]) {} -> (" + no + ")" + symbols + "}";
}

TEST(InferIf, refuses_what_does_not_fit_its_bodies) {
  EXPECT_EQ(error_of("%1 = if(%c)"), "if of \"c\": then_body is missing");
  EXPECT_EQ(error_of(choice("%c, %x", "r = %a", "r = %a")),
            "if of \"c\", \"x\": else_body has 2 inputs, expected 1");
  EXPECT_EQ(error_of("%1 = if(%c, %z) {then_body = graph (a: f32[n, 3]) {} -> (r = %a), "
                     "else_body = graph (a: f32[n, 3]) {} -> (r = %a)}"),
            "if of \"c\", \"z\": operand 1 is f32[3], input \"a\" of a body f32[n, 3]");
  EXPECT_EQ(error_of("%1 = if(%x, %x) {then_body = graph (a: f32[n, 3]) {} -> (r = %a), "
                     "else_body = graph (a: f32[n, 3]) {} -> (r = %a)}"),
            "if of \"x\", \"x\": the condition is f32[n, 3], and must be one bool");
}

std::string of_types(const std::string& yes, const std::string& no, const std::string& symbols) {
  const std::string inputs = " = graph (a: " + yes + ", b: " + no + ") {} -> (r = %";
  return "graph (c: bool[], x: " + yes + ", z: " + no + ") {\n  %1 = if(%c, %x, %z) {then_body" +
         inputs + "a), else_body" + inputs + "b), symbols = " + symbols + "}\n} -> (y = %1)";
}

std::string type_or_error(const std::string& text) {
  try {
    const Graph graph = parse(text);
    verify(graph);
    return graph.type(graph.outputs()[0].value).text();
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(InferIf, gives_what_holds_for_both_branches) {
  EXPECT_EQ(type_or_error(of_types("f32[n, 3]", "f32[n, 3]", "[\"\", \"\"]")), "f32[n, 3]");
  EXPECT_EQ(type_or_error(of_types("f32[n, 3]", "f32[n, 4]", "[\"\", s]")), "f32[n, s]");
  EXPECT_EQ(type_or_error(of_types("f32[n, 3]", "f32[n]", "[]")), "f32[...]");
  const std::string where = "if of \"c\", \"x\", \"z\": ";
  EXPECT_EQ(type_or_error(of_types("f32[n, 3]", "f32[n, 4]", "[\"\", \"\"]")),
            where + "extents of both branches must be equal, not 3 and 4");
  EXPECT_EQ(type_or_error(of_types("f32[n, 3]", "f32[n, 3]", "[\"\"]")),
            where + "an extent has no symbol");
  EXPECT_EQ(type_or_error(of_types("f32[n]", "f32[n]", "[\"\", s]")),
            where + "1 extents are given 2 symbols");
  EXPECT_EQ(type_or_error(of_types("f32[n]", "f16[n]", "[\"\"]")),
            where + "one branch gives f32[n], the other f16[n]");
}

std::string loop(const std::string& body, const std::string& fields) {
  return "graph (m: i64[], x: f32[n]) {\n  %1, %2 = loop(%m, _, %x) {body = " + body +
         ", carried = 1, " + fields + "}\n} -> (y = %1, s = %2)";
}

TEST(InferLoop, carries_extents_that_stay_and_names_those_that_change) {
  const std::string same = "graph (i: i64[], g: bool[], h: f32[n]) {} -> (g = %g, h = %h, s = %h)";
  EXPECT_EQ(type_or_error(loop(same, "changing = [\"\"], symbols = [\"\", t, \"\"]")), "f32[n]");
  EXPECT_EQ(type_or_error(loop(same, "turns = 2, changing = [\"\"], symbols = [\"\", \"\", \"\"]")),
            "f32[n]");
  const std::string where = "loop of \"m\", \"x\": ";
  EXPECT_EQ(type_or_error(loop(same, "changing = [\"\"], symbols = [\"\", \"\", \"\"]")),
            where + "the number of turns has no symbol");
  const std::string grows =
      "graph (i: i64[], g: bool[], h: f32[t]) {\n  %1 = concat(%h, %h)\n} -> (g = %g, h = %1, s = "
      "%i)";
  EXPECT_EQ(type_or_error(loop(grows, "turns = 3, changing = [t], symbols = [k, \"\"]")), "f32[k]");
  const std::string other =
      "graph (i: i64[], g: bool[], h: f32[2, 2]) {} -> (g = %g, h = %h, s = %i)";
  EXPECT_EQ(type_or_error(loop(other, "turns = 3, changing = [\"\"], symbols = [\"\", \"\"]")),
            where +
                "carried value 0 begins as f32[n], is f32[2, 2] in the body and becomes "
                "f32[2, 2]");
  EXPECT_EQ(type_or_error(loop(same, "changing = [], symbols = []")),
            where + "an extent has no symbol");
}

TEST(InferSequence, knows_the_extents_that_all_tensors_have) {
  const auto type = [](const std::string& nodes) {
    return type_or_error("graph (x: f32[n, 3], z: f32[2], h: f16[2], i: i64[]) {\n" + nodes +
                         "\n} -> (y = %1)");
  };
  EXPECT_EQ(type("%1 = sequence_construct(%x, %x)"), "seq(f32[n, 3])");
  EXPECT_EQ(type("%1 = sequence_construct(%x, %z)"), "seq(f32[...])");
  EXPECT_EQ(type("%1 = sequence_construct() {dtype = i64}"), "seq(i64[...])");
  EXPECT_EQ(type("%1 = sequence_construct(%x, %h)"),
            "sequence_construct of \"x\", \"h\": a sequence of f32 cannot hold f16[2]");
  EXPECT_EQ(type("%1 = sequence_at(%x, %i)"),
            "sequence_at of \"x\", \"i\": operand 0 is f32[n, 3], and must be a sequence");
  EXPECT_EQ(type("%2 = sequence_construct(%x)\n%1 = concat_from_sequence(%2) {axis = 2, symbols = "
                 "[s]}"),
            "concat_from_sequence: axis 2 is outside rank 2");
  EXPECT_EQ(
      type("%2 = sequence_construct(%x)\n%1 = concat_from_sequence(%2) {axis = -1, new_axis = "
           "true, symbols = [s]}"),
      "f32[n, 3, s]");
  EXPECT_EQ(type("%1 = optional_get_element(%x)"),
            "optional_get_element of \"x\": operand 0 is f32[n, 3], and must be optional");
}

}  // namespace
}  // namespace tenon::ir
