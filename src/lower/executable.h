// A graph with a kernel for every node, cut into regions, and what it takes to run a region at
// given extents.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/backend.h"
#include "lower/extents.h"
#include "plan/memory.h"

namespace tenon::lower {

struct Executable;

/// Runs one node of the graph.
struct Step {
  int node = 0;
  const kernel::Kernel* kernel = nullptr;  ///< null: the executor runs it
  std::string tactic;
  std::vector<std::shared_ptr<const Executable>> bodies = {};  ///< as Op::bodies()
  /// Beside a device: the kernel is the host's, and the executor runs it when its turn comes.
  bool on_host = false;

  bool is_queued() const { return kernel && !on_host; }
};

/// Steps that run one after another with extents that are all known when the first begins. A step
/// of the executor's, which may find symbols, is the last of its region.
struct Region {
  size_t first = 0, last = 0;     ///< its steps, [first, last)
  bool ends_in_executor = false;  ///< the executor runs the last step
  std::vector<int> symbols;  ///< numbers of those that its extents depend on: what keys a signature
  std::vector<int> dims;     ///< entries of the table that it needs
  std::vector<ir::ValueId> arena;         ///< roots that live within the region
  std::vector<int> blocks;                ///< of `arena`: which interval; some lie on others
  std::vector<plan::Interval> intervals;  ///< in steps; bytes are a signature's
  std::vector<ir::ValueId> kept;          ///< roots that it makes and later regions or bodies read
  std::vector<ir::ValueId> outputs;       ///< roots that it makes and a caller gives the memory of
  std::vector<ir::ValueId> done;          ///< kept roots that nobody reads after it
  std::vector<ir::ValueId> aliases;       ///< values it touches that lie in another's memory
  std::vector<int> constraints;           ///< of the graph, that can be told now
  std::vector<int> calls;       ///< by queued step: which of the region's distinct calls it makes
  std::vector<size_t> callers;  ///< of each distinct call, the first step that makes it

  /// Behind the last step that is queued.
  size_t kernels_end() const { return last - (ends_in_executor ? 1 : 0); }
};

/// How a value lies in another's memory: as the result of a view, or as an operand of a join or of
/// a transpose, made in place.
struct ViewOf {
  ir::ValueId of = ir::absent;  ///< absent: it has memory of its own
  int node = -1;                ///< the view, or what joins or turns
  int operand = -1;             ///< of the latter
};

/// A lowered graph: layouts in its types, one step for each node but those that are views and
/// bind nothing.
struct Executable {
  ir::Graph graph;
  std::vector<Step> steps;
  std::vector<ViewOf> views;  ///< by value
  /// By value: the value in whose memory it lies, views followed to the end. A graph output's
  /// storage is produced by a step, dense, and belongs to that output alone.
  std::vector<ir::ValueId> storage;

  // Made by cut_regions() from the above.
  std::shared_ptr<const Symbols> symbols;
  DimTable dims;
  std::vector<bool> symbolic_op;  ///< by node: a field depends on symbols
  std::vector<Region> regions;    ///< at least one

  const ir::Node& node_of(const Step& step) const {
    return graph.nodes()[static_cast<size_t>(step.node)];
  }
};

/// Calls f for an executable and all bodies of its steps, in preorder.
template <class F>
void each_executable(const Executable& executable, const F& f) {
  f(executable);
  for (const Step& step : executable.steps) {
    for (const auto& body : step.bodies) each_executable(*body, f);
  }
}

/// Cuts the steps; the last thing in making an executable. `symbols` are the outermost graph's.
void cut_regions(Executable& executable, std::shared_ptr<const Symbols> symbols);

/// A region at concrete extents: calls, memory, prepared objects. Immutable; shared by contexts.
struct Signature {
  std::vector<int64_t> symbols;            ///< values of Region::symbols
  std::vector<kernel::Call> calls;         ///< by Region::callers
  std::vector<kernel::Prepared> prepared;  ///< by Region::callers
  std::vector<size_t> offsets;             ///< by Region::intervals, into the arena
  std::vector<size_t> places;              ///< by Region::aliases: bytes from their roots' first
  std::vector<kernel::Operand> kept;       ///< by Region::kept
  std::vector<kernel::Operand> outputs;    ///< by Region::outputs
  size_t arena_bytes = 0;
  size_t scratch_offset = 0;

  /// Host memory that it takes, about: what a cache counts.
  size_t bytes() const;
};

/// Checks the region's constraints under the symbols (InputError naming the operands), evaluates
/// its dims, plans memory (unavailable where the bytes of something exceed what there can be),
/// prepares kernels. The backend (and its target) must outlive the signature.
std::shared_ptr<const Signature> make_signature(const Executable& executable, const Region& region,
                                                std::span<const int64_t> symbols,
                                                kernel::Backend& backend);

/// Of an executable of one region.
std::shared_ptr<const Signature> make_signature(const Executable& executable,
                                                const Bindings& bindings, kernel::Backend& backend);

/// Whether the signature was made for these values of the region's symbols.
bool fits(const Region& region, const Signature& signature, std::span<const int64_t> symbols);

/// A value's type under symbols that are known.
kernel::Operand operand_of(const Executable& executable, ir::ValueId id,
                           std::span<const int64_t> symbols);

/// What takes the most of a signature's arena, for an error: `f32[4, 5] of conv "c"`, or a kernel's
/// scratch.
std::string largest_in_arena(const Executable& executable, const Region& region,
                             const Signature& signature);

/// Pointers of the region's own values, and of all that lie in others' memory.
void fill_buffers(const Executable& executable, const Region& region, const Signature& signature,
                  void* arena, std::span<void*> buffers);

/// Runs the region's kernels: `buffers` has one pointer for each value, in
/// the backend's memory; fill_buffers() adds to them. Allocates nothing. Data errors are left in
/// `state`; the caller synchronises. Throws cancelled between two steps.
void run_steps(const Executable& executable, const Region& region, const Signature& signature,
               kernel::Backend& backend, kernel::Queue& queue, void* arena,
               std::span<void*> buffers, kernel::RunState& state);

/// `div "n1": <sentence>`: the data error that a finished run left in its state.
std::string failure_text(const kernel::RunState& state);

}  // namespace tenon::lower
