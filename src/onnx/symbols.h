// Symbols for the dims of graph inputs that the model leaves open.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "ir/graph.h"
#include "onnx/names.h"

namespace tenon::onnx {

/// Gives every dim_param one symbol, and every unnamed dim a fresh one. A symbol keeps the model's
/// name where that is an identifier; other characters become "_", and names that fall together get
/// a number.
class Symbols {
 public:
  explicit Symbols(const wire::Graph& graph);

  ir::Dim named(const std::string& parameter) const { return symbols_.at(parameter); }
  /// For an unnamed dim: "input_0", from the input's name and the axis.
  ir::Dim fresh(const std::string& input, size_t axis);

 private:
  ir::Dim unique(const std::string& wanted);

  std::set<std::string> taken_;
  std::map<std::string, ir::Dim> symbols_;
};

/// The type of an element of a sequence or optional, or of one of these; an extent that is open is
/// a symbol of its own. Nothing for what Tenon has no type for.
std::optional<ir::ValueType> type_of(const wire::ValueInfo& value, ir::GraphBuilder& builder);

}  // namespace tenon::onnx
