// The kernels and tactics that take one node, and the form in which each wants its operands.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernel/select.h"
#include "lower/probe.h"

namespace tenon::lower {

/// One kernel with one of its tactics.
struct Candidate {
  const kernel::Kernel* kernel = nullptr;
  kernel::Tactic tactic;
};

/// A node of the portable main graph: how it looks at the probes, and who takes it.
struct Question {
  std::vector<kernel::Call> calls;    ///< by probe, plain operands; the first is typical
  std::vector<Candidate> candidates;  ///< best first, as the kernels' lists say
  std::vector<kernel::Refusal> refusals;

  /// Those that can win: all but the reference, which stands last, where any other accepts.
  std::span<const Candidate> contenders() const;
};

/// How a candidate wants the operands of a call.
struct Form {
  std::vector<ir::Layout> inputs, outputs;  ///< by operand
  bool follow = false;
  ir::Graph pack;  ///< outputs named by operand; empty: nothing is packed

  /// The packed type of an operand, or nullptr when it is not packed.
  const ir::ValueType* packed(size_t operand) const;
  /// All operands from and to the main graph are plain (weights are made in any form).
  bool plain(const kernel::Call& call) const;
};

/// Whether an op's result is its operand's memory: no kernel runs it.
bool renames(const ir::Op& op);
/// Whether the executor runs it: what finds symbols, has bodies, or is of other values than
/// tensors.
bool is_executors(const ir::Op& op);

/// Asks the backend's kernels. Throws build when none takes the node at all probes. What no
/// kernel runs has no candidates.
Question ask(const ir::Graph& graph, const ir::Node& node, const Probes& probes,
             kernel::Backend& backend);

/// Asks for layouts and packs at plain operands.
Form form_of(const Candidate& candidate, const kernel::Call& plain);

/// The call as the candidate would run it: layouts, packed operands and tactic filled in.
kernel::Call in_form(const Candidate& candidate, const Form& form, const kernel::Call& plain);

/// Bytes of packed weights that the candidate reads: what a refit has to write.
size_t refit_bytes(const Form& form);

}  // namespace tenon::lower
