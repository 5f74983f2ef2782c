// Making slots from leaves: reading, converting, and running the slots' parts of the weights graph.
#pragma once

#include <span>
#include <vector>

#include "lower/lower.h"
#include "runtime/engine_impl.h"
#include "runtime/read_leaf.h"

namespace tenon::runtime {

/// A slot to be made: `leaves` in the program's order, `target` in backend memory.
struct Job {
  const lower::SlotProgram* slot = nullptr;
  std::vector<LeafBytes> leaves;
  void* target = nullptr;
};

/// Writes the slots of all jobs, done when it returns. Jobs are cut into pieces (tiles of rows
/// where the program takes them), pieces gathered into batches of bounded scratch; a batch is
/// launched with all pieces of one code together, and on a device the next one is read meanwhile.
/// `stats.begun` counts the jobs whose targets may have been written to. Throws io / bad_file from
/// the sources, Error(refit) for a data error of a kernel, unavailable, cancelled.
void evaluate(kernel::Backend& backend, Scratch& scratch, std::span<const Job> jobs,
              RefitStats& stats, const base::Watch& watch);

}  // namespace tenon::runtime
