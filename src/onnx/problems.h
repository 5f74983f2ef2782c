// All that a model needs and Tenon lacks, collected for one message.
#pragma once

#include <string>
#include <vector>

#include "onnx/node.h"
#include "tenon/error.h"
#include "weights/onnx_wire.h"

namespace tenon::onnx {

/// Collects in the order in which things come.
class Problems {
 public:
  /// A node of an op that Tenon lacks; `index` as in Problem.
  void add_op(const weights::wire::Node& node, int64_t index) {
    add("op", "unsupported op " + label(node), &node, index);
  }
  /// A whole phrase: `Cast "c": cast to STRING`; and whose it is, if it is a node's.
  void add(std::string what, const weights::wire::Node* node = nullptr, int64_t index = -1) {
    add("feature", std::move(what), node, index);
  }
  bool empty() const { return problems_.empty(); }

  /// `2 unsupported ops: NonZero (node "nz1"), Loop (nodes "a", "b"); 1 unsupported feature: …` as
  /// a BuildError.
  [[noreturn]] void report() const;

 private:
  void add(const char* kind, std::string what, const weights::wire::Node* node, int64_t index);

  std::vector<Problem> problems_;
};

}  // namespace tenon::onnx
