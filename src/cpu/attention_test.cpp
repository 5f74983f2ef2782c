// Attention in blocks against the definition.
#include "cpu/vector_for_test.h"

namespace tenon::cpu {

namespace {

TestCall attention(const char* scores, const Shape& q, const Shape& k, const Shape& v,
                   const std::vector<Shape>& behind = {}) {
  std::vector<Tensor> inputs{random(q, 1), random(k, 2), random(v, 3)};
  for (const Shape& shape : behind) inputs.push_back(random(shape, inputs.size() + 1));
  return make_test_call(ir::Attention{ir::Expression::parse(scores)}, std::move(inputs), 0);
}

TEST(Attention, equals_the_reference_at_every_extent_of_a_last_tile) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const int64_t m : {1, 2, 3, 4, 63, 64, 65, 130}) {
    for (const int64_t n : {1, 15, 16, 48, 49, 64, 100, 2100}) {
      SCOPED_TRACE(fmt::format("{} queries, {} keys", m, n));
      EXPECT_GT(check_all(attention("mul(a, 0.3)", {2, m, 20}, {2, n, 20}, {2, n, 37})), 0);
    }
  }
}

TEST(Attention, takes_every_expression_of_its_scores) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  struct Case {
    const char* scores;
    std::vector<Shape> behind;
  };
  const std::vector<Case> cases{
      {"a", {}},
      {"div(a, 8)", {}},
      {"add(mul(0.125, a), b)", {{2, 1, 1, 70}}},
      {"add(add(a, b), c)", {{3, 66, 70}, {66, 1}}},
      {"add(b, add(c, mul(a, 2)))", {{2, 3, 66, 70}, {1}}},
      {"mul(add(a, b), 2)", {{66, 70}}},
      {"add(a, 1)", {}},
      {"max(a, 0)", {}},
      {"mul(tanh(div(a, 5)), 5)", {}},
      {"mul(a, b)", {{2, 1, 1, 1}}},
      {"sub(a, b)", {{66, 70}}},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.scores);
    EXPECT_GT(
        check_all(attention(each.scores, {2, 3, 66, 9}, {2, 3, 70, 9}, {2, 3, 70, 5}, each.behind)),
        0);
  }
}

TEST(Attention, broadcasts_batches_of_keys_and_values) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  EXPECT_GT(check_all(attention("a", {4, 2, 7, 8}, {1, 2, 9, 8}, {2, 9, 3})), 0);
  EXPECT_GT(check_all(attention("a", {7, 8}, {5, 9, 8}, {9, 3})), 0);
}

}  // namespace
}  // namespace tenon::cpu
