// Symbols for the dims of graph inputs that the model leaves open.
#include "onnx/symbols.h"

#include <fmt/core.h>

#include "onnx/imports.h"

namespace tenon::onnx {
namespace {

// Well below the longest symbol, so that a number can follow.
constexpr size_t most_characters = 200;

std::string identifier(const std::string& name) {
  std::string text = name.substr(0, most_characters);
  for (char& c : text)
    if (!ir::Dim::is_symbol_name(std::string{'_', c})) c = '_';
  return ir::Dim::is_symbol_name(text) ? text : "_" + text;
}

}  // namespace

Symbols::Symbols(const wire::Graph& graph) {
  for (const wire::ValueInfo& input : graph.inputs) {
    if (!input.shape) continue;
    for (const wire::Dim& dim : *input.shape) {
      const auto* parameter = std::get_if<std::string>(&dim.value);
      if (parameter && !parameter->empty() && !symbols_.count(*parameter))
        symbols_.emplace(*parameter, unique(identifier(*parameter)));
    }
  }
}

ir::Dim Symbols::fresh(const std::string& input, size_t axis) {
  return unique(fmt::format("{}_{}", identifier(input), axis));
}

ir::Dim Symbols::unique(const std::string& wanted) {
  std::string name = wanted;
  for (int number = 2; !taken_.insert(name).second; ++number)
    name = fmt::format("{}_{}", wanted, number);
  return ir::Dim::symbol(name);
}

std::optional<ir::ValueType> type_of(const wire::ValueInfo& value, ir::GraphBuilder& builder) {
  if (!value.element.empty()) {
    const auto element = type_of(value.element[0], builder);
    const bool sequence = value.container == wire::Container::sequence;
    if (!element) return std::nullopt;
    if (element->is_tensor())
      return element->as(sequence ? ir::ValueKind::sequence : ir::ValueKind::optional);
    if (sequence || element->kind != ir::ValueKind::sequence) return std::nullopt;
    return element->as(ir::ValueKind::optional_sequence);
  }
  const auto dtype = wire::dtype_of(value.elem_type);
  if (!dtype) return std::nullopt;
  ir::ValueType type;
  type.dtype = *dtype;
  if (value.shape) type.dims.emplace();
  for (const wire::Dim& dim : value.shape.value_or(std::vector<wire::Dim>())) {
    const auto* extent = std::get_if<int64_t>(&dim.value);
    type.dims->push_back(extent && *extent >= 0
                             ? ir::Dim(*extent)
                             : ir::Dim::symbol(builder.fresh_symbol(element_symbol)));
  }
  return type;
}

}  // namespace tenon::onnx
