// Extents that the caller fixes, bounds or names.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "build/compile.h"
#include "ir/rewrite.h"

namespace tenon::compiler {
namespace {

// What the caller says of one symbol, gathered over all inputs.
struct Told {
  std::map<std::string, ir::Dim> bindings;
  std::map<std::string, plan::SymbolRange> ranges;
};

void tell(Told& told, const std::string& where, const ir::Dim& dim, const Axis& axis) {
  const bool fixed = axis.name.empty() && axis.least == axis.greatest;
  if (dim.is_constant()) {
    if (fixed && axis.least == dim.constant()) return;
    base::fail(ErrorCode::build, "shapes: {} is {} in the model; only named extents can be given",
               where, dim.text());
  }
  if (!dim.as_symbol()) {
    base::fail(ErrorCode::build,
               "shapes: {} is {} in the model; give the symbols in it where they stand alone",
               where, dim.text());
  }
  if (!axis.name.empty()) {
    told.bindings.insert_or_assign(dim.text(), ir::Dim::symbol(axis.name));
    return;
  }
  if (axis.least < 0 || axis.least > axis.typical || axis.typical > axis.greatest) {
    base::fail(ErrorCode::build, "shapes: {}: ({}, {}, {}) is not (least, typical, greatest)",
               where, axis.least, axis.typical, axis.greatest);
  }
  if (!fixed) {
    told.ranges[dim.text()] = {axis.least, axis.typical, axis.greatest};
    return;
  }
  const auto [entry, fresh] = told.bindings.try_emplace(dim.text(), ir::Dim(axis.least));
  if (!fresh && !(entry->second == ir::Dim(axis.least))) {
    base::fail(ErrorCode::build, "shapes: {}: \"{}\" is given as {} and as {}", where, dim.text(),
               entry->second.text(), axis.least);
  }
}

// Of the inputs' symbols only: passes may do away with others.
void add_default_ranges(const ir::Graph& graph, std::map<std::string, plan::SymbolRange>& ranges) {
  const auto defaults = plan::default_ranges(graph);
  std::vector<std::string> symbols;
  for (const ir::ValueId id : graph.inputs()) {
    if (!graph.type(id).is_tensor()) continue;  // its tensors have extents of their own
    for (const ir::Dim& dim : *graph.type(id).dims) dim.symbols(symbols);
  }
  for (const std::string& symbol : symbols) ranges.try_emplace(symbol, defaults.at(symbol));
}

// Symbols that a run finds out make way for the names given to extents of inputs.
void keep_apart(const ir::Graph& graph, std::map<std::string, ir::Dim>& bindings) {
  ir::GraphBuilder taken;
  for (const ir::ValueId id : graph.inputs()) taken.input(graph.value(id).name, graph.type(id));
  for (const auto& [symbol, dim] : bindings) taken.input("", {DType::i64, {dim}});
  for (const std::string& symbol : ir::bound_symbols(graph)) {
    const std::string fresh = taken.fresh_symbol(symbol);
    if (fresh != symbol) bindings.emplace(symbol, ir::Dim::symbol(fresh));
  }
}

}  // namespace

ir::Network apply_shapes(ir::Network network,
                         const std::map<std::string, std::vector<Axis>>& shapes,
                         std::map<std::string, plan::SymbolRange>& ranges) {
  Told told;
  const ir::Graph& graph = network.graph;
  for (const auto& [name, axes] : shapes) {
    const auto& inputs = graph.inputs();
    const auto found = std::find_if(inputs.begin(), inputs.end(),
                                    [&](ir::ValueId id) { return graph.value(id).name == name; });
    if (found == inputs.end()) {
      std::vector<std::string> names;
      for (const ir::ValueId id : inputs) names.push_back(graph.value(id).name);
      base::fail(ErrorCode::build, "shapes: the network has no input {}; it takes: {}",
                 base::quoted(name), base::join(names, ", "));
    }
    if (!graph.type(*found).is_tensor()) {
      base::fail(ErrorCode::build, "shapes: input {} is {}, which has no extents of its own",
                 base::quoted(name), graph.type(*found).text());
    }
    const ir::Dims& dims = *graph.type(*found).dims;
    if (dims.size() != axes.size()) {
      base::fail(ErrorCode::build, "shapes: input {} has rank {}, {} extents are given",
                 base::quoted(name), dims.size(), axes.size());
    }
    for (size_t axis = 0; axis < axes.size(); ++axis) {
      tell(told, fmt::format("input {} axis {}", base::quoted(name), axis), dims[axis], axes[axis]);
    }
  }
  keep_apart(graph, told.bindings);
  if (!told.bindings.empty()) network.graph = ir::substitute(network.graph, told.bindings);
  ranges = std::move(told.ranges);
  add_default_ranges(network.graph, ranges);
  return network;
}

}  // namespace tenon::compiler
