// Three launches in a row.
#include "kernel/attention.h"

#include <algorithm>

#include "ir/ops/attention.h"
#include "ir/ops/matmul.h"
#include "ir/ops/softmax.h"
#include "kernel/select.h"

namespace tenon::kernel {
namespace {

constexpr auto first_trailing = static_cast<size_t>(ir::first_epilogue_operand);
constexpr size_t alignment = 256;

// Runs of others are never of a weight: what is packed would be another operand.
Operand computed(Operand operand) {
  operand.weight = false;
  return operand;
}

Operand scores_of(const Call& call) {
  const Operand& y = call.outputs[0];
  Operand scores{.dtype = y.dtype, .dims = y.dims};
  scores.dims.back() = call.inputs[1].dims[call.inputs[1].dims.size() - 2];
  return scores;
}

size_t aligned(size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

}  // namespace

Call scores_call(const Call& attention) {
  const auto& op = attention.as<ir::Attention>();
  Call call{.op = ir::MatMul{.transpose_b = true, .epilogue = op.scores, .tf32 = op.tf32},
            .inputs = {computed(attention.inputs[0]), computed(attention.inputs[1])},
            .outputs = {scores_of(attention)},
            .target = attention.target};
  if (attention.inputs.size() > first_trailing) call.inputs.push_back({.present = false});
  for (size_t i = first_trailing; i < attention.inputs.size(); ++i)
    call.inputs.push_back(computed(attention.inputs[i]));
  return call;
}

Call values_call(const Call& attention) {
  return {.op = ir::MatMul{.tf32 = attention.as<ir::Attention>().tf32},
          .inputs = {scores_of(attention), computed(attention.inputs[2])},
          .outputs = {attention.outputs[0]},
          .target = attention.target};
}

ComposedAttention::Part::Part(Call made, Backend& backend, const Choose& choose)
    : call(std::move(made)), kernel(choose(call)) {
  call.tactic = tactics_of(kernel, call, backend).front().name;
  prepared = prepare(kernel, call, backend);
}

ComposedAttention::ComposedAttention(const Call& call, Backend& backend, const Choose& choose)
    : scores_(scores_call(call), backend, choose),
      softmax_({.op = ir::Softmax{},
                .inputs = {scores_of(call)},
                .outputs = {scores_of(call)},
                .target = call.target},
               backend, choose),
      values_(values_call(call), backend, choose),
      scores_bytes_(aligned(scores_of(call).bytes())) {}

size_t ComposedAttention::scratch() const {
  return 2 * scores_bytes_ +
         std::max({scores_.prepared.scratch, softmax_.prepared.scratch, values_.prepared.scratch});
}

void ComposedAttention::run(const Launch& launch) const noexcept {
  auto* const raw = static_cast<std::byte*>(launch.scratch);
  std::byte *const weights = raw + scores_bytes_, *const rest = weights + scores_bytes_;
  const auto start = [&](const Part& part, std::initializer_list<void*> buffers) {
    Launch own = launch;
    own.call = &part.call;
    own.prepared = part.prepared.state.get();
    own.scratch = rest;
    std::copy(buffers.begin(), buffers.end(), own.buffers.begin());
    return own;
  };
  Launch scores = start(scores_, {launch.buffers[0], launch.buffers[1], nullptr});
  const size_t trailing = launch.call->inputs.size() - first_trailing;
  for (size_t i = first_trailing; i < launch.call->inputs.size(); ++i)
    scores.buffers[i] = launch.buffers[i];
  scores.buffers[trailing > 0 ? first_trailing + trailing : 2] = raw;
  scores_.kernel.run(scores);
  softmax_.kernel.run(start(softmax_, {raw, weights}));
  values_.kernel.run(start(values_, {weights, launch.buffers[2], launch.output<void>(0)}));
}

}  // namespace tenon::kernel
