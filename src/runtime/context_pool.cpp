// Contexts lent to callers on any thread.
#include <algorithm>
#include <iterator>
#include <mutex>

#include "base/fork.h"
#include "tenon/context.h"

namespace tenon {

struct ContextPool::Lock {
  base::Mutex mutex;
};

ContextPool::ContextPool(const Engine& engine) : engine_(engine), lock_(std::make_shared<Lock>()) {}

Outputs ContextPool::run(const std::map<std::string, TensorView>& inputs,
                         const RunOptions& options) {
  const Lease context = take();
  return context->run(inputs, options);
}

uint64_t ContextPool::run(const std::map<std::string, TensorView>& inputs,
                          const std::map<std::string, TensorView>& out, const RunOptions& options) {
  const Lease context = take();
  return context->run(inputs, out, options);
}

ContextPool::Lease ContextPool::take() {
  const auto give_back = [this](Context* context) {
    this->give_back(std::unique_ptr<Context>(context));
  };
  const std::lock_guard lock(lock_->mutex);
  Lease context(nullptr, give_back);
  if (free_.empty()) {
    context.reset(new Context(engine_));
  } else {
    context.reset(free_.back().release());
    free_.pop_back();
  }
  most_taken_ = std::max(most_taken_, ++taken_);
  return context;
}

void ContextPool::give_back(std::unique_ptr<Context> context) {
  constexpr int kRuns = 64;
  std::vector<std::unique_ptr<Context>> dropped;  // behind the lock: it may have much to free
  const std::lock_guard lock(lock_->mutex);
  free_.push_back(std::move(context));
  --taken_;
  if (++runs_ < kRuns) return;
  const size_t kept = std::min(free_.size(), most_taken_ - taken_);
  const auto end = free_.end() - static_cast<std::ptrdiff_t>(kept);
  std::move(free_.begin(), end, std::back_inserter(dropped));
  free_.erase(free_.begin(), end);
  most_taken_ = taken_;
  runs_ = 0;
}

}  // namespace tenon
