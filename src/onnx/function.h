// Ops that ONNX defines by other ops: their bodies in text, imported node by node.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "onnx/node_context.h"

namespace tenon::onnx {

/// The body of one node, in statements such as
///
///     mean = ReduceMean <keepdims = 0> (Mul(x, x), [1])
///     first, rest = Split <axis = 1> (x, [1, 3])
///
/// over ops of ONNX's default domain at `function_opset`. A number among the operands is a scalar
/// (`2` of i64, `0.5` of f32), a list a vector of i64, `_` an absent operand. Attributes are
/// numbers, "strings" and lists of integers.
class Function {
 public:
  static constexpr int64_t function_opset = 23;

  /// `names`: of the node's operands, in order; absent ones are `_` too.
  Function(NodeContext& node, std::span<const std::string_view> names);

  void set(std::string_view name, ir::ValueId value) { values_[std::string(name)] = value; }
  void set(std::string_view name, std::span<const int64_t> vector);
  void set(std::string_view name, double scalar);  ///< of f32
  /// Imports statements; a name may be given anew.
  void run(std::string_view statements);
  /// Throws build for a name that no statement gave.
  ir::ValueId operator[](std::string_view name) const;

 private:
  class Reader;

  NodeContext& node_;
  std::map<std::string, ir::ValueId, std::less<>> values_;
};

/// The body of a loop in statements. What they read is the body's inputs, by name, and values
/// around.
class FunctionBody : public Body {
 public:
  struct Text {
    std::vector<std::string_view> inputs;
    std::string_view statements;
    std::vector<std::string_view> outputs;
  };

  /// `around` holds the values that the statements read beside the inputs, and no others.
  FunctionBody(NodeContext& node, Text text, std::map<std::string, ir::ValueId> around)
      : node_(node), text_(std::move(text)), around_(std::move(around)) {}

  std::vector<ir::ValueId> captures(size_t formals) const override;
  std::vector<ir::ValueId> import(ir::GraphBuilder& builder, std::span<const ir::ValueId> inputs,
                                  size_t formals) const override;

 private:
  NodeContext& node_;
  Text text_;
  std::map<std::string, ir::ValueId> around_;
};

}  // namespace tenon::onnx
