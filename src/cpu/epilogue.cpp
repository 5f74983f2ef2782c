// The pointwise call behind a conv or matmul.
#include "cpu/epilogue.h"

#include "ir/ops/epilogue.h"
#include "ir/ops/pointwise.h"

namespace tenon::cpu {

namespace {

constexpr auto first = static_cast<size_t>(ir::first_epilogue_operand);

Call pointwise_call(const Call& call) {
  Call result{.op = ir::Pointwise{*ir::epilogue_of(call.op)},
              .inputs = {call.outputs[0]},
              .outputs = {call.outputs[0]}};
  for (size_t i = first; i < call.inputs.size(); ++i) result.inputs.push_back(call.inputs[i]);
  return result;
}

}  // namespace

ReferenceEpilogue::ReferenceEpilogue(const Call& call) : call_(pointwise_call(call)) {
  if (!ir::epilogue_of(call.op)->empty()) interpreter_.emplace(call_);
}

void ReferenceEpilogue::run(const Launch& launch) const noexcept {
  if (!interpreter_) return;
  Launch pointwise = launch;
  pointwise.call = &call_;
  const size_t operands = call_.inputs.size();
  pointwise.buffers[0] = pointwise.buffers[operands] = launch.output<void>(0);
  for (size_t i = 1; i < operands; ++i) pointwise.buffers[i] = launch.buffers[first + i - 1];
  interpreter_->run(pointwise);
}

}  // namespace tenon::cpu
