// Reductions and softmaxes by vector units against the references.
#include "cpu/vector_for_test.h"

namespace tenon::cpu {

namespace {

constexpr ir::ReduceKind kKinds[] = {
    ir::ReduceKind::sum, ir::ReduceKind::mean, ir::ReduceKind::max,       ir::ReduceKind::min,
    ir::ReduceKind::l1,  ir::ReduceKind::l2,   ir::ReduceKind::sum_square};

TestCall reduce(ir::ReduceKind kind, std::vector<int64_t> axes, const Shape& shape,
                bool keep = true) {
  return make_test_call(ir::Reduce{kind, std::move(axes), keep}, {random(shape, 1)});
}

TEST(VectorReduce, equals_the_reference_along_any_axes) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const ir::ReduceKind kind : kKinds) {
    for (const Shape& shape : {Shape{3, 5, 7, 9}, Shape{2, 33, 4, 65}, Shape{1, 1, 300, 1}}) {
      for (const auto& axes : std::vector<std::vector<int64_t>>{
               {}, {0}, {1}, {2}, {3}, {-1}, {2, 3}, {0, 2}, {1, 3}, {1, 2, 3}, {0, 1, 2, 3}}) {
        EXPECT_GE(check_all(reduce(kind, axes, shape)), 1);
        EXPECT_GE(check_all(reduce(kind, axes, shape, false)), 1);
      }
    }
  }
}

TEST(VectorReduce, of_long_rows_and_columns_rounds_no_more_than_once) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const auto& [shape, axis] : {std::pair{Shape{3, 70001}, 1}, std::pair{Shape{70001, 19}, 0}})
    EXPECT_GE(check_all(reduce(ir::ReduceKind::mean, {axis}, shape)), 1);
}

TEST(VectorReduce, of_nothing_and_of_nothing_to_make) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const ir::ReduceKind kind : kKinds) {
    EXPECT_GE(check_all(reduce(kind, {1}, {3, 0, 4})), 1);
    EXPECT_GE(check_all(reduce(kind, {1}, {0, 3, 4})), 1);
    EXPECT_GE(check_all(reduce(kind, {2}, {3, 4, 0})), 1);
  }
}

TEST(VectorReduce, a_nan_wins_wherever_it_stands) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const ir::ReduceKind kind : kKinds) {
    for (int64_t at = 0; at < 40; ++at) {
      auto rows = reduce(kind, {1}, {1, 40}), columns = reduce(kind, {0}, {40, 3});
      rows.inputs[0].as<float>()[at] = columns.inputs[0].as<float>()[3 * at] = std::nanf("");
      EXPECT_GE(check_all(rows), 1);
      EXPECT_GE(check_all(columns), 1);
    }
  }
}

TEST(VectorReduce, keeps_blocks_of_channels) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const ir::ReduceKind kind : kKinds) {
    for (const int64_t channels : {1, 16, 19, 40}) {
      const std::vector<ir::Layout> follows{{.splits = {{1, 16}}}, {.splits = {{1, 8}}}};
      EXPECT_GE(check_all(reduce(kind, {2, 3}, {2, channels, 7, 9}), follows), 2);
      EXPECT_GE(check_all(reduce(kind, {-1}, {2, channels, 7, 9}), follows), 2);
      EXPECT_GE(check_all(reduce(kind, {0, 3}, {2, channels, 7, 9}), follows), 2);
    }
  }
}

TEST(VectorSoftmax, equals_the_reference_at_every_length) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const bool log : {false, true}) {
    for (int64_t length = 1; length <= 70; ++length) {
      const ir::Softmax op{.axis = -1, .log = log};
      EXPECT_GE(check_all(make_test_call(op, {random({2, 3, length}, 1)})), 1) << length;
    }
    EXPECT_GE(
        check_all(make_test_call(ir::Softmax{.axis = 1, .log = log}, {random({2, 30000}, 1)})), 1);
  }
}

TEST(VectorSoftmax, of_what_is_far_apart_or_no_number) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float odd : {200.f, -200.f, 3e38f, -3e38f, -kInfinity, kInfinity, std::nanf("")}) {
    for (const int64_t at : {0, 20, 36}) {
      for (const bool log : {false, true}) {
        auto test = make_test_call(ir::Softmax{.axis = -1, .log = log}, {random({1, 37}, 1)});
        test.inputs[0].as<float>()[at] = odd;
        EXPECT_GE(check_all(test), 1) << odd;
      }
    }
  }
}

}  // namespace

}  // namespace tenon::cpu
