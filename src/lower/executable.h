// A graph with a kernel for every node, and what it takes to run it at given extents.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel/backend.h"

namespace tenon::lower {

using Bindings = std::map<std::string, int64_t>;

/// Runs one node of the graph.
struct Step {
  int node = 0;
  const kernel::Kernel* kernel = nullptr;
  int tactic = 0;
};

/// A lowered graph: layouts in its types, one step for each node but those that only rename bytes.
struct Executable {
  ir::Graph graph;
  std::vector<Step> steps;
  /// By value: the value in whose memory it lies (itself, but for a Reshape of a plain value). A
  /// graph output's storage is produced by a step and belongs to that output alone.
  std::vector<ir::ValueId> storage;
  /// By node: the operands of each step as plain types before packing (see Call::plain_inputs);
  /// empty if none is packed.
  std::vector<std::vector<ir::ValueType>> plain_types;
};

/// An executable at concrete extents: calls, memory, prepared objects. Immutable; shared by
/// contexts.
struct Signature {
  static constexpr size_t external =
      SIZE_MAX;  ///< given by the caller: inputs, leaves, slots, outputs

  Bindings bindings;
  std::vector<kernel::Call> calls;                    ///< by step
  std::vector<std::shared_ptr<const void>> prepared;  ///< by step
  std::vector<size_t> offsets;                        ///< by value: into the arena, or external
  size_t arena_bytes = 0;
  size_t scratch_offset = 0;
  std::vector<std::vector<int64_t>> shapes;  ///< by value: logical extents
};

/// Checks the graph's constraints under the bindings (InputError naming the operands), evaluates
/// all dims, plans memory (unavailable where the bytes of something exceed what there can be),
/// prepares kernels. The backend (and its target) must outlive the
/// signature.
std::shared_ptr<const Signature> make_signature(const Executable& executable,
                                                const Bindings& bindings, kernel::Backend& backend);

/// What takes the most of a signature's arena, for an error: `f32[4, 5] of conv "c"`, or a kernel's
/// scratch.
std::string largest_in_arena(const Executable& executable, const Signature& signature);

/// Runs all steps: `buffers` has one pointer for each value, in the backend's memory; those that
/// are not external are filled in here from `arena`. Allocates nothing. Data errors are left in
/// `state`; the caller synchronises.
void run_steps(const Executable& executable, const Signature& signature, kernel::Backend& backend,
               kernel::Queue& queue, void* arena, std::span<void*> buffers,
               kernel::RunState& state);

}  // namespace tenon::lower
