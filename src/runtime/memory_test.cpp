// Tiny programs that ask for more memory than any machine has: 2^50 bytes, and more than 64 bits
// can count.
#include <gtest/gtest.h>

#include <functional>

#include "base/text.h"
#include "runtime/engine_for_test.h"

namespace tenon::runtime::testing {
namespace {

constexpr int64_t kEdge = 1 << 16;  // a cube of f32 of it has 2^50 bytes

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unavailable) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

/// Three edges, which a sum broadcasts to a cube.
Arrays edges(int64_t edge = kEdge) {
  return {{"a", full({edge, 1, 1}, 1)}, {"b", full({1, edge, 1}, 1)}, {"c", full({1, 1, edge}, 1)}};
}

constexpr const char* kCube =
    R"(graph () {
         %1 = pointwise("a": f32[65536, 1, 1], "b": f32[1, 65536, 1], "c": f32[1, 1, 65536]) {add(add(a, b), c)}
       } -> ("0" = %1))";
constexpr const char* kAddsCube =
    R"(graph (x: f32[1]) {
         %1 = pointwise(%x, @"0": f32[65536, 65536, 65536]) {add(a, b)}
       } -> (y = %1))";

TEST(Memory, slot_of_a_cube_is_named) {
  EXPECT_EQ(
      message_of([] { engine_of(plan_file_of(program_of(kAddsCube, kCube), edges())); }),
      "a set of weights (most of it slot \"0\", f32[65536, 65536, 65536] made of \"a\", \"b\", "
      "\"c\") needs 1125899906842624 bytes, and this machine has not so many free; use a "
      "machine with more memory");
}

TEST(Memory, slots_that_together_have_more_than_64_bits_are_refused) {
  const ir::Program program = program_of(
      R"(graph (x: f32[1]) {
           %1 = pointwise(%x, @"0": f32[2097152, 1048576, 524288], @"1": f32[2097152, 1048576, 524288], @"2": f32[2097152, 1048576, 524288], @"3": f32[2097152, 1048576, 524288]) {add(add(add(add(a, b), c), d), e)}
         } -> (y = %1))",
      R"(graph () {
           %1 = pointwise("a": f32[2097152, 1, 1], "b": f32[1, 1048576, 1], "c": f32[1, 1, 524288]) {add(add(a, b), c)}
           %2 = pointwise(%1) {neg(a)}
           %3 = pointwise(%1) {abs(a)}
           %4 = pointwise(%1) {exp(a)}
         } -> ("0" = %1, "1" = %2, "2" = %3, "3" = %4))");
  const Arrays arrays = {{"a", full({2097152, 1, 1}, 1)},
                         {"b", full({1, 1048576, 1}, 1)},
                         {"c", full({1, 1, 524288}, 1)}};
  const std::string message = message_of([&] { engine_of(plan_file_of(program, arrays)); });
  EXPECT_NE(message.find("f32[2097152, 1048576, 524288]"), std::string::npos) << message;
}

TEST(Memory, cube_inside_of_a_slot_is_named) {
  const ir::Program program = program_of(
      R"(graph (x: f32[1]) {
           %1 = pointwise(%x, @"0": f32[]) {add(a, b)}
         } -> (y = %1))",
      R"(graph () {
           %1 = pointwise("a": f32[65536, 1, 1], "b": f32[1, 65536, 1], "c": f32[1, 1, 65536]) {add(add(a, b), c)}
           %2 = reduce(%1) {kind = sum, axes = [0, 1, 2], keep_dims = false}
         } -> ("0" = %2))");
  EXPECT_EQ(message_of([&] { engine_of(plan_file_of(program, edges())); }),
            "the arena of slot \"0\", f32[] made of \"a\", \"b\", \"c\" (most of it f32[65536, "
            "65536, 65536] of pointwise) needs 1125899906842624 bytes, and this machine has not so "
            "many free; use a machine with more memory");
}

TEST(Memory, cube_of_a_loaded_plan_is_named) {
  const Folder folder;
  plan::PlanFile file = plan_file_of(program_of(kAddsCube, kCube), edges());
  plan::write_plan(*base::atomic_file_writer(folder / "cube.plan"), file);
  const std::string message =
      message_of([&] { Engine::load(folder / "cube.plan", {.device = test_device()}); });
  EXPECT_NE(message.find("slot \"0\", f32[65536, 65536, 65536]"), std::string::npos) << message;
}

