// Signatures: constraints, extents, memory; and running steps.
#include "lower/executable.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lower/run_for_test.h"

namespace tenon::lower {
namespace {

std::string signature_error(const Executable& executable, const Bindings& bindings,
                            FakeBackend& backend) {
  try {
    make_signature(executable, bindings, backend);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(signature, a_broken_constraint_is_an_input_error_with_its_reason) {
  FakeBackend backend;
  const ir::Program program =
      program_of("graph (x: f32[n, k], w: f32[m, 5]) {\n  %1 = matmul(%x, %w)\n} -> (y = %1)",
                 "graph () {\n} -> ()");
  const Lowered lowered = lower_first(program, backend);
  ASSERT_EQ(lowered.main.graph.constraints().size(), 1u);
  const std::string reason = lowered.main.graph.constraints()[0].reason;
  const std::string message =
      signature_error(lowered.main, {{"n", 2}, {"k", 3}, {"m", 4}}, backend);
  EXPECT_EQ(message, reason + ": 3 is not equal to 4");
  EXPECT_EQ(signature_error(lowered.main, {{"n", 2}, {"k", 4}, {"m", 4}}, backend), "");
}

TEST(signature, a_missing_symbol_is_an_input_error) {
  FakeBackend backend;
  const Lowered lowered =
      lower_first(program_of("graph (x: f32[n]) {\n  %1 = pointwise(%x) {relu(a)}\n} -> (y = %1)",
                             "graph () {\n} -> ()"),
                  backend);
  EXPECT_NE(signature_error(lowered.main, {}, backend), "");
}

TEST(signature, a_chain_reuses_two_blocks_and_outputs_take_none) {
  FakeBackend backend;
  std::string text = "graph (x: f32[1024]) {\n  %1 = pointwise(%x) {relu(a)}\n";
  for (int i = 2; i <= 9; ++i)
    text += fmt::format("  %{} = pointwise(%{}) {{relu(a)}}\n", i, i - 1);
  const Lowered lowered =
      lower_first(program_of(text + "} -> (y = %9)", "graph () {\n} -> ()"), backend);
  const auto signature = make_signature(lowered.main, {}, backend);
  EXPECT_EQ(signature->arena_bytes, 2u * 4096);
  const ir::ValueId output = lowered.main.graph.outputs()[0].value;
  EXPECT_EQ(lowered.main.regions[0].outputs, std::vector{output});
  EXPECT_EQ(std::ranges::count(lowered.main.regions[0].arena, output), 0);
}

TEST(signature, scratch_lies_behind_the_values) {
  FakeBackend backend;
  const Lowered lowered = lower_first(
      program_of(
          "graph (x: f32[2, 3]) {\n"
          "  %1 = matmul(%x, @\"w\": f32[3, 5])\n  %2 = pointwise(%1) {relu(a)}\n} -> (y = %2)",
          "graph () {\n} -> (w = \"w\": f32[3, 5])"),
      backend);
  const auto signature = make_signature(lowered.main, {}, backend);
  EXPECT_EQ(signature->scratch_offset, 64u);
  EXPECT_EQ(signature->arena_bytes, 164u);
}

std::string unavailable(const Executable& executable, const Bindings& bindings,
                        FakeBackend& backend) {
  try {
    make_signature(executable, bindings, backend);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unavailable);
    return error.what();
  }
  return "";
}

TEST(signature, a_tensor_of_more_than_63_bits_of_bytes_is_named) {
  FakeBackend backend;
  const Lowered lowered = lower_first(program_of("graph (x: f32[n, n, n]) {\n"
                                                 "  %1 = pointwise(%x) {relu(a)}\n} -> (y = %1)",
                                                 "graph () {\n} -> ()"),
                                      backend);
  // 4 * (2^20)^3 = 2^62 can be told, 4 * (2^21)^3 = 2^65 cannot.
  EXPECT_EQ(unavailable(lowered.main, {{"n", 1 << 20}}, backend), "");
  EXPECT_EQ(unavailable(lowered.main, {{"n", 1 << 21}}, backend),
            "f32[2097152, 2097152, 2097152] of input \"x\" has more bytes than any memory; give "
            "smaller extents");
}

TEST(signature, says_what_takes_the_most_of_its_arena) {
  FakeBackend backend;
  const Lowered lowered = lower_first(
      program_of("graph (x: f32[n, 3]) {\n  %1 = pointwise(%x) {relu(a)}\n"
                 "  %2 = matmul(%1, @\"w\": f32[3, 5])\n  %3 = pointwise(%2) {relu(a)}\n} -> (y = "
                 "%3)",
                 "graph () {\n} -> (w = \"w\": f32[3, 5])"),
      backend);
  const auto largest = [&](int64_t n) {
    return largest_in_arena(lowered.main, lowered.main.regions[0],
                            *make_signature(lowered.main, {{"n", n}}, backend));
  };
  EXPECT_EQ(largest(1), "scratch of matmul");  // 100 bytes, always
  EXPECT_EQ(largest(9), "f32[9, 5] of matmul");
}

TEST(signature, steps_that_repeat_share_a_call) {
  FakeBackend backend;
  const Lowered lowered =
      lower_first(program_of("graph (x: f32[n, 2]) {\n  %1 = pointwise(%x) {relu(a)}\n"
                             "  %2 = reshape(%1) {dims = [2*n]}\n"
                             "  %3 = pointwise(%2) {relu(a)}\n"
                             "  %4 = reshape(%3) {dims = [n, 2]}\n"
                             "  %5 = pointwise(%4) {relu(a)}\n"
                             "  %6 = pointwise(%5) {neg(a)}\n} -> (y = %6)",
                             "graph () {\n} -> ()"),
                  backend);
  EXPECT_EQ(lowered.main.regions[0].calls, (std::vector<int>{0, 1, 0, 2}));
  EXPECT_EQ(make_signature(lowered.main, {{"n", 5}}, backend)->calls.size(), 3u);
}

TEST(signature, shapes_are_logical_extents_of_all_values) {
  FakeBackend backend;
  const Lowered lowered =
      lower_first(program_of("graph (x: f32[n, 2]) {\n  %1 = reshape(%x) {dims = [2*n]}\n"
                             "  %2 = pointwise(%1) {relu(a)}\n} -> (y = %2)",
                             "graph () {\n} -> ()"),
                  backend);
  const auto signature = make_signature(lowered.main, {{"n", 5}}, backend);
  EXPECT_EQ(signature->outputs.at(0).dims, std::vector<int64_t>{10});
}

}  // namespace
}  // namespace tenon::lower
