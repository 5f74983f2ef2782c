// Scalar expressions: text, canonical form, dtypes, composition.
#include "ir/scalar.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tenon/error.h"

namespace tenon::ir {
namespace {

using Instruction = Expression::Instruction;

Expression parse(std::string_view text) { return Expression::parse(text); }

DType result(std::string_view text, std::vector<DType> inputs) {
  return parse(text).infer(inputs).back();
}

std::string refusal(std::string_view text, std::vector<DType> inputs) {
  try {
    parse(text).infer(inputs);
  } catch (const BuildError& error) {
    return error.what();
  }
  return "";
}

TEST(Expression, canonical_text_survives_a_round_trip) {
  for (const char* text :
       {"a", "max(a, 0)", "t0 = exp(a); div(t0, add(t0, 1))", "where(less(a, b), c, -1.5)",
        "mul(a, 0.1)", "min(a, inf)", "max(a, -inf)", "equal(a, nan)", "add(p, a)", "add(a, 1e-05)",
        "add(a, -0)", "mul(a, a)", "t0 = mul(a, a); t1 = add(t0, b); div(t1, sub(t1, t0))",
        "add(a, 5e-324)", "is_negative_infinity(a)"}) {
    EXPECT_EQ(parse(text).text(), text);
    EXPECT_EQ(parse(parse(text).text()), parse(text));
  }
}

TEST(Expression, every_function_parses_under_its_own_name) {
  for (int i = static_cast<int>(Scalar::add); i <= static_cast<int>(Scalar::where); ++i) {
    const auto op = static_cast<Scalar>(i);
    const Expression one = Expression::of(op);
    EXPECT_EQ(one.inputs(), arity(op));
    EXPECT_EQ(parse(one.text()), one) << one.text();
    EXPECT_EQ(one.instructions().back().op, op);
  }
  EXPECT_EQ(to_string(Scalar::softplus), "softplus");
  EXPECT_EQ(to_string(Scalar::bit_not), "bit_not");
  EXPECT_EQ(to_string(Scalar::erf), "erf");
  EXPECT_EQ(to_string(Scalar::where), "where");
}

TEST(Expression, different_ways_of_writing_are_equal) {
  EXPECT_EQ(parse("t0 = exp(a); t1 = exp(a); add(t0, t1)"), parse("add(exp(a), exp(a))"));
  EXPECT_EQ(parse("t9 = exp(b); max(a, 0)"), parse("max(a,0)"));
  EXPECT_EQ(parse("t0 = a; add(t0, b)"), parse("add(a, b)"));
  EXPECT_EQ(parse("t0 = add(a, 1); t0"), parse("add(a, 1.0)"));
  EXPECT_EQ(parse("add(mul(a, 2), mul(a, 2))").text(), "t0 = mul(a, 2); add(t0, t0)");
  EXPECT_FALSE(parse("add(a, 0)") == parse("add(a, -0)"));
  EXPECT_EQ(parse("add(a, nan)"), parse("add(a, -nan)"));
}

TEST(Expression, a_literal_belongs_to_one_use) {
  const Expression e = parse("where(equal(a, 1), b, 1)");
  const DType dtypes[] = {DType::i64, DType::f32};
  EXPECT_EQ(e.infer(dtypes).back(), DType::f32);
}

TEST(Expression, parse_refuses_what_is_no_expression) {
  std::string deep, many = "a";
  for (int i = 0; i < 5000; ++i) deep += "exp(";
  for (int i = 0; i < 300; ++i)
    many = "t" + std::to_string(i) + " = add(a, " + std::to_string(i) + "); " + many;
  const std::string texts[] = {"",
                               "q",
                               "add(a)",
                               "add(a, b, c)",
                               "foo(a)",
                               "a b",
                               "t0",
                               "t0 = a; t0 = b; t0",
                               "add(a, b",
                               "1e999",
                               "input(a)",
                               "literal(1)",
                               "add(a, 1x)",
                               "t0 = exp(t0); t0",
                               "t0 = a t0",
                               "-",
                               "add(a, infinite)",
                               deep,
                               std::string(40000, 'a')};
  for (const std::string& text : texts) {
    try {
      parse(text);
      ADD_FAILURE() << text.substr(0, 40);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_file) << text.substr(0, 40);
    }
  }
  EXPECT_EQ(parse(many).text(), "a");
}

TEST(Expression, malformed_instructions_are_refused) {
  EXPECT_THROW(Expression({{.op = Scalar::exp, .args = {0}}}), BuildError);
  EXPECT_THROW(Expression({{.op = Scalar::input, .args = {16}}}), BuildError);
  EXPECT_THROW(Expression({{.op = Scalar::input, .args = {-1}}}), BuildError);
  std::vector<Instruction> chain{{.op = Scalar::input}};
  for (int16_t i = 0; i < 256; ++i) chain.push_back({.op = Scalar::exp, .args = {i}});
  EXPECT_THROW(Expression{chain}, BuildError);
  chain.pop_back();
  const Expression longest(chain);
  EXPECT_EQ(longest.instructions().size(), Expression::max_instructions);
  EXPECT_EQ(parse(longest.text()), longest);
}

TEST(Expression, dtypes_follow_the_operands) {
  EXPECT_EQ(result("add(a, b)", {DType::i8, DType::i8}), DType::i8);
  EXPECT_EQ(result("less(a, 3)", {DType::u8}), DType::bool_);
  EXPECT_EQ(result("pow(a, b)", {DType::f32, DType::i64}), DType::f32);
  EXPECT_EQ(result("where(a, b, 0)", {DType::bool_, DType::f16}), DType::f16);
  EXPECT_EQ(result("where(less(a, b), 1, a)", {DType::f64, DType::f64}), DType::f64);
  EXPECT_EQ(result("is_nan(a)", {DType::bf16}), DType::bool_);
  EXPECT_EQ(result("logical_not(equal(a, b))", {DType::bool_, DType::bool_}), DType::bool_);
  EXPECT_EQ(result("relu(a)", {DType::i32}), DType::i32);
  EXPECT_EQ(result("shift_left(a, 2)", {DType::u16}), DType::u16);
  EXPECT_EQ(result("equal(a, 1)", {DType::bool_}), DType::bool_);
}

TEST(Expression, operands_that_do_not_go_together_are_refused) {
  EXPECT_EQ(refusal("add(a, b)", {DType::f32, DType::f64}), "expression: add of f32 and f64");
  EXPECT_EQ(refusal("add(a, b)", {DType::bool_, DType::bool_}),
            "expression: add does not take bool");
  EXPECT_EQ(refusal("exp(a)", {DType::i32}), "expression: exp does not take i32");
  EXPECT_EQ(refusal("neg(a)", {DType::u8}), "expression: neg does not take u8");
  EXPECT_EQ(refusal("bit_and(a, b)", {DType::f32, DType::f32}),
            "expression: bit_and does not take f32");
  EXPECT_EQ(refusal("logical_and(a, b)", {DType::i32, DType::i32}),
            "expression: logical_and does not take i32");
  EXPECT_EQ(refusal("where(a, b, b)", {DType::i32, DType::f32}),
            "expression: the first argument of where must be bool");
  EXPECT_EQ(refusal("add(a, b)", {DType::f32}), "expression: it uses input 1, and there are 1");
  EXPECT_EQ(refusal("add(a, 0.5)", {DType::i32}),
            "expression: the literal 0.5 is not a value of i32");
  EXPECT_EQ(refusal("add(a, 256)", {DType::u8}),
            "expression: the literal 256 is not a value of u8");
  EXPECT_EQ(refusal("add(a, -1)", {DType::u64}),
            "expression: the literal -1 is not a value of u64");
  EXPECT_EQ(refusal("add(a, inf)", {DType::i64}),
            "expression: the literal inf is not a value of i64");
  EXPECT_EQ(refusal("add(1, 2)", {}), "expression: add of literals alone has no dtype");
  EXPECT_EQ(refusal("1", {}), "expression: the result is a literal, which has no dtype by itself");
}

TEST(Expression, inputs_are_inlined_and_renumbered) {
  const Expression outer = parse("mul(a, sigmoid(b))"), inner = parse("add(a, b)");
  const int outer_map[] = {-1, 1}, inner_map[] = {2, 0};
  EXPECT_EQ(outer.inline_input(0, inner, outer_map, inner_map),
            parse("mul(add(c, a), sigmoid(b))"));
  const int both[] = {0}, same[] = {0};
  EXPECT_EQ(parse("add(a, mul(a, a))").inline_input(0, parse("exp(a)"), both, same).text(),
            "t0 = exp(a); add(t0, mul(t0, t0))");
  EXPECT_EQ(parse("a").inline_input(0, parse("exp(a)"), both, same), parse("exp(a)"));
  const int identity[] = {0, 1};
  EXPECT_EQ(parse("add(exp(b), a)")
                .inline_input(0, parse("exp(a)"), identity, std::vector<int>{1})
                .text(),
            "t0 = exp(b); add(t0, t0)");
}

TEST(Expression, inputs_become_literals_or_other_inputs) {
  EXPECT_EQ(parse("add(a, mul(b, c))").with_literal(1, 2), parse("add(a, mul(2, c))"));
  EXPECT_EQ(parse("mul(a, a)").with_literal(0, 3).text(), "mul(3, 3)");
  const int map[] = {1, 0};
  EXPECT_EQ(parse("sub(a, b)").with_inputs(map), parse("sub(b, a)"));
  const int merging[] = {0, 0};
  EXPECT_EQ(parse("add(exp(a), exp(b))").with_inputs(merging).text(), "t0 = exp(a); add(t0, t0)");
  EXPECT_THROW(parse("add(a, b)").with_inputs(std::vector<int>{0}), BuildError);
}

TEST(ExpressionProperty, random_programs_survive_text) {
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Instruction> program{{.op = Scalar::input}, {.op = Scalar::input, .args = {1}}};
    for (int step = 0; step < 20; ++step) {
      Instruction next{
          .op = static_cast<Scalar>(1 + random() % static_cast<unsigned>(Scalar::where))};
      if (next.op == Scalar::literal)
        next.value =
            std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 200) - 100);
      for (size_t arg = 0; arg < static_cast<size_t>(arity(next.op)); ++arg) {
        next.args[arg] = static_cast<int16_t>(random() % program.size());
      }
      program.push_back(next);
    }
    const Expression expression(program);
    const Expression again = parse(expression.text());
    ASSERT_EQ(again, expression) << expression.text();
    ASSERT_EQ(again.text(), expression.text());
  }
}

}  // namespace
}  // namespace tenon::ir
