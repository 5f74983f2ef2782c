// All that a model needs and Tenon lacks, collected for one message.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "onnx/node.h"

namespace tenon::onnx {

/// Collects in the order in which things come.
class Problems {
 public:
  /// A Node or a wire::Node.
  template <class AnyNode>
  void add_op(const AnyNode& node) {
    add_op(full_op_type(node), quoted_name(node));
  }
  /// A whole phrase: `Cast "c": cast to STRING`.
  void add(std::string what) { others_.push_back(std::move(what)); }
  bool empty() const { return ops_.empty() && others_.empty(); }

  /// `2 unsupported ops: NonZero (node "nz1"), Loop (nodes "a", "b"); 1 unsupported feature: …` as
  /// a BuildError.
  [[noreturn]] void report() const;

 private:
  void add_op(const std::string& type, std::string name);

  // Op type, its nodes' quoted names.
  std::vector<std::pair<std::string, std::vector<std::string>>> ops_;
  std::vector<std::string> others_;
};

}  // namespace tenon::onnx
