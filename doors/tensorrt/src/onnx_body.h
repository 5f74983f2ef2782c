// The branch of an If, the body of a Loop or Scan: a graph that becomes a network of its own
// whenever the node around it is lowered.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lowering.h"
#include "tenon/onnx_model.h"

namespace tenon::trt {

/// What it reads from around it: the name that the network around gave it, and its type.
struct Around {
  std::string name;
  ValueInfo type;
};
using AroundOf = std::function<Around(const std::string& name)>;

struct OnnxBody;

struct OnnxBodyNode {
  std::string op, name;
  int64_t version = 0;
  std::vector<std::string> inputs, outputs;
  Attributes attributes;
  std::map<std::string, std::shared_ptr<const OnnxBody>> bodies;
};

struct OnnxBody {
  std::vector<OnnxBodyNode> nodes;
  std::map<std::string, Tensor> frozen;        // its own constants
  std::map<std::string, std::string> hoisted;  // its weights: layers around it, by whole name
  std::vector<OnnxPort> formals;
  std::vector<std::string> outputs;
  size_t scanned = 0;                 // formals at the end that are slices of Scan's operands
  std::vector<std::string> captures;  // of values around it, sorted; of hoisted weights, marked

  /// How `captures` names a weight that was hoisted.
  static std::string mark(const std::string& whole_name) { return "\n" + whole_name; }

  /// What the node gives its body; the ONNX types of the body narrow it.
  std::vector<ValueInfo> formal_types(Lowering& to, const std::string& op,
                                      const std::vector<Value>& operands) const;
  /// For the outermost body of a layer: `captured` are values of the union of all bodies' captures.
  static AroundOf around(Lowering& to,
                         const std::map<std::string, std::shared_ptr<const OnnxBody>>& bodies,
                         const std::vector<Value>& captured);
  Network network(Lowering& to, const std::vector<ValueInfo>& formal_types,
                  const AroundOf& around) const;
};

/// The union of what bodies capture, in the order in which a layer has it behind its operands.
std::vector<std::string> captures_of(
    const std::map<std::string, std::shared_ptr<const OnnxBody>>& bodies);

}  // namespace tenon::trt
