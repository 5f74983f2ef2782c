// The public faces of running: a context, and its profile.
#include "tenon/context.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "runtime/runner.h"

namespace tenon {

using namespace runtime;

struct Context::Impl : Runner {
  using Runner::Runner;
};

struct Run::Impl {
  std::shared_ptr<Context::Impl> context;  // what is queued uses its memory
  Submitted submitted;
  Outputs outputs;
  std::exception_ptr error;

  /// On the host the run is over: what remains to be told is told to `error`.
  void start(const RunRequest& request) noexcept {
    try {
      submitted = context->submit(request);
      outputs.version = submitted.version;
      if (context->engine().backend->host_memory()) std::exchange(submitted, {}).wait();
    } catch (...) {
      error = std::current_exception();
    }
  }
  void finish() noexcept {
    try {
      if (submitted.done) std::exchange(submitted, {}).wait();
    } catch (...) {
      error = std::current_exception();
    }
  }
};

const Tensor& Outputs::operator[](const std::string& name) const {
  if (const auto found = tensors.find(name); found != tensors.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, tensor] : tensors) names.push_back(known);
  const std::string near = base::nearest(name, names);
  throw InputError(fmt::format("output {} is not among those of this run{}", base::quoted(name),
                               near.empty() ? "; it gave: " + base::join(names, ", ")
                                            : "; the nearest is " + base::quoted(near)));
}

Run::Run(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Run::Run(Run&&) noexcept = default;
Run::~Run() {
  if (impl_) impl_->finish();
}

Run& Run::operator=(Run&& other) noexcept {
  if (impl_) impl_->finish();
  impl_ = std::move(other.impl_);
  return *this;
}

const Outputs& Run::wait() {
  impl_->finish();
  if (impl_->error) std::rethrow_exception(impl_->error);
  return impl_->outputs;
}

bool Run::done() const { return !impl_->submitted.done || impl_->submitted.done->done(); }

uint64_t Run::version() const { return impl_->outputs.version; }

Context::Context(const Engine& engine) : impl_(std::make_shared<Impl>(engine.impl())) {}
Context::~Context() = default;
Context::Context(Context&&) noexcept = default;
Context& Context::operator=(Context&&) noexcept = default;

Outputs Context::run(const std::map<std::string, TensorView>& inputs, const RunOptions& options) {
  Outputs outputs;
  outputs.version = impl_->run({.inputs = inputs, .options = options, .fresh = &outputs});
  return outputs;
}

uint64_t Context::run(const std::map<std::string, TensorView>& inputs,
                      const std::map<std::string, TensorView>& out, const RunOptions& options) {
  return impl_->run({.inputs = inputs, .options = options, .out = &out});
}

Run Context::submit(const std::map<std::string, TensorView>& inputs, const RunOptions& options) {
  auto run = std::make_unique<Run::Impl>(impl_);
  run->start({.inputs = inputs, .options = options, .fresh = &run->outputs});
  return Run(std::move(run));
}

Run Context::submit(const std::map<std::string, TensorView>& inputs,
                    const std::map<std::string, TensorView>& out, const RunOptions& options) {
  auto run = std::make_unique<Run::Impl>(impl_);
  run->start({.inputs = inputs, .options = options, .out = &out});
  return Run(std::move(run));
}

std::vector<LayerTime> Context::profile(const std::map<std::string, TensorView>& inputs, int runs) {
  if (runs < 1) base::fail(ErrorCode::invalid_input, "profile: {} runs; give 1 or more", runs);
  const std::map<std::string, TensorView> no_outputs;
  std::vector<std::vector<LayerTime>> by_layer;
  for (int run = 0; run <= runs; ++run) {
    std::vector<LayerTime> times;
    this->run(inputs, no_outputs, {.step_times = &times});
    by_layer.resize(times.size());
    for (size_t i = 0; run > 0 && i < times.size(); ++i) by_layer[i].push_back(times[i]);
  }
  std::vector<LayerTime> medians;
  for (std::vector<LayerTime>& times : by_layer) {
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::ranges::nth_element(times, middle, {}, &LayerTime::seconds);
    medians.push_back(*middle);
  }
  return medians;
}

}  // namespace tenon
