// How compiling, signatures, lists of weights and plans grow with the number of steps.
//
//   scale [STEPS…]      prints one JSON list of objects, in seconds
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>

#include "base/byte_source.h"
#include "build/compile.h"
#include "ir/ops.h"
#include "lower/executable.h"

namespace {

using namespace tenon;

constexpr int64_t kWidth = 32;

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(int times, const std::function<void()>& work) {
  std::vector<double> samples;
  for (int i = 0; i < times; ++i) samples.push_back(seconds(work));
  std::ranges::nth_element(samples, samples.begin() + times / 2);
  return samples[static_cast<size_t>(times / 2)];
}

/// The steps with kernels that prepare nothing.
lower::Executable without_prepare(lower::Executable executable,
                                  std::deque<kernel::Kernel>& kernels) {
  for (lower::Step& step : executable.steps) {
    kernels.push_back(*step.kernel);
    kernels.back().prepare = nullptr;
    step.kernel = &kernels.back();
  }
  return executable;
}

/// Two sequences of unknown lengths that exchange their means: matmul, residual, norm, softmax by
/// heads, concat, matmul; nine steps a block, and three where the sequences meet.
class Model {
 public:
  explicit Model(int steps) {
    const ir::Dim s = ir::Dim::symbol("s"), t = ir::Dim::symbol("t");
    std::array<ir::ValueId, 2> values = {graph_.input("x", {DType::f32, {s, kWidth}}),
                                         graph_.input("y", {DType::f32, {t, kWidth}})};
    const std::array<ir::Dim, 2> lengths = {s, t};
    for (size_t i = 0; count_ < steps; ++i) {
      values[i % 2] = block(values[i % 2], lengths[i % 2]);
      if (i % 16 == 15) values[0] = meet(values);
    }
    graph_.output("x", values[0]);
    graph_.output("y", values[1]);
  }

  ir::Network network() {
    ir::Network network{graph_.finish(), {}};
    for (const auto& [name, source] : sources_) {
      network.leaves.push_back({.name = name, .type = {DType::f32, dims(source.shape)}});
    }
    return network;
  }
  const std::map<std::string, weights::TensorSource>& sources() const { return sources_; }

 private:
  static ir::Dims dims(const Shape& shape) { return {shape.begin(), shape.end()}; }

  ir::ValueId add(const ir::Op& op, std::vector<ir::ValueId> inputs) {
    count_ += !op.as<ir::Reshape>();
    return graph_.add(op, std::move(inputs));
  }

  ir::ValueId combine(ir::Scalar scalar, ir::ValueId a, ir::ValueId b) {
    return add(ir::Pointwise{ir::Expression::of(scalar)}, {a, b});
  }

  ir::ValueId matmul(ir::ValueId x, int64_t depth) {
    const std::string name = "w" + std::to_string(sources_.size());
    const Tensor value(DType::f32, {depth, kWidth});
    sources_.emplace(name, weights::copy_of(value));
    return add(ir::MatMul{}, {x, graph_.weight(name, {DType::f32, dims(value.shape())})});
  }

  ir::ValueId mean(ir::ValueId x, int64_t axis, ir::ReduceKind kind = ir::ReduceKind::mean) {
    return add(ir::Reduce{.kind = kind, .axes = {axis}}, {x});
  }

  ir::ValueId block(ir::ValueId x, const ir::Dim& length) {
    x = combine(ir::Scalar::add, x, matmul(x, kWidth));
    x = combine(ir::Scalar::sub, x, mean(x, 1));
    x = combine(ir::Scalar::div, x, mean(x, 1, ir::ReduceKind::l2));
    ir::ValueId heads = add(ir::Reshape{{length, 4, kWidth / 4}}, {x});
    heads = add(ir::Softmax{}, {heads});
    return matmul(add(ir::Concat{1}, {x, add(ir::Reshape{{length, kWidth}}, {heads})}), 2 * kWidth);
  }

  ir::ValueId meet(std::span<const ir::ValueId> values) {
    const ir::ValueId both = add(ir::Concat{0}, {values.begin(), values.end()});
    return combine(ir::Scalar::add, values[0], mean(both, 0));
  }

  ir::GraphBuilder graph_;
  std::map<std::string, weights::TensorSource> sources_;
  int count_ = 0;
};

void measure(int steps, bool last) {
  Model model(steps);
  BuildOptions options;
  options.tactics = Tactics::first;
  std::shared_ptr<Engine::Impl> impl;
  ir::Network network = model.network();
  const double compile =
      seconds([&] { impl = compiler::compile(std::move(network), model.sources(), options); });
  std::deque<kernel::Kernel> kernels;
  const lower::Executable main = without_prepare(impl->lowered.main, kernels);
  int64_t extent = 10;
  const double signature = median(9, [&] {
    ++extent;
    lower::make_signature(main, {{"s", extent}, {"t", 2 * extent}}, *impl->backend);
  });
  const Engine engine(impl);
  const double weights = median(5, [&] { engine.weights(); });
  const auto plan = std::filesystem::temp_directory_path() / "tenon_scale.plan";
  const double save = seconds([&] { engine.save(plan); });
  const double load = seconds([&] { Engine::load(plan); });
  std::filesystem::remove(plan);
  std::printf(
      "{\"steps\": %zu, \"compile\": %.6f, \"signature\": %.6f, \"weights\": %.6f, "
      "\"save\": %.6f, \"load\": %.6f}%s\n",
      main.steps.size(), compile, signature, weights, save, load, last ? "]" : ",");
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<int> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::atoi(argv[i]));
  if (sizes.empty()) sizes = {2500, 5000, 10000, 20000};
  std::printf("[");
  for (const int steps : sizes) measure(steps, steps == sizes.back());
  return 0;
}
