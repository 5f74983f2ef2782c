// What the tests of vector kernels share: the comparison with the reference, and calls.
#pragma once

#include <gtest/gtest.h>

#include "cpu/call_for_test.h"
#include "cpu/cpu.h"

namespace tenon::cpu {

inline const std::shared_ptr<kernel::Backend>& backend() {
  static const auto made = cpu_backend(2);
  return made;
}

/// A tensor that the outputs must equal within 1e-5 · max(1, max|want|).
inline void expect_close(const Tensor& got, const Tensor& want, const std::string& where) {
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
inline int check_all(const TestCall& test, const std::vector<ir::Layout>& follows = {{}}) {
  TestCall call = test;
  call.call.target = &backend()->target();
  const auto want = run_reference(*backend(), call);
  int runs = 0;
  for (const auto& kernel : backend()->kernels(call.call.op)) {
    if (kernel::refusal(kernel, call.call) || kernel::is_reference(kernel)) continue;
    for (const auto& tactic : kernel::tactics_of(kernel, call.call, *backend())) {
      for (const ir::Layout& follow : follows) {
        const std::string where = std::string(kernel.name) + " " + tactic.name;
        const auto one = run_kernel(*backend(), kernel, call, {tactic.name, 1, follow});
        const auto two = run_kernel(*backend(), kernel, call, {tactic.name, 2, follow});
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

inline bool has_vectors() { return !backend()->target().features.empty(); }

inline Tensor random(Shape shape, uint64_t seed) {
  return random_tensor(DType::f32, std::move(shape), seed);
}

/// What a conv or matmul is followed by, and the extents of what that reads: those of the result,
/// 1 for "1", and a mask for "m".
struct EpilogueCase {
  const char* text;
  std::vector<std::string> operands;  // an axis a character
};

// For results of four axes.
inline const std::vector<EpilogueCase>& epilogue_cases() {
  static const std::vector<EpilogueCase> cases{
      {"max(a, 0)", {}},
      {"max(min(a, 0.5), -0.25)", {}},
      {"min(max(a, 2), 1)", {}},
      {"mul(a, sigmoid(a))", {}},
      {"mul(mul(a, 0.5), add(erf(div(a, 1.4142135)), 1))", {}},
      {"mul(a, min(max(add(div(a, 6), 0.5), 0), 1))", {}},
      {"mul(a, tanh(softplus(a)))", {}},
      {"add(a, b)", {"nchw"}},
      {"relu(add(b, a))", {"nchw"}},
      {"min(max(add(a, b), -0.5), 0.5)", {"nchw"}},
      {"add(a, b)", {"1c11"}},
      {"add(a, b)", {"n1hw"}},
      {"mul(a, b)", {"111w"}},
      {"mul(a, b)", {"11h1"}},
      {"mul(sigmoid(a), b)", {"n111"}},
      {"mul(a, b)", {""}},
      {"where(b, a, -1)", {"mn1hw"}},
      {"relu(add(mul(a, b), c))", {"1c11", "nchw"}},
      {"add(mul(a, b), mul(c, sub(d, e)))", {"nchw", "nc11", "nchw", "1111"}},
  };
  return cases;
}

/// The same call with an epilogue.
template <class Op>
TestCall followed_by(const EpilogueCase& each, Op op, std::vector<Tensor> inputs,
                     const Shape& result) {
  op.epilogue = ir::Expression::parse(each.text);
  for (std::string_view axes : each.operands) {
    const bool mask = axes.starts_with('m');
    if (mask) axes.remove_prefix(1);
    Shape shape;
    for (size_t i = 0; i < axes.size(); ++i) shape.push_back(axes[i] == '1' ? 1 : result[i]);
    Tensor operand = random(shape, inputs.size() + 1);
    if (mask) {
      std::vector<double> values = values_of(operand);
      for (double& value : values) value = value < 0;
      operand = tensor_of(DType::bool_, shape, values);
    }
    inputs.push_back(std::move(operand));
  }
  return make_test_call(std::move(op), std::move(inputs), 6);
}

struct Image {
  int64_t n, c, h, w;
};

inline TestCall conv(const ir::Conv& op, Image x, int64_t o, int64_t kernel_h, int64_t kernel_w,
                     bool bias = true) {
  std::vector<Tensor> inputs{random({x.n, x.c, x.h, x.w}, 1),
                             random({o, x.c, kernel_h, kernel_w}, 2)};
  if (bias) inputs.push_back(random({o}, 3));
  return make_test_call(op, std::move(inputs), 6);
}

}  // namespace tenon::cpu
