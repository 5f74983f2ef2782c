// The leaves of a network under construction: types, sources, and who may refit them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "ir/program.h"
#include "onnx/names.h"

namespace tenon::onnx {

/// Declares leaves in a builder and remembers their rows of the leaf table.
class LeafTable {
 public:
  LeafTable(ir::GraphBuilder& out, const GraphNames& names) : out_(out), names_(names) {}

  /// A weight if it is floating and nothing reads its elements while building; else a constant.
  ir::ValueId add_initializer(const std::string& name, const weights::TensorSource& source);
  /// The output of a Constant node: frozen.
  ir::ValueId add_constant(const std::string& name, const weights::TensorSource& source);
  /// The source of an initializer (or of an Identity that renames one); nullptr for any other name.
  const weights::TensorSource* initializer(const std::string& name) const;

  std::vector<ir::Leaf> take_leaves();
  std::map<std::string, weights::TensorSource> take_sources() { return std::move(sources_); }

 private:
  ir::ValueId add(const std::string& name, const weights::TensorSource& source, std::string reason);
  std::string read_while_building(const std::string& name) const;

  ir::GraphBuilder& out_;
  const GraphNames& names_;
  std::map<std::string, ir::Leaf> leaves_;
  std::map<std::string, weights::TensorSource> sources_;
  std::set<std::string> initializers_;
};

}  // namespace tenon::onnx
