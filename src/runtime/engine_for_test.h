// Engines over hand-written programs: the runtime's tests may not include the passes.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "base/error.h"
#include "ir/text.h"
#include "runtime/backends.h"
#include "runtime/engine_impl.h"
#include "tenon/context.h"
#include "tenon/refitter.h"

namespace tenon::runtime::testing {

/// The device under test.
inline std::string test_device() {
  const char* device = std::getenv("TENON_TEST_DEVICE");
  return device && *device ? device : "cpu";
}

/// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tenon_runtime_XXXXXX").native();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  size_t files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::filesystem::path path_;
};

/// An f32 tensor with one value everywhere.
inline Tensor full(const Shape& shape, float value) {
  Tensor tensor(DType::f32, shape);
  for (float& element : tensor.as<float>()) element = value;
  return tensor;
}

inline weights::TensorSource source_over(const Tensor& tensor) {
  const base::Bytes bytes(static_cast<const std::byte*>(tensor.data()), tensor.bytes());
  return {tensor.dtype(), tensor.shape(), base::memory_source(bytes, tensor.owner()), 0};
}

/// A program of two graph texts; weights are refittable, constants are not.
inline ir::Program program_of(const std::string& main, const std::string& weights) {
  ir::Program program;
  program.main = ir::parse(main);
  program.weights = ir::parse(weights);
  for (const ir::ValueId id : program.weights.leaves()) {
    const ir::GraphValue& leaf = program.weights.value(id);
    const bool weight = leaf.origin == ir::Origin::weight;
    program.leaves.push_back({.name = leaf.name,
                              .type = leaf.value.type,
                              .refittable = weight,
                              .reason = weight ? "" : "a constant of the model"});
  }
  std::sort(program.leaves.begin(), program.leaves.end(),
            [](const ir::Leaf& a, const ir::Leaf& b) { return a.name < b.name; });
  return program;
}

/// y = x a (b' * s) over `n` x `n` matrices: slot "0" is a weight itself, slot "1" is made of two.
/// With x of ones and a, b, s the same everywhere, y is n * n * a * b * s everywhere.
inline ir::Program product_program(int64_t n) {
  const std::string square = fmt::format("f32[{}, {}]", n, n);
  return program_of(fmt::format(R"(graph (x: f32[1, {}]) {{
                                     %1 = matmul(%x, @"0": {})
                                     %2 = matmul(%1, @"1": {})
                                   }} -> (y = %2))",
                                n, square, square),
                    fmt::format(R"(graph () {{
                                     %1 = transpose("b": {}) {{permutation = [1, 0]}}
                                     %2 = pointwise(%1, "s": f32[{}]) {{mul(a, b)}}
                                   }} -> ("0" = "a": {}, "1" = %2))",
                                square, n, square));
}

using Arrays = std::map<std::string, Tensor>;

/// Values for product_program(n).
inline Arrays product_weights(int64_t n, float a, float b, float s) {
  return {{"a", full({n, n}, a)}, {"b", full({n, n}, b)}, {"s", full({n}, s)}};
}

inline plan::PlanFile plan_file_of(ir::Program program, const Arrays& weights) {
  plan::PlanFile file;
  file.plan.program = std::move(program);
  for (const auto& [name, tensor] : weights) file.sources[name] = source_over(tensor);
  return file;
}

inline Engine engine_of(plan::PlanFile file, EngineOptions options = {},
                        std::shared_ptr<kernel::Backend> backend = nullptr) {
  options.device = test_device();
  if (!backend) backend = make_backend(options.device, 1);
  lower::Options lowering{.tactics = lower::Tactics::first};
  return Engine(make_engine(std::move(file), std::move(backend), lowering, options));
}

inline std::map<std::string, TensorView> views_of(const Arrays& arrays) {
  return {arrays.begin(), arrays.end()};
}

/// The one value of product_program's output; fails where its elements differ.
inline float product_of(const Tensor& y) {
  for (const float value : y.as<float>()) EXPECT_EQ(value, y.as<float>()[0]);
  return y.as<float>()[0];
}

inline float run_product(const Engine& engine, int64_t n, const WeightSet& weights = {}) {
  const Tensor x = full({1, n}, 1);
  const Outputs outputs = Context(engine).run({{"x", x}}, RunOptions{.weights = weights});
  EXPECT_EQ(outputs.version, weights ? weights.version() : engine.version());
  return product_of(outputs["y"]);
}

/// The problems of a refit that must be refused; each is one line.
template <class Refit>
std::vector<std::string> problems_of(Refit&& refit) {
  try {
    refit();
  } catch (const RefitError& error) {
    for (const std::string& problem : error.problems())
      EXPECT_EQ(problem.find('\n'), std::string::npos) << problem;
    return error.problems();
  }
  ADD_FAILURE() << "the refit was accepted";
  return {};
}

/// The code of the Error that `f` throws.
template <class F>
ErrorCode code_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

/// An engine of a main graph, and what its slots are made of.
inline Engine engine_of_text(const std::string& main,
                             const std::string& weights = "graph () {\n} -> ()",
                             const Arrays& arrays = {}) {
  return engine_of(plan_file_of(program_of(main, weights), arrays));
}

/// 0, 1, 2, …
inline Tensor counted(const Shape& shape) {
  Tensor tensor(DType::f32, shape);
  std::iota(tensor.as<float>().begin(), tensor.as<float>().end(), 0.0F);
  return tensor;
}

inline std::vector<float> values_of(const Tensor& tensor) {
  return {tensor.as<float>().begin(), tensor.as<float>().end()};
}

inline std::string input_error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace tenon::runtime::testing
