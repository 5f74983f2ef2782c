// Every vector kernel, tactic and thread count against the reference, over awkward shapes.
#include <gtest/gtest.h>

#include "cpu/cpu.h"
#include "cpu/test_call.h"

namespace tenon::cpu {

namespace {

const std::shared_ptr<kernel::Backend>& backend() {
  static const auto made = cpu_backend(2);
  return made;
}

/// A tensor that the outputs must equal within 1e-5 · max(1, max|want|).
void expect_close(const Tensor& got, const Tensor& want, const std::string& where) {
  const auto g = values_of(got), w = values_of(want);
  double greatest = 1;
  for (const double value : w)
    greatest = std::max(greatest, std::isfinite(value) ? std::abs(value) : 0);
  ASSERT_EQ(g.size(), w.size());
  for (size_t i = 0; i < g.size(); ++i) {
    if (std::isnan(w[i]) && std::isnan(g[i])) continue;
    if (std::isinf(w[i]) && w[i] == g[i]) continue;
    ASSERT_NEAR(g[i], w[i], 1e-5 * greatest) << where << ", element " << i;
  }
}

/// Runs all kernels that accept, each with all its tactics, by one and by two threads, whose bits
/// must be equal. Returns how many runs there were.
int check_all(const TestCall& test, const std::vector<ir::Layout>& follows = {{}}) {
  TestCall call = test;
  call.call.target = &backend()->target();
  const auto want = run_reference(*backend(), call);
  int runs = 0;
  for (const auto& kernel : backend()->kernels(call.call.op)) {
    if (kernel::refusal(kernel, call.call) || kernel.name.ends_with(".reference")) continue;
    for (const auto& tactic : kernel::tactics_of(kernel, call.call)) {
      for (const ir::Layout& follow : follows) {
        const std::string where = std::string(kernel.name) + " " + tactic.name;
        const auto one = run_kernel(*backend(), kernel, call, {tactic.id, 1, follow});
        const auto two = run_kernel(*backend(), kernel, call, {tactic.id, 2, follow});
        expect_close(one.outputs[0], want.outputs[0], where);
        EXPECT_EQ(std::memcmp(one.outputs[0].data(), two.outputs[0].data(), one.outputs[0].bytes()),
                  0)
            << where << ": bits depend on the thread count";
        ++runs;
      }
    }
  }
  return runs;
}

bool has_vectors() { return !backend()->target().features.empty(); }

Tensor random(Shape shape, uint64_t seed) {
  return random_tensor(DType::f32, std::move(shape), seed);
}

Tensor absent() { return Tensor(); }

// ---- matmul ----

TestCall matmul(ir::MatMul op, Shape a, Shape b, bool bias, bool weight) {
  const int64_t n = b[b.size() - (op.transpose_b ? 2 : 1)];
  std::vector<Tensor> inputs{random(std::move(a), 1), random(std::move(b), 2)};
  if (bias) inputs.push_back(random({n}, 3));
  return make_test_call(op, std::move(inputs), weight ? 6 : 0);
}

TEST(VectorMatMul, equals_the_reference_at_awkward_extents) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  for (const int64_t m : {1, 2, 3, 7, 13, 65}) {
    for (const int64_t n : {1, 10, 16, 47, 129, 201}) {
      for (const int64_t k : {1, 9, 64, 300}) {
        for (const bool transposed : {false, true}) {
          ir::MatMul op{.transpose_b = transposed};
          if (k == 9) op.act = ir::Activation::relu;
          const Shape b = transposed ? Shape{n, k} : Shape{k, n};
          EXPECT_GE(check_all(matmul(op, {m, k}, b, k != 64, true)), 3)
              << m << " " << n << " " << k;
        }
      }
    }
  }
}

TEST(VectorMatMul, folds_and_broadcasts_batches) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  EXPECT_GE(check_all(matmul({}, {2, 3, 5, 7}, {7, 19}, true, true)), 3);
  EXPECT_GE(check_all(matmul({}, {2, 1, 5, 7}, {3, 7, 19}, true, false)), 1);
  EXPECT_GE(check_all(matmul({.transpose_b = true}, {4, 5, 7}, {4, 19, 7}, false, false)), 1);
}

TEST(VectorMatMul, takes_a_transposed) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  EXPECT_GE(check_all(matmul({.transpose_a = true}, {33, 21}, {33, 40}, true, true)), 2);
  EXPECT_GE(check_all(matmul({.transpose_a = true}, {3, 33, 21}, {33, 40}, true, true)), 2);
  EXPECT_GE(
      check_all(matmul({.transpose_a = true, .transpose_b = true}, {33, 21}, {40, 33}, true, true)),
      1);
}

TEST(VectorMatMul, sums_over_nothing_are_the_bias) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  EXPECT_GE(check_all(matmul({}, {3, 0}, {0, 19}, true, true)), 3);
}

TEST(VectorMatMul, a_nan_passes_the_activation) {
  if (!has_vectors()) GTEST_SKIP() << "no vector unit";
  auto test = matmul({.act = ir::Activation::clip, .act_min = -0.5, .act_max = 0.5}, {2, 5},
                     {5, 35}, true, true);
  test.inputs[0].as<float>()[0] = std::nanf("");
  EXPECT_GE(check_all(test), 3);
}

TEST(VectorMatMul, transposed_weights_need_no_pack_for_rows) {
  for (const auto& kernel : backend()->kernels(ir::MatMul{})) {
    if (!kernel.pack) continue;
    auto call = matmul({.transpose_b = true}, {1, 8}, {4, 8}, false, true).call;
    for (const auto& tactic : kernel.tactics(call)) {
      call.tactic = tactic.id;
      EXPECT_EQ(kernel.pack(call).nodes().empty(), tactic.name == "rows") << kernel.name;
    }
  }
}

}  // namespace

}  // namespace tenon::cpu
