// Engine::explain(): what was chosen and why, and what the program owes to the values of weights.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "ir/elements.h"
#include "runtime/engine_impl.h"

namespace tenon {

using namespace runtime;

namespace {

/// Passes are known here by the names that guards bear.
struct Gain {
  std::string_view pass, text;
};
constexpr std::array gains{
    Gain{"gelu", "a GELU is one expression, computed where its input is made"},
    Gain{"power", "a power is products or a reciprocal"},
};

std::string_view gain_of(std::string_view pass) {
  const auto found = std::ranges::find(gains, pass, &Gain::pass);
  return found == gains.end() ? "a shorter program" : found->text;
}

std::string guard_text(const LeafState& state, const ir::Guard& guard) {
  const ir::ValueType& type = state.leaf.type;
  const bool scalar = guard.bytes.size() == byte_count(type.dtype, 1);
  return fmt::format("guarded {}: {}{}: pass {}: {}; built without that pass it is refittable\n",
                     base::quoted(guard.weight), type.text(),
                     scalar ? " " + ir::element_text(type.dtype, guard.bytes.data()) : "",
                     guard.pass, gain_of(guard.pass));
}

std::string candidate_text(const lower::Explanation::Candidate& candidate, bool chosen) {
  std::string text = fmt::format("  {} {}{}{}", chosen ? "*" : " ", candidate.kernel,
                                 candidate.tactic.empty() ? "" : "/", candidate.tactic);
  if (!candidate.refusal.empty()) text += ": refused: " + candidate.refusal;
  if (candidate.seconds > 0) text += fmt::format(": {:.1f} us", candidate.seconds * 1e6);
  if (candidate.refusal.empty())
    text += fmt::format(", {} bytes of packed weights", candidate.refit_bytes);
  return text + "\n";
}

}  // namespace

std::string Engine::explain() const {
  std::vector<lower::Explanation> nodes;
  lower::Options lowering;
  lowering.tactics = lower::Tactics::recorded;
  lowering.record = &impl_->lowered.record;
  lowering.precision = impl_->lowered.record.precision;
  lowering.ranges = impl_->file.plan.ranges;
  lowering.host = impl_->host.get();
  lowering.explain = &nodes;
  lower::lower(impl_->file.plan.program, *impl_->backend, lowering);
  std::string text;
  for (const lower::Explanation& node : nodes) {
    text += node.node + "\n";
    for (size_t i = 0; i < node.candidates.size(); ++i)
      text += candidate_text(node.candidates[i], static_cast<int>(i) == node.chosen);
  }
  for (const LayerInfo& view : views())
    text += fmt::format("{} {}: a view, which moves nothing\n", view.op, base::quoted(view.name));
  for (const LeafState& state : impl_->leaves)
    for (const ir::Guard* guard : state.guards) text += guard_text(state, *guard);
  return text;
}

}  // namespace tenon
