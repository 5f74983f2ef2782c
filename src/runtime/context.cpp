// The public faces of running: a context, and its profile.
#include "tenon/context.h"

#include <algorithm>

#include "base/error.h"
#include "runtime/runner.h"
#include "runtime/timed_backend.h"

namespace tenon {

using namespace runtime;

struct Context::Impl : Runner {
  using Runner::Runner;
};

Context::Context(const Engine& engine) : impl_(std::make_unique<Impl>(engine.impl())) {}
Context::~Context() = default;
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;

Outputs Context::run(const std::map<std::string, TensorView>& inputs, const WeightSet& weights) {
  Outputs outputs;
  outputs.version = impl_->run({.inputs = inputs, .weights = weights, .fresh = &outputs},
                               *impl_->engine().backend);
  return outputs;
}

uint64_t Context::run(const std::map<std::string, TensorView>& inputs,
                      const std::map<std::string, TensorView>& out, const WeightSet& weights) {
  return impl_->run({.inputs = inputs, .weights = weights, .out = &out}, *impl_->engine().backend);
}

std::vector<double> Context::profile(const std::map<std::string, TensorView>& inputs, int runs) {
  if (runs < 1) base::fail(ErrorCode::invalid_input, "profile: {} runs; give 1 or more", runs);
  TimedBackend timed(*impl_->engine().backend);
  const auto& steps = impl_->engine().lowered.main.steps;
  const auto has_kernel = [](const lower::Step& step) { return step.kernel != nullptr; };
  std::vector<std::vector<double>> by_layer(
      static_cast<size_t>(std::ranges::count_if(steps, has_kernel)));
  const std::map<std::string, TensorView> no_outputs;
  for (int run = 0; run <= runs; ++run) {
    impl_->run({.inputs = inputs, .weights = {}, .out = &no_outputs}, timed);
    const std::vector<double> seconds = timed.take_seconds();
    for (size_t i = 0; run > 0 && i < seconds.size(); ++i) by_layer[i].push_back(seconds[i]);
  }
  std::vector<double> medians;
  for (std::vector<double>& seconds : by_layer) {
    const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
    std::nth_element(seconds.begin(), middle, seconds.end());
    medians.push_back(*middle);
  }
  return medians;
}

}  // namespace tenon