TEST(Memory, plan_with_a_tensor_of_more_than_64_bits_is_a_plan_error) {
  const Folder folder;
  const plan::PlanFile file = plan_file_of(
      program_of("graph (x: f32[2097152, 2097152, 2097152]) {\n  %1 = pointwise(%x) {relu(a)}\n"
                 "} -> (y = %1)",
                 "graph () {\n} -> ()"),
      {});
  plan::write_plan(*base::atomic_file_writer(folder / "cube.plan"), file);
  try {
    Engine::load(folder / "cube.plan", {.device = test_device()});
    FAIL() << "no error";
  } catch (const PlanError& error) {
    EXPECT_EQ(error.what(), base::quoted((folder / "cube.plan").native()) +
                                ": f32[2097152, 2097152, 2097152] of input \"x\" has more bytes "
                                "than any memory; give smaller extents");
  }
}

/// An engine whose output is a cube of its inputs' edges, or the sum over it.
class Cube : public ::testing::TestWithParam<const char*> {
 protected:
  Engine engine = engine_of(plan_file_of(
      program_of(std::string("graph (a: f32[n, 1, 1], b: f32[1, m, 1], c: f32[1, 1, k]) {\n"
                             "  %1 = pointwise(%a, %b, %c) {add(add(a, b), c)}\n") +
                     GetParam(),
                 "graph () {\n} -> ()"),
      {}));
  Context context{engine};

  std::string refusal(int64_t edge = kEdge) {
    const Arrays arrays = edges(edge);
    return message_of([&] { context.run(views_of(arrays)); });
  }
};

constexpr const char* kOutput = "} -> (y = %1)";
constexpr const char* kArena =
    "  %2 = reduce(%1) {kind = sum, axes = [0, 1, 2], keep_dims = false}\n} -> (y = %2)";
INSTANTIATE_TEST_SUITE_P(Memory, Cube, ::testing::Values(kOutput, kArena));

TEST_P(Cube, of_a_run_is_named) {
  EXPECT_EQ(refusal(),
            std::string(GetParam() == kOutput ? "output \"y\" f32[65536, 65536, 65536]"
                                              : "the arena (most of it f32[65536, 65536, 65536] of "
                                                "pointwise)") +
                " needs 1125899906842624 bytes, and this machine has not so many free; "
                "give smaller inputs");
}

TEST_P(Cube, of_more_than_64_bits_is_named) {
  EXPECT_EQ(refusal(int64_t{1} << 21),
            "f32[2097152, 2097152, 2097152] of pointwise has more bytes than any memory; give "
            "smaller extents");
}

TEST_P(Cube, leaves_the_context_as_it_was) {
  refusal();
  const Arrays arrays = edges(2);
  const Outputs outputs = context.run(views_of(arrays));
  for (const float value : outputs["y"].as<float>())
    EXPECT_EQ(value, GetParam() == kOutput ? 3 : 24);
}

TEST(Memory, copy_of_a_broadcast_weight_is_named) {
  const Engine engine = engine_of(plan_file_of(product_program(4), product_weights(4, 1, 1, 1)));
  Refitter refitter(engine);
  const float one = 1;
  const TensorView view(&one, DType::f32, {kEdge, kEdge, kEdge}, {0, 0, 0});
  EXPECT_EQ(
      message_of([&] { refitter.set("a", view); }),
      "a copy of weight \"a\" f32[65536, 65536, 65536] needs 1125899906842624 bytes, and this "
      "machine has not so many free; use a machine with more memory");
  EXPECT_TRUE(refitter.commit().changed.empty());
}

TEST(Memory, dense_copy_of_a_broadcast_input_is_named) {
  const Engine engine = engine_of(plan_file_of(
      program_of("graph (x: f32[n, n, n]) {\n  %1 = reduce(%x) {kind = sum, axes = [0, 1, 2], "
                 "keep_dims = false}\n} -> (y = %1)",
                 "graph () {\n} -> ()"),
      {}));
  const float one = 1;
  const TensorView view(&one, DType::f32, {kEdge, kEdge, kEdge}, {0, 0, 0});
  const std::string message = message_of([&] { Context(engine).run({{"x", view}}); });
  EXPECT_NE(message.find("input \"x\" f32[65536, 65536, 65536] needs 1125899906842624 bytes"),
            std::string::npos)
      << message;
}

}  // namespace
}  // namespace tenon::runtime::testing
