// Copying graphs, whole or in parts, with something different on the way.
#pragma once

#include <unordered_map>

#include "ir/graph.h"

namespace tenon::ir {

/// Copies a graph into a builder, value by value: whoever copies a graph does it by one of these,
/// and says in a derived class what becomes of leaves, nodes or requirements. Bodies are copied
/// with the nodes that have them.
class GraphCopier {
 public:
  /// Both must outlive the copier.
  GraphCopier(const Graph& source, GraphBuilder& out) : source_(source), out_(out) {}
  GraphCopier(const GraphCopier&) = delete;
  GraphCopier& operator=(const GraphCopier&) = delete;
  virtual ~GraphCopier() = default;

  /// Everything: inputs, nodes and what they use, outputs, requirements.
  void run();
  void copy_inputs();  ///< those that nothing uses, too
  void copy_nodes();
  virtual void copy(const Node& node);
  virtual void copy_outputs();
  virtual void copy_requirements();

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
  /// Copies a body by the same rules.
  virtual std::unique_ptr<GraphCopier> for_body(const Graph& body, GraphBuilder& out) {
    return std::make_unique<GraphCopier>(body, out);
  }

  ValueId copy_leaf(ValueId id, ValueType type);

 private:
  Op copy_bodies(const Op& op);

  const Graph& source_;
  GraphBuilder& out_;
  std::unordered_map<ValueId, ValueId> copies_;  // of what was copied: a part of a graph is cheap
};

}  // namespace tenon::ir
