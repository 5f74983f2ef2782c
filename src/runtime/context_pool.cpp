// Contexts lent to callers on any thread.
#include "tenon/context.h"

namespace tenon {

ContextPool::ContextPool(const Engine& engine) : engine_(engine) {}

Outputs ContextPool::run(const std::map<std::string, TensorView>& inputs,
                         const WeightSet& weights) {
  const Lease context = take();
  return context->run(inputs, weights);
}

uint64_t ContextPool::run(const std::map<std::string, TensorView>& inputs,
                          const std::map<std::string, TensorView>& out, const WeightSet& weights) {
  const Lease context = take();
  return context->run(inputs, out, weights);
}

ContextPool::Lease ContextPool::take() {
  const auto give_back = [this](Context* context) {
    const std::lock_guard lock(mutex_);
    free_.emplace_back(context);
  };
  const std::lock_guard lock(mutex_);
  if (free_.empty()) return {new Context(engine_), give_back};
  Context* context = free_.back().release();
  free_.pop_back();
  return {context, give_back};
}

}  // namespace tenon
