// The leaves of a network under construction: types, sources, and who may refit them.
#pragma once

#include <map>
#include <optional>
#include <set>
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
  explicit LeafTable(LeafFacts facts) : facts_(std::move(facts)) {}

  /// A weight if it is floating and nothing reads its elements while building; else a constant.
  ir::ValueId add_initializer(ir::GraphBuilder& out, const std::string& name,
                              const weights::TensorSource& source);
  /// The output of a Constant node: frozen.
  ir::ValueId add_constant(ir::GraphBuilder& out, const std::string& name,
                           const weights::TensorSource& source);
  /// The source of an initializer (or of an Identity that renames one); nullptr for any other name.
  const weights::TensorSource* initializer(const std::string& name) const;

  std::vector<ir::Leaf> take_leaves();
  std::map<std::string, weights::TensorSource> take_sources() { return std::move(sources_); }

 private:
  ir::ValueId add(ir::GraphBuilder& out, const std::string& name,
                  const weights::TensorSource& source, std::string reason);
  std::string read_while_building(const std::string& name) const;

  LeafFacts facts_;
  std::map<std::string, ir::Leaf> leaves_;
  std::map<std::string, weights::TensorSource> sources_;
  std::set<std::string> initializers_;
};

}  // namespace tenon::onnx
