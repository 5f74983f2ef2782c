// Building an executable: nodes with their kernels, layouts in the types, copies where outputs
// would share storage.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "lower/candidate.h"

namespace tenon::lower {

/// Appends nodes to a graph, each with the kernel that runs it.
class ExecutableBuilder {
 public:
  ExecutableBuilder(kernel::Backend& backend, std::shared_ptr<const Symbols> symbols)
      : backend_(backend), symbols_(std::move(symbols)) {}

  /// The graph being built, for inputs, slots and types; nodes are added through the functions
  /// below.
  ir::GraphBuilder& graph() { return graph_; }

  /// A node run by a kernel, its outputs in `layouts` (empty: plain); `on_host`: by the host's.
  std::vector<ir::ValueId> add(const ir::Node& node, std::vector<ir::ValueId> inputs,
                               const Candidate& candidate, std::span<const ir::Layout> layouts,
                               bool on_host = false);
  /// A node run by the first kernel that accepts its operands; static types only. What renames
  /// takes no kernel.
  std::vector<ir::ValueId> add_first(const ir::Op& op, std::vector<ir::ValueId> inputs,
                                     size_t outputs);
  /// A node that the executor runs.
  std::vector<ir::ValueId> add_executors(const ir::Node& node, std::vector<ir::ValueId> inputs,
                                         std::vector<std::shared_ptr<const Executable>> bodies);
  /// What renames a plain value: the same bytes.
  ir::ValueId add_alias(const ir::Node& node, ir::ValueId input);
  /// The value in another layout (or copied, in the same one; by value, since the graph moves), by
  /// the first kernel that accepts at all probes.
  ir::ValueId add_reorder(ir::ValueId value, ir::Layout layout, const Probes& probes);
  /// Declares an output; one whose bytes are somebody else's is copied.
  void output(const std::string& name, ir::ValueId value, const Probes& probes = {{{}}});

  Executable finish() &&;

 private:
  ir::ValueId root(ir::ValueId value) const;
  bool is_sized_later(ir::ValueId value) const;
  void add_step(const kernel::Kernel* kernel, std::string tactic);

  kernel::Backend& backend_;
  std::shared_ptr<const Symbols> symbols_;
  ir::GraphBuilder graph_;
  std::vector<Step> steps_;        // by node; no kernel: an alias, or the executor's
  std::set<ir::ValueId> claimed_;  // storage of outputs
  std::set<int> executors_;        // nodes
};

}  // namespace tenon::lower
