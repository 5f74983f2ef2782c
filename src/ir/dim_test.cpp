// Dims: canonical forms, text, and random expressions against plain arithmetic.
#include "ir/dim.h"

#include <gtest/gtest.h>

#include <random>

#include "tenon/error.h"

namespace tenon::ir {
namespace {

Dim parse(std::string_view text) { return Dim::parse(text); }

ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::cancelled;
}

TEST(Dim, equal_expressions_have_one_text) {
  const std::pair<const char*, const char*> pairs[] = {
      {"n + n + 1", "2*n + 1"},
      {"1 + (n - 4)", "n - 3"},
      {"n*0", "0"},
      {"-(n - m)", "m - n"},
      {"(n + 1)*(n - 1)", "n*n - 1"},
      {"m*n", "n*m"},
      {"floor_div(n, 1)", "n"},
      {"floor_div(4*n + 3, 4)", "n"},
      {"floor_div(5*n, 4)", "n + floor_div(n, 4)"},
      {"floor_div(800*n, n)", "800"},
      {"floor_div(6*n + 6, n + 1)", "6"},
      {"floor_div(n*m + n + m + 1, m + 1)", "n + 1"},
      {"floor_div(c*h*n, 4*n)", "floor_div(c*h, 4)"},
      {"floor_div(n*m + k, n)", "m + floor_div(k, n)"},
      {"floor_div(2*n + 1, 4)", "floor_div(n, 2)"},
      {"floor_div(floor_div(n, 2), 3)", "floor_div(n, 6)"},
      {"floor_div(floor_div(h - 1, 2) + 1 - 1, 2)", "floor_div(h - 1, 4)"},
      {"floor_div(n, -2)", "floor_div(-n, 2)"},
      {"floor_div(7, -2)", "-4"},
      {"mod(n, 1)", "0"},
      {"mod(4*n + 3, 4)", "3"},
      {"mod(n*m, m)", "0"},
      {"mod(-7, 3)", "2"},
      {"mod(7, -3)", "-2"},
      {"mod(mod(n, 3), 5)", "mod(n, 3)"},
      {"min(n, n)", "n"},
      {"min(m, n)", "min(n, m)"},
      {"max(n, n + 1)", "n + 1"},
      {"max(n, 0)", "n"},
      {"max(n, -m)", "n"},
      {"min(n, 2147483647)", "n"},
      {"min(min(n, m), n)", "min(m, n)"},
      {"min(max(n - 1, 0), n - 1)", "n - 1"},
      {"min(max(n - 1, 0), n)", "max(n - 1, 0)"},
      {"max(min(m, n), n)", "n"},
      {"min(-9223372036854775807, 9223372036854775807)", "-9223372036854775807"},
      {"max(3, 5)", "5"},
      {"broadcast(n, 1)", "n"},
      {"broadcast(3, n)", "3"},
      {"broadcast(m, broadcast(n, m))", "broadcast(m, n)"},
      {"broadcast(min(n, 512), n)", "n"},
      {"broadcast(n, min(n, m + 1))", "n"},
      {"broadcast(min(n, m), n)", "broadcast(min(m, n), n)"},
  };
  for (const auto& [left, right] : pairs) {
    EXPECT_EQ(parse(left).text(), parse(right).text()) << left;
    EXPECT_TRUE(parse(left) == parse(right)) << left;
  }
}

TEST(Dim, text_reads_like_arithmetic) {
  const Dim n = Dim::symbol("n"), h = Dim::symbol("h");
  EXPECT_EQ((Dim(2) * n + 1).text(), "2*n + 1");
  EXPECT_EQ((n - 3).text(), "n - 3");
  EXPECT_EQ(floor_div(h - 1, 2).text(), "floor_div(h - 1, 2)");
  EXPECT_EQ((Dim(0) - n).text(), "-n");
  EXPECT_EQ((Dim(5) - Dim(2) * n * h).text(), "-2*h*n + 5");
  EXPECT_EQ(text(Dims{n, 3, 224}), "[n, 3, 224]");
  EXPECT_EQ(text(Dims{}), "[]");
}

TEST(Dim, a_chain_of_strided_windows_stays_small) {
  Dim h = Dim::symbol("h");
  for (int layer = 0; layer < 5; ++layer) h = floor_div(h + 2 - 3, 2) + 1;
  EXPECT_EQ(h.text(), "floor_div(h - 1, 32) + 1");
}

TEST(Dim, different_expressions_differ) {
  EXPECT_FALSE(parse("n") == parse("m"));
  EXPECT_FALSE(parse("floor_div(n, 2)") == parse("floor_div(n, 3)"));
  EXPECT_FALSE(parse("floor_div(n, 2)") == parse("mod(n, 2)"));
  EXPECT_FALSE(parse("n*n") == parse("n"));
  EXPECT_FALSE(Dim(3) == parse("n"));
}

TEST(Dim, bounds_follow_the_range_of_symbols) {
  EXPECT_EQ(parse("n").lower_bound(), 0);
  EXPECT_EQ(parse("n").upper_bound(), 2147483647);
  EXPECT_EQ(parse("2*n + 1").lower_bound(), 1);
  EXPECT_EQ(parse("3 - n").upper_bound(), 3);
  EXPECT_EQ(parse("floor_div(n - 1, 2)").lower_bound(), -1);
  EXPECT_EQ(parse("mod(n, 7)").upper_bound(), 6);
  EXPECT_EQ(parse("min(n, 5)").upper_bound(), 5);
  EXPECT_EQ(parse("max(n, 5)").lower_bound(), 5);
  EXPECT_EQ(parse("n*m*k*l").upper_bound(), std::nullopt);
}

TEST(Dim, symbols_come_in_order_of_first_use) {
  std::vector<std::string> names;
  parse("floor_div(w + a, m) + z + 3").symbols(names);
  EXPECT_EQ(names, (std::vector<std::string>{"z", "a", "w", "m"}));
}

TEST(Dim, evaluation_refuses_what_has_no_value) {
  EXPECT_EQ(code_of([] { parse("n").evaluate({}); }), ErrorCode::invalid_input);
  EXPECT_EQ(code_of([] { parse("n").evaluate({{"n", -1}}); }), ErrorCode::invalid_input);
  EXPECT_EQ(code_of([] {
              parse("floor_div(3, n)").evaluate({{"n", 0}});
            }),
            ErrorCode::invalid_input);
  EXPECT_EQ(code_of([] { parse("n*n*n").evaluate({{"n", INT32_MAX}}); }), ErrorCode::invalid_input);
}

TEST(Dim, building_refuses_overflow_and_division_by_zero) {
  const Dim n = Dim::symbol("n");
  EXPECT_EQ(code_of([&] { Dim(INT64_MAX) * n + n; }), ErrorCode::build);
  EXPECT_EQ(code_of([&] { Dim(INT64_MAX) + 1; }), ErrorCode::build);
  EXPECT_EQ(code_of([&] { floor_div(n, 0); }), ErrorCode::build);
  EXPECT_EQ(code_of([&] { mod(n, 0); }), ErrorCode::build);
  EXPECT_EQ(code_of([&] { floor_div(INT64_MIN, -1); }), ErrorCode::build);
  EXPECT_EQ(code_of([&] { n.constant(); }), ErrorCode::build);
  EXPECT_EQ(code_of([&] { Dim::symbol("a b"); }), ErrorCode::build);
  EXPECT_EQ(code_of([&] { Dim::symbol(""); }), ErrorCode::build);
}

TEST(Dim, expressions_cannot_grow_without_bound) {
  const auto grow = [] {
    Dim dim = 1;
    for (int i = 0; i < 40; ++i) dim = dim * (Dim::symbol("s" + std::to_string(i)) + 1);
  };
  EXPECT_EQ(code_of(grow), ErrorCode::build);
  const auto nest = [] {
    Dim dim = Dim::symbol("n");
    for (int i = 0; i < 200; ++i) dim = floor_div(dim * dim, Dim::symbol("m") + 1);
  };
  EXPECT_EQ(code_of(nest), ErrorCode::build);
}

TEST(Dim, parse_refuses_what_is_no_expression) {
  const std::string deep = std::string(10000, '(') + "n" + std::string(10000, ')');
  const std::string texts[] = {"",
                               "n +",
                               "n n",
                               "(n",
                               "foo(n, 2)",
                               "min(n)",
                               "9223372036854775808",
                               "1.5",
                               "floor_div(n, 0)",
                               "n)",
                               "\"n\"",
                               "mod(n,, 2)",
                               "99999999999999999999999",
                               deep,
                               std::string(40000, '1')};
  for (const std::string& text : texts) {
    EXPECT_EQ(code_of([&] { parse(text); }), ErrorCode::bad_file) << text.substr(0, 40);
  }
  try {
    parse("n + ?");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "dim \"n + ?\": expected a number, a name or '(' at character 5");
  }
}

