// Graphs: values with types, nodes in order, and the builder that makes them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "ir/op.h"

namespace tenon::ir {

using ValueId = int32_t;
inline constexpr ValueId absent = -1;  ///< an optional operand that is not there
/// Where a value that is there stands in lists by value.
constexpr size_t index(ValueId id) { return static_cast<size_t>(id); }

/// Where a value comes from.
enum class Origin : uint8_t {
  input,     ///< given to each run
  weight,    ///< a leaf that can be refitted: passes see its type only
  constant,  ///< a frozen leaf; up to 1 KiB its bytes are in the graph
  slot,      ///< main graph after hoist: an output of the weights graph, by its name
  node,      ///< computed
};

/// Bytes of a frozen leaf that live in the graph.
using ConstantBytes = std::shared_ptr<const std::vector<std::byte>>;
inline constexpr size_t inline_constant_bytes = 1024;

struct GraphValue {
  Origin origin = Origin::node;
  std::string name;  ///< of an input or leaf; for a node's output the model's name of it, or ""
  Value value;
  ConstantBytes bytes;         ///< of a constant, if small
  std::optional<Value> plain;  ///< of a packed slot: what infer() sees in its place
  int node = -1;               ///< producer, for origin node
  int output = 0;              ///< which of its outputs

  /// As infer() sees it.
  const Value& inferred() const { return plain ? *plain : value; }
};

struct Node {
  Op op;
  std::vector<ValueId> inputs;  ///< `absent` where an optional operand is missing
  std::vector<ValueId> outputs;
  std::string name;  ///< the model's name of the node, or ""

  template <class T>
  const T* as() const noexcept {
    return op.as<T>();
  }
};

struct Output {
  std::string name;
  ValueId value = absent;
};

/// An immutable program over tensors: nodes are sorted, nothing dangles, every value is defined
/// before it is used.
class Graph {
 public:
  const std::vector<GraphValue>& values() const { return values_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<ValueId>& inputs() const { return inputs_; }  ///< origin input, in order
  const std::vector<Output>& outputs() const { return outputs_; }
  /// What every run must satisfy: what the nodes could not prove, then the requirements.
  const std::vector<Constraint>& constraints() const { return constraints_; }
  /// Those that no node of the graph makes: their nodes were rewritten.
  std::span<const Constraint> requirements() const {
    return std::span(constraints_).subspan(first_requirement_);
  }

  const GraphValue& value(ValueId id) const { return values_[static_cast<size_t>(id)]; }
  const ValueType& type(ValueId id) const { return value(id).value.type; }
  /// How often each value is used: by nodes and as an output.
  std::vector<int> use_counts() const;
  /// Leaves and slots: every value of origin weight, constant or slot, in order.
  std::vector<ValueId> leaves() const;
  /// All symbols of types, constraints and binding ops, bodies included, sorted.
  std::vector<std::string> symbols() const;

 private:
  friend class GraphBuilder;
  std::vector<GraphValue> values_;
  std::vector<Node> nodes_;
  std::vector<ValueId> inputs_;
  std::vector<Output> outputs_;
  std::vector<Constraint> constraints_;
  size_t first_requirement_ = 0;
};

/// Symbols in the types of a node's outputs and in its fields, those that it binds among them.
std::vector<std::string> symbols_of(const Graph& graph, const Node& node);
/// Symbols that the nodes of a graph bind, those of bodies included.
std::vector<std::string> bound_symbols(const Graph& graph);
/// Leaves and slots of a graph and its bodies, each name once, in order of first use.
std::vector<const GraphValue*> all_leaves(const Graph& graph);
/// How deep bodies may lie in one another.
inline constexpr int deepest_body = 32;
/// How many nodes there are, bodies included. In preorder each stands before those of its bodies.
size_t count_nodes(const Graph& graph);

/// Makes a graph, node by node. Types are inferred as nodes are added; a node that does not fit
/// throws BuildError naming it. Leaves of the same name are one value. In a rewrite it also answers
/// questions about the source graph. References and pointers that it hands out hold until the next
/// value or node is added.
class GraphBuilder {
 public:
  GraphBuilder() = default;
  /// Builds a body of a node that is added here: names of leaves and symbols are shared.
  GraphBuilder body();
  /// Keeps the names of leaves and symbols of a graph for those who have them there.
  void reserve(const Graph& graph);

