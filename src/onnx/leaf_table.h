// The leaves of a network under construction: types, sources, and who may refit them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ir/program.h"
#include "weights/source.h"

namespace tenon::onnx {

/// What a whole model says of its leaves, by name.
struct LeafFacts {
  std::map<std::string, std::vector<base::Consumer>> consumers;  ///< but for Identity
  /// Leaves that reach, through nodes which need no graph input's elements, an operand whose
  /// elements become fields of an op; with the sentence that says so.
  std::map<std::string, std::string> read_while_building;
};

/// Declares leaves in builders and remembers their rows of the leaf table.
class LeafTable {
 public:
  LeafTable() = default;
  explicit LeafTable(LeafFacts facts) : facts_(std::move(facts)) {}

  /// A row, and its value in `out`: a weight if it is refittable, else a constant. Without a source
  /// it waits for a refit. Throws build for a name that is taken or empty.
  ir::ValueId add(ir::GraphBuilder& out, ir::Leaf leaf,
                  const std::optional<weights::TensorSource>& source);
  /// A weight if it is floating, or of at most 8 bits and read by a quantised op, and nothing reads
  /// its elements while building; else a constant. One that `waits` has no source if it is a
  /// weight.
  ir::ValueId add_initializer(ir::GraphBuilder& out, const std::string& name,
                              const ir::ValueType& type,
                              const std::optional<weights::TensorSource>& source,
                              bool waits = false);
  /// Tells that the model makes a leaf of another, by an Identity.
  void tell_copy(const std::string& name, const std::string& of) { rows_.at(name).copies = of; }
  /// The output of a Constant node: a weight if it is floating and larger than 1 KiB, else frozen.
  /// Without a name it gets one that is free.
  ir::ValueId add_constant(ir::GraphBuilder& out, const std::string& name,
                           const weights::TensorSource& source);
  /// Tells of the constants that `value` is made of that `reader` has read its elements: no build
  /// can refit them.
  void freeze(const ir::GraphBuilder& graph, ir::ValueId value, const std::string& reader);

  const std::map<std::string, ir::Leaf>& rows() const { return rows_; }
  const std::map<std::string, weights::TensorSource>& sources() const { return sources_; }
  /// Forgets the rows after the first `count`.
  void keep_first(size_t count);

 private:
  std::string read_while_building(const std::string& name) const;
  bool is_quantised(const std::string& name, DType dtype) const;
  std::string free_name() const;

  LeafFacts facts_;
  std::map<std::string, ir::Leaf> rows_;
  std::map<std::string, weights::TensorSource> sources_;
  std::vector<std::string> names_;  // in the order of their coming
};

/// The reason of a leaf that `reader`, an operand of a node, freezes.
std::string read_reason(const std::string& reader);

}  // namespace tenon::onnx