TEST(Dim, extreme_numbers_survive_text) {
  for (const int64_t value : {INT64_MIN, INT64_MAX, int64_t{0}, int64_t{-1}}) {
    EXPECT_EQ(parse(Dim(value).text()), Dim(value));
    const Dim sum = Dim::symbol("n") + value;
    EXPECT_EQ(parse(sum.text()), sum);
    const Dim least = Dim(value) * Dim::symbol("n");
    EXPECT_EQ(parse(least.text()), least);
  }
}

TEST(Dim, the_least_number_divides_without_a_trap) {
  const Dim n = Dim::symbol("n"), m = Dim::symbol("m");
  const Dim least = Dim(INT64_MIN) * n;
  for (const Dim& divisor : {Dim(0) - n, Dim(0) - m, Dim(0) - n * m, least, Dim(INT64_MIN) * m}) {
    code_of([&] { floor_div(least, divisor); });
    code_of([&] { mod(least, divisor); });
    code_of([&] { floor_div(least + INT64_MIN, divisor); });
  }
  EXPECT_EQ(floor_div(least, n), Dim(INT64_MIN));
}

// ---- random expressions, against arithmetic on the tree itself ----

struct Tree {
  char op = 'c';  // c constant, s symbol, + - * / % < >
  int64_t value = 0;
  std::unique_ptr<Tree> a, b;
};

