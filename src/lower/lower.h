// From a portable program to steps for one target: layouts, tactics, packs, memory.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "lower/slot_program.h"
#include "plan/plan.h"

namespace tenon::lower {

/// A program lowered for one backend. Never saved.
struct Lowered {
  Executable main;
  ir::Graph weights;               ///< leaves -> slots: what makes `slots`, and may be extended
  std::vector<SlotProgram> slots;  ///< in order of main's slot values
  plan::Record record;             ///< the choices made: the same record makes the same Lowered

  /// By slot: names of the main kernels that read it, one for each step.
  std::vector<std::vector<std::string>> kernels_of_slots() const;
};

/// What inspect --explain prints for a node.
struct Explanation {
  struct Candidate {
    std::string kernel, tactic;
    double seconds = 0;      ///< 0 when it was not timed
    std::string refusal;     ///< "" when it accepts
    size_t refit_bytes = 0;  ///< bytes of packed weights it would read
  };
  std::string node;  ///< op and name
  std::vector<Candidate> candidates;
  int chosen = -1;
};

enum class Tactics { time, first, recorded };

struct Options {
  Tactics tactics = Tactics::time;
  /// For `recorded`: a record that fits the target, or nullptr, in which case the choices are those
  /// of `first` (and a line is logged).
  const plan::Record* record = nullptr;
  std::map<std::string, plan::SymbolRange> ranges;
  kernel::Precision precision = kernel::Precision::model;
  /// Beside a device: its kernels run what only operands in host memory are made of.
  kernel::Backend* host = nullptr;
  std::vector<Explanation>* explain = nullptr;  ///< where given, kernels are timed in any case
  std::stop_token stop;
  base::Progress progress;
};

/// Lowers; throws BuildError when no kernel takes a node. Timings go through the tactic cache (see
/// tactic_cache.h).
Lowered lower(const ir::Program& program, kernel::Backend& backend, const Options& options);

}  // namespace tenon::lower
