// Symbols for the dims of graph inputs that the model leaves open.
#include "onnx/symbols.h"

#include <fmt/core.h>

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

}  // namespace tenon::onnx