using Bindings = std::map<std::string, int64_t>;
constexpr const char* names[] = {"n", "m", "k"};

std::unique_ptr<Tree> grow(std::mt19937& random, int depth) {
  auto tree = std::make_unique<Tree>();
  const auto pick = [&](int count) {
    return static_cast<int>(random() % static_cast<unsigned>(count));
  };
  if (depth == 0 || pick(5) == 0) {
    tree->op = pick(2) ? 's' : 'c';
    tree->value = tree->op == 's' ? pick(3) : pick(19) - 9;
    return tree;
  }
  tree->op = "+-*//%%<>"[pick(9)];
  tree->a = grow(random, depth - 1);
  tree->b = grow(random, depth - 1);
  return tree;
}

Dim build(const Tree& tree) {
  if (tree.op == 'c') return tree.value;
  if (tree.op == 's') return Dim::symbol(names[tree.value]);
  const Dim a = build(*tree.a), b = build(*tree.b);
  switch (tree.op) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': return floor_div(a, b);
    case '%': return mod(a, b);
    case '<': return min(a, b);
    default: return max(a, b);
  }
}

std::optional<int64_t> value_of(const Tree& tree, const Bindings& bindings) {
  if (tree.op == 'c') return tree.value;
  if (tree.op == 's') return bindings.at(names[tree.value]);
  const auto a = value_of(*tree.a, bindings), b = value_of(*tree.b, bindings);
  if (!a || !b) return std::nullopt;
  int64_t result = 0;
  switch (tree.op) {
    case '+': return __builtin_add_overflow(*a, *b, &result) ? std::nullopt : std::optional(result);
    case '-': return __builtin_sub_overflow(*a, *b, &result) ? std::nullopt : std::optional(result);
    case '*': return __builtin_mul_overflow(*a, *b, &result) ? std::nullopt : std::optional(result);
    case '<': return std::min(*a, *b);
    case '>': return std::max(*a, *b);
    default: break;
  }
  if (*b == 0 || (*a == INT64_MIN && *b == -1)) return std::nullopt;
  const int64_t remainder = ((*a % *b) + *b) % *b;
  return tree.op == '%' ? remainder : (*a - remainder) / *b;
}

Bindings random_bindings(std::mt19937& random) {
  Bindings bindings;
  for (const char* name : names) bindings[name] = random() % (random() % 8 == 0 ? 100000 : 7);
  return bindings;
}

TEST(DimProperty, canonical_forms_have_the_values_of_the_plain_expression) {
  std::mt19937 random(7);
  int compared = 0;
  for (int round = 0; round < 6000; ++round) {
    const auto tree = grow(random, 4);
    try {
      const Dim dim = build(*tree);
      const Dim again = parse(dim.text());
      ASSERT_EQ(again, dim) << dim.text();
      ASSERT_EQ(again.text(), dim.text());
      for (int i = 0; i < 4; ++i) {
        const Bindings bindings = random_bindings(random);
        const auto expected = value_of(*tree, bindings);
        if (!expected) continue;
        const int64_t value = dim.evaluate(bindings);
        ASSERT_EQ(value, *expected) << dim.text();
        ASSERT_LE(dim.lower_bound().value_or(INT64_MIN), value) << dim.text();
        ASSERT_GE(dim.upper_bound().value_or(INT64_MAX), value) << dim.text();
        ++compared;
      }
    } catch (const BuildError&) {  // a division by zero, or too large
    }
  }
  EXPECT_GT(compared, 8000);
}

TEST(DimProperty, substitution_commutes_with_evaluation) {
  std::mt19937 random(11);
  int compared = 0;
  for (int round = 0; round < 3000; ++round) {
    try {
      const Dim outer = build(*grow(random, 3)), inner = build(*grow(random, 2));
      const Bindings bindings = random_bindings(random);
      const int64_t inner_value = inner.evaluate(bindings);
      if (inner_value < 0 || inner_value > INT32_MAX) continue;
      Bindings replaced = bindings;
      replaced["n"] = inner_value;
      const int64_t expected = outer.evaluate(replaced);
      ASSERT_EQ(outer.substitute({{"n", inner}}).evaluate(bindings), expected)
          << outer.text() << " with n = " << inner.text();
      ASSERT_EQ(outer.substitute({{"n", inner_value}}).evaluate(bindings), expected);
      ++compared;
    } catch (const Error&) {  // a division by zero, or too large
    }
  }
  EXPECT_GT(compared, 1000);
}

TEST(Dim, is_a_symbol_only_where_it_is_nothing_else) {
  const Dim n = Dim::symbol("n");
  EXPECT_EQ(n.as_symbol(), "n");
  EXPECT_EQ((n + 1 - 1).as_symbol(), "n");
  for (const Dim& other : {Dim(3), n + 1, n * 2, n * n, floor_div(n, 2), n + Dim::symbol("m")}) {
    EXPECT_EQ(other.as_symbol(), std::nullopt) << other.text();
  }
}

}  // namespace
}  // namespace tenon::ir