  ValueId input(std::string name, ValueType type);
  ValueId weight(const std::string& name, ValueType type);
  /// `bytes` may be null; where given and small they are kept, and known values are read from them.
  ValueId constant(const std::string& name, ValueType type, ConstantBytes bytes);
  /// `plain`: of a packed slot, the type that nodes which read it are inferred with.
  ValueId slot(const std::string& name, ValueType type, std::optional<ValueType> plain = {});
  /// A small unnamed constant (named "#0", "#1", …; such names are free).
  ValueId constant(DType dtype, const Shape& shape, base::Bytes bytes);
  /// A node with one output.
  ValueId add(Op op, std::vector<ValueId> inputs, std::string name = {});
  /// `layouts`: of the outputs, where lowering wants others than infer() gives.
  std::vector<ValueId> add_node(Op op, std::vector<ValueId> inputs, int outputs,
                                std::string name = {}, std::span<const Layout> layouts = {});
  /// What a node would give, without adding it.
  std::vector<Value> infer(const Op& op, std::span<const ValueId> inputs, int outputs) const;
  void output(std::string name, ValueId value);
  /// A name like `hint` that no symbol of this graph has; it is taken from now on.
  std::string fresh_symbol(std::string_view hint);
  /// Keeps constraints whose nodes may not be there; those that are proved vanish. Throws build for
  /// one that cannot hold.
  void require(std::span<const Constraint> constraints);
  /// Gives a node's output the model's name of it.
  void name_value(ValueId id, std::string name);

  const GraphValue& value(ValueId id) const { return graph_.value(id); }
  const ValueType& type(ValueId id) const { return graph_.type(id); }
  const Dims& dims(ValueId id) const { return *type(id).dims; }
  const std::vector<Output>& outputs() const { return graph_.outputs_; }
  const Node* producer(ValueId id) const;
  /// Exactly one use in the source graph of the rewrite, outputs included (sums over source values
  /// that became `id`).
  bool single_use(ValueId id) const;
  /// True when the value depends on weights and constants only.
  bool only_leaves(ValueId id) const;

  /// How far a graph has come.
  struct Mark {
    size_t values = 0, nodes = 0, inputs = 0, outputs = 0, requirements = 0, unnamed = 0;
  };
  Mark mark() const;
  /// Forgets what was added since, but for names that earlier values were given.
  void rewind(const Mark& mark);

  /// Removes nodes that nothing needs and numbers the rest densely: inputs, leaves in order of
  /// first use, nodes in order. Leaves that nothing uses vanish; inputs stay.
  Graph finish();

 private:
  friend class Rewriter;
  Graph graph_;
  std::vector<int> source_uses_;  // by value of graph_: uses of the source values that became it
  std::vector<bool> only_leaves_;
  std::map<std::string, ValueId> leaf_ids_;
  // By node: those of dead nodes are dropped.
  std::vector<std::vector<Constraint>> node_constraints_;
  std::vector<Constraint> requirements_;
  size_t symbols_end_ = 0;  // the symbols of the values before it are known
  // Shared with the builders of bodies.
  struct Names {
    std::map<std::string, GraphValue> leaves;
    std::set<std::string> symbols;
    std::map<std::string, int, std::less<>> last_of_hint;
    size_t next_unnamed = 0;
  };
  std::shared_ptr<Names> names_ = std::make_shared<Names>();

  void collect_symbols();
  ValueId add_value(GraphValue value, bool only_leaves);
  void name_if_nameless(int node, const std::string& name);
  void keep_leaf_name(const GraphValue& leaf);
  ValueId add_leaf(Origin origin, const std::string& name, ValueType type, ConstantBytes bytes);
  std::vector<const Value*> operands(const Op& op, std::span<const ValueId> inputs,
                                     const std::string& where) const;
  std::string where(const Op& op, std::span<const ValueId> inputs, const std::string& name) const;
};

/// `conv "c1"`, for messages; `conv` where it has no name.
std::string describe(std::string_view op, std::string_view name);
inline std::string describe(const Node& node) { return describe(node.op.info().name, node.name); }

}  // namespace tenon::ir
