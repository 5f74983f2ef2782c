// The extents of outputs, told from those of inputs.
#include <algorithm>

#include "base/error.h"
#include "runtime/engine_impl.h"
#include "runtime/run_inputs.h"

namespace tenon {
namespace {

int64_t extent_or_unknown(const ir::Dim& dim, const lower::Bindings& bindings) {
  if (const auto constant = dim.try_constant()) return *constant;
  std::vector<std::string> symbols;
  dim.symbols(symbols);
  const bool known = std::ranges::all_of(
      symbols, [&](const std::string& each) { return bindings.contains(each); });
  return known ? lower::extent_at(dim, bindings) : -1;
}

}  // namespace

std::map<std::string, std::optional<Shape>> Engine::output_shapes(
    const std::map<std::string, Shape>& inputs) const {
  const ir::Graph& graph = impl_->file.plan.program.main;
  const lower::Symbols& symbols = *impl_->lowered.main.symbols;
  const runtime::InputRules rules(graph, symbols, impl_->file.plan.ranges, host_device);
  static constexpr char something = 0;  // extents alone are asked for
  std::map<std::string, TensorView> views;
  for (const auto& [name, shape] : inputs) views[name] = {&something, DType::f32, shape};
  runtime::Sequences sequences;  // which tell no extents
  for (const ir::ValueId id : graph.inputs()) {
    const auto view = views.find(graph.value(id).name);
    if (view != views.end()) view->second.dtype = graph.type(id).dtype;
    if (!graph.type(id).is_tensor()) sequences[graph.value(id).name];
  }
  std::vector<const TensorView*> ordered;
  rules.take(views, sequences, ordered);
  lower::SymbolValues values;
  rules.bind(ordered, values);
  const lower::Bindings bindings = symbols.bindings(values);
  std::map<std::string, std::optional<Shape>> shapes;
  for (const ir::Output& output : graph.outputs()) {
    std::optional<Shape>& shape = shapes[output.name];
    const auto& dims = graph.type(output.value).dims;
    if (!dims) continue;
    shape.emplace();
    for (const ir::Dim& dim : *dims) shape->push_back(extent_or_unknown(dim, bindings));
  }
  return shapes;
}

}  // namespace tenon
