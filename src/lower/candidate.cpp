// Asking kernels about nodes.
#include "lower/candidate.h"

#include <algorithm>

#include "base/error.h"
#include "ir/ops/bind.h"
#include "ir/ops/reshape.h"
#include "lower/call.h"

namespace tenon::lower {
namespace {

/// The reason why a kernel does not serve all probes with this tactic, or nullptr.
const char* refusal_with(const kernel::Kernel& kernel, std::vector<kernel::Call> calls,
                         const std::string& tactic) {
  for (kernel::Call& call : calls) call.tactic = tactic;
  return kernel::refusal(kernel, calls);
}

void ask_kernel(const kernel::Kernel& kernel, Question& question, kernel::Backend& backend) {
  if (const char* reason = refusal_with(kernel, question.calls, "")) {
    question.refusals.push_back({std::string(kernel.name), reason});
    return;
  }
  for (kernel::Tactic& tactic : kernel::tactics_of(kernel, question.calls[0], backend)) {
    if (!refusal_with(kernel, question.calls, tactic.name)) {
      question.candidates.push_back({&kernel, std::move(tactic)});
    }
  }
}

void check_form(const Candidate& candidate, const Form& form, const kernel::Call& call) {
  const auto bad = [&](std::string_view fact) {
    base::fail(ErrorCode::build, "internal: {} {}", candidate.kernel->name, fact);
  };
  const size_t operands = call.inputs.size() + call.outputs.size();
  if (operands > kernel::Launch::most_operands)
    bad("is asked for more operands than a launch holds");
  if (!form.pack.leaves().empty()) bad("packs with leaves of its own");
  for (const ir::Output& output : form.pack.outputs()) {
    const bool known =
        std::any_of(form.pack.inputs().begin(), form.pack.inputs().end(),
                    [&](ir::ValueId id) { return form.pack.value(id).name == output.name; });
    if (!known) bad("packs an operand that its pack does not read");
  }
  for (const ir::ValueId id : form.pack.inputs()) {
    const std::string& name = form.pack.value(id).name;
    size_t i = 0;
    while (i < call.inputs.size() && std::to_string(i) != name) ++i;
    if (i == call.inputs.size() || !call.inputs[i].weight)
      bad("packs an operand that is no weight");
  }
}

}  // namespace

std::span<const Candidate> Question::contenders() const {
  const auto reference = std::ranges::find_if(
      candidates, [](const Candidate& each) { return kernel::is_reference(*each.kernel); });
  if (reference == candidates.begin()) return candidates;
  return {candidates.begin(), reference};
}

const ir::ValueType* Form::packed(size_t operand) const {
  const std::string name = std::to_string(operand);
  for (const ir::Output& output : pack.outputs()) {
    if (output.name == name) return &pack.type(output.value);
  }
  return nullptr;
}

bool Form::plain(const kernel::Call& call) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!call.inputs[i].weight && !inputs[i].plain()) return false;
  }
  return std::all_of(outputs.begin(), outputs.end(), [](const ir::Layout& l) { return l.plain(); });
}

bool renames(const ir::Op& op) { return op.as<ir::Reshape>() || op.as<ir::Bind>(); }

bool is_executors(const ir::Op& op) {
  const ir::OpInfo& info = op.info();
  return info.binds || !info.has_kernels;
}

Question ask(const ir::Graph& graph, const ir::Node& node, const Probes& probes,
             kernel::Backend& backend) {
  Question question;
  if (renames(node.op) || is_executors(node.op)) return question;
  for (const Bindings& point : probes.points) {
    question.calls.push_back(call_at(graph, node, point, backend.target()));
  }
  for (const kernel::Kernel& kernel : backend.kernels(node.op))
    ask_kernel(kernel, question, backend);
  if (!question.candidates.empty()) return question;
  kernel::fail_refused(backend, describe(node), question.refusals);
}

Form form_of(const Candidate& candidate, const kernel::Call& plain) {
  kernel::Call call = plain;
  call.tactic = candidate.tactic.name;
  kernel::Layouts wish;
  if (candidate.kernel->layouts) wish = candidate.kernel->layouts(call);
  Form form{std::move(wish.inputs), std::move(wish.outputs), wish.follow, {}};
  form.inputs.resize(call.inputs.size());
  form.outputs.resize(call.outputs.size());
  if (candidate.kernel->pack) form.pack = candidate.kernel->pack(call);
  check_form(candidate, form, call);
  return form;
}

kernel::Call in_form(const Candidate& candidate, const Form& form, const kernel::Call& plain) {
  kernel::Call call = plain;
  call.tactic = candidate.tactic.name;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    if (!call.inputs[i].present) continue;
    call.inputs[i].layout = form.inputs[i];
    if (const ir::ValueType* packed = form.packed(i)) {
      if (call.plain_inputs.empty()) call.plain_inputs = plain.inputs;
      call.inputs[i] = operand_at(*packed, {}, true);
    }
  }
  for (size_t i = 0; i < call.outputs.size(); ++i) call.outputs[i].layout = form.outputs[i];
  return call;
}

size_t refit_bytes(const Form& form) {
  size_t bytes = 0;
  for (const ir::Output& output : form.pack.outputs())
    bytes += form.pack.type(output.value).bytes();
  return bytes;
}

}  // namespace tenon::lower
