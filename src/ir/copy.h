// Copying graphs, whole or in parts, with something different on the way.
#pragma once

#include <unordered_map>

#include "ir/graph.h"

namespace tenon::ir {

/// Copies a graph into a builder, value by value: whoever copies a graph does it by one of these,
/// and says in a derived class what becomes of leaves, nodes or requirements.
class GraphCopier {
 public:
  /// Both must outlive the copier.
  GraphCopier(const Graph& source, GraphBuilder& out) : source_(source), out_(out) {}
  GraphCopier(const GraphCopier&) = delete;
  GraphCopier& operator=(const GraphCopier&) = delete;
  virtual ~GraphCopier() = default;

  /// Everything: inputs, leaves, nodes, outputs, requirements.
  void run();
  /// All at once and first, where the builder will name constants of its own beside them.
  void copy_inputs_and_leaves();
  void copy_inputs();
  void copy_nodes();
  void copy(const Node& node);
  void copy_outputs();
  void copy_requirements();

  /// The copy of a value; that of an input or leaf is made when it is first asked for. Of `absent`,
  /// `absent`.
  ValueId operator()(ValueId id);
  /// Another value stands for this one.
  void set(ValueId id, ValueId copy) { copies_[id] = copy; }

 protected:
  const Graph& source() const { return source_; }
  GraphBuilder& out() { return out_; }

  /// The copy of a value that no node has given one: an input, leaf or slot under its own name.
  virtual ValueId missing(ValueId id) { return copy_leaf(id, source_.type(id)); }
  /// The copies of a node's outputs, `absent` for those that nobody uses. The node's inputs are
  /// values of the builder already, its outputs still those of the source.
  virtual std::vector<ValueId> copies(const Node& node);
  virtual Constraint requirement(const Constraint& constraint) { return constraint; }

  ValueId copy_leaf(ValueId id, ValueType type);

 private:
  const Graph& source_;
  GraphBuilder& out_;
  std::unordered_map<ValueId, ValueId> copies_;  // of what was copied: a part of a graph is cheap
};

}  // namespace tenon::ir
