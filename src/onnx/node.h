// One ONNX node, whoever tells of it: the reader of a file, or a caller's code.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/text.h"
#include "ir/graph.h"
#include "weights/source.h"

namespace tenon::onnx {

/// A graph in an attribute: a branch, or the body of a loop.
class Body {
 public:
  virtual ~Body() = default;
  /// What it reads of the graph around it, after the `formals` inputs that its node gives it:
  /// inputs and computed values. Leaves are seen by name and are none of these.
  virtual std::vector<ir::ValueId> captures(size_t formals) const = 0;
  /// Adds its nodes to `builder`. `inputs` are the formal ones, then what it captures. Answers its
  /// outputs.
  virtual std::vector<ir::ValueId> import(ir::GraphBuilder& builder,
                                          std::span<const ir::ValueId> inputs,
                                          size_t formals) const = 0;
  /// While the result lives, what is unsupported in it is no problem of the model's.
  virtual std::shared_ptr<void> forgive() const { return nullptr; }
};

/// A tensor in an attribute.
struct TensorValue {
  std::optional<weights::TensorSource> source;  ///< empty for strings and types that Tenon lacks
  std::string type;                             ///< ONNX's name of it, for messages
  std::vector<std::string> strings = {};
  Shape shape = {};  ///< of strings

  bool is_text() const { return type == "STRING"; }
};

/// monostate is a kind of attribute that Tenon does not read.
using AttributeValue =
    std::variant<std::monostate, int64_t, float, std::string, std::vector<int64_t>,
                 std::vector<float>, std::vector<std::string>, TensorValue,
                 std::shared_ptr<const Body>, ir::ValueType>;

struct Attribute {
  std::string name;
  AttributeValue value;
};

struct Node {
  std::string op_type, domain, name;
  int64_t version = 0;              ///< of the domain's operators
  std::vector<std::string> inputs;  ///< names, for messages; "" for one without, or absent
  std::vector<std::string> outputs;
  std::vector<bool> wanted;  ///< by output: something reads it
  std::vector<bool> read;    ///< by output: a node reads it; none where that is not known
  std::vector<Attribute> attributes;
};

inline bool is_default_domain(std::string_view domain) {
  return domain.empty() || domain == "ai.onnx";
}

/// The op with its domain, if that is not the default one: `com.microsoft.Gelu`. Of a Node or a
/// wire::Node, as what follows.
template <class AnyNode>
std::string full_op_type(const AnyNode& node) {
  return is_default_domain(node.domain) ? node.op_type : node.domain + "." + node.op_type;
}

/// The node's name, or that of its first output where it has none.
template <class AnyNode>
std::string name_of(const AnyNode& node) {
  if (!node.name.empty()) return node.name;
  for (const std::string& output : node.outputs)
    if (!output.empty()) return output;
  return "";
}

/// full_op_type() for a message: an op may have any name.
template <class AnyNode>
std::string shown_op(const AnyNode& node) {
  const std::string text = full_op_type(node);
  return text.size() > 200 ? base::quoted(text) : text;
}

/// `Reshape "r1"`; `Reshape of "x"` where nothing of it has a name but what it reads.
template <class AnyNode>
std::string label(const AnyNode& node) {
  const std::string name = name_of(node);
  if (!name.empty()) return shown_op(node) + " " + base::quoted(name);
  std::vector<std::string> operands;
  for (const std::string& input : node.inputs)
    if (!input.empty()) operands.push_back(base::quoted(input));
  return shown_op(node) + (operands.empty() ? "" : " of " + base::join(operands, ", "));
}

}  // namespace tenon::onnx
