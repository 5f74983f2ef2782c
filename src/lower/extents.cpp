// Symbols numbered, dims told apart by their texts.
#include "lower/extents.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace tenon::lower {

Symbols::Symbols(const ir::Graph& graph) : names_(graph.symbols()) {}

int Symbols::number(const std::string& name) const {
  const auto at = std::ranges::lower_bound(names_, name);
  if (at == names_.end() || *at != name) {
    base::fail(ErrorCode::build, "internal: {} is no symbol of the graph", base::quoted(name));
  }
  return static_cast<int>(at - names_.begin());
}

SymbolValues Symbols::values(const Bindings& bindings) const {
  SymbolValues values(names_.size(), unknown);
  for (size_t i = 0; i < values.size(); ++i) {
    if (const auto at = bindings.find(names_[i]); at != bindings.end()) values[i] = at->second;
  }
  return values;
}

Bindings Symbols::bindings(std::span<const int64_t> values) const {
  Bindings bindings;
  for (size_t i = 0; i < names_.size(); ++i) {
    if (values[i] != unknown) bindings.emplace(names_[i], values[i]);
  }
  return bindings;
}

Bindings Symbols::bindings(std::span<const int> numbers, std::span<const int64_t> values) const {
  Bindings bindings;
  for (const int number : numbers) {
    const auto i = static_cast<size_t>(number);
    if (values[i] != unknown) bindings.emplace(names_[i], values[i]);
  }
  return bindings;
}

DimTable::DimTable(const ir::Graph& graph) {
  for (const ir::GraphValue& value : graph.values()) {
    first_.push_back(axes_.size());
    const ir::ValueType& type = value.value.type;
    ranked_.push_back(type.dims.has_value());
    if (!ranked_.back() || !type.is_tensor()) continue;  // those of a sequence's tensors may differ
    for (const ir::Dim& dim : *type.dims) axes_.push_back(axis_of(dim));
  }
  first_.push_back(axes_.size());
}

DimTable::Axis DimTable::axis_of(const ir::Dim& dim) {
  if (const auto constant = dim.try_constant()) return {*constant, -1};
  const auto [entry, fresh] = numbers_.emplace(dim.text(), static_cast<int>(dims_.size()));
  if (fresh) dims_.push_back(dim);
  return {0, entry->second};
}

std::vector<int64_t> DimTable::extents(ir::ValueId id, std::span<const int64_t> dims) const {
  const std::span<const Axis> of_value = axes(id);
  std::vector<int64_t> result(of_value.size());
  for (size_t i = 0; i < result.size(); ++i) result[i] = extent(of_value[i], dims);
  return result;
}

int64_t extent_at(const ir::Dim& dim, const Bindings& bindings) {
  const int64_t extent = dim.evaluate(bindings);
  if (extent >= 0) return extent;
  base::fail(ErrorCode::invalid_input, "extent {} is {} here; the inputs are too small", dim.text(),
             extent);
}

}  // namespace tenon::lower
