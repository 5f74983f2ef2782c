// Names, dtypes, ranks, extents.
#include "runtime/run_inputs.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace tenon::runtime {

std::string listed(std::span<const std::string> names) {
  constexpr size_t most = 20;
  if (names.size() <= most) return base::join(names, ", ");
  return fmt::format("{} and {} more", base::join(names.first(most), ", "), names.size() - most);
}

std::string wrong_device(std::string_view what, std::string_view device, std::string_view memory) {
  const std::string here = memory == host_device ? "" : fmt::format(" and \"{}\"", memory);
  return fmt::format(
      "{} lies on {}, and this engine reaches arrays on \"{}\"{}; copy it there first", what,
      base::quoted(device), host_device, here);
}

bool overlap(const TensorView& a, const TensorView& b) {
  const auto* first = static_cast<const std::byte*>(a.data);
  const auto* second = static_cast<const std::byte*>(b.data);
  const size_t a_bytes = a.bytes(), b_bytes = b.bytes();
  return a.device == b.device && a_bytes > 0 && b_bytes > 0 && first < second + b_bytes &&
         second < first + a_bytes;
}

InputRules::InputRules(const ir::Graph& graph, const lower::Symbols& symbols,
                       const std::map<std::string, plan::SymbolRange>& ranges,
                       std::string_view memory)
    : graph_(graph), symbols_(symbols), memory_(memory) {
  for (size_t i = 0; i < graph.inputs().size(); ++i) {
    if (!is_tensor(i)) continue;  // its tensors are looked at one by one
    const ir::Dims& dims = *graph.type(graph.inputs()[i]).dims;
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      const auto name = dims[axis].as_symbol();
      axes_.push_back({i, axis, name ? symbols.number(*name) : -1, dims[axis]});
    }
  }
  const auto& known = symbols.names();
  for (const auto& [name, range] : ranges) {
    if (std::ranges::binary_search(known, name)) ranges_.push_back({symbols.number(name), range});
  }
}

std::string InputRules::text(size_t i, const TensorView& view) const {
  return fmt::format("input {} {}{}", base::quoted(name(i)), to_string(view.dtype),
                     to_string(view.shape));
}

template <class Given>
void InputRules::refuse_unknown(const Given& given, bool tensors) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < size(); ++i)
    if (is_tensor(i) == tensors) names.push_back(name(i));
  for (const auto& [name, value] : given) {
    if (std::ranges::find(names, name) != names.end()) continue;
    const std::string near = base::nearest(name, names);
    throw InputError(fmt::format("input {} is not {}; it takes: {}{}", base::quoted(name),
                                 tensors ? "the network's" : "a sequence of the network's",
                                 listed(names),
                                 near.empty() ? "" : "; the nearest is " + base::quoted(near)));
  }
}

void InputRules::take(const std::map<std::string, TensorView>& given, const Sequences& sequences,
                      std::vector<const TensorView*>& inputs) const {
  inputs.resize(size());
  size_t taken = 0, absent = 0;
  for (size_t i = 0; i < size(); ++i) {
    const auto missing = [&] {
      if (given.size() >= size()) refuse_unknown(given, true);
      throw InputError(fmt::format("input {} is missing; give it a {}", base::quoted(name(i)),
                                   graph_.type(graph_.inputs()[i]).text()));
    };
    inputs[i] = nullptr;
    if (!is_tensor(i)) {
      const auto found = sequences.find(name(i));
      const bool may_miss =
          graph_.type(graph_.inputs()[i]).kind == ir::ValueKind::optional_sequence;
      if (found == sequences.end() && !may_miss) missing();
      if (found != sequences.end()) check_sequence(i, found->second);
      absent += found == sequences.end();
      continue;
    }
    const auto found = given.find(name(i));
    if (found == given.end()) missing();
    inputs[i] = &found->second;
    check(i, found->second, "input " + base::quoted(name(i)));
    ++taken;
  }
  if (given.size() > taken) refuse_unknown(given, true);
  if (sequences.size() > size() - taken - absent) refuse_unknown(sequences, false);
}

void InputRules::check_sequence(size_t i, const std::vector<TensorView>& views) const {
  const ir::ValueType& type = graph_.type(graph_.inputs()[i]);
  if (type.kind == ir::ValueKind::optional && views.size() > 1)
    throw InputError(fmt::format("input {} is optional, and {} tensors are given",
                                 base::quoted(name(i)), views.size()));
  for (size_t at = 0; at < views.size(); ++at) {
    const std::string what = fmt::format("input {}, tensor {}", base::quoted(name(i)), at);
    const TensorView& view = views[at];
    check(i, view, what);
    if (!view.on_host())
      throw InputError(fmt::format("{} lies on {}; copy it to host memory first", what,
                                   base::quoted(view.device)));
    for (size_t axis = 0; type.dims && axis < type.rank(); ++axis) {
      const auto wanted = (*type.dims)[axis].try_constant();
      if (wanted && *wanted != view.shape[axis])
        throw InputError(fmt::format("{}: axis {} has {} elements, the network takes {}", what,
                                     axis, view.shape[axis], *wanted));
    }
  }
}

void InputRules::check(size_t i, const TensorView& view, const std::string& what) const {
  const ir::ValueType& type = graph_.type(graph_.inputs()[i]);
  if (!view.on_host() && view.device != memory_) {
    throw InputError(wrong_device(what, view.device, memory_));
  }
  if (view.dtype != type.dtype) {
    throw InputError(fmt::format("{} is {}, the network takes {}; convert it first", what,
                                 to_string(view.dtype), to_string(type.dtype)));
  }
  if (type.dims && view.shape.size() != type.rank()) {
    throw InputError(fmt::format("{} has rank {} {}, the network takes rank {} {}", what,
                                 view.shape.size(), to_string(view.shape), type.rank(),
                                 ir::text(*type.dims)));
  }
  if (!view.strides.empty() && view.strides.size() != view.shape.size()) {
    throw InputError(
        fmt::format("{} has {} strides for rank {}", what, view.strides.size(), view.shape.size()));
  }
  if (view.data == nullptr && element_count(view.shape) > 0) {
    throw InputError(fmt::format("{} has no data", what));
  }
}

void InputRules::bind(std::span<const TensorView* const> inputs,
                      lower::SymbolValues& symbols) const {
  symbols.assign(symbols_.size(), lower::unknown);
  for (const Axis& axis : axes_) {
    if (axis.symbol < 0) continue;
    int64_t& value = symbols[static_cast<size_t>(axis.symbol)];
    if (value == lower::unknown) value = inputs[axis.input]->shape[axis.axis];
  }
  for (const Axis& axis : axes_) check_axis(axis, inputs[axis.input]->shape[axis.axis], symbols);
  for (const auto& [symbol, range] : ranges_) {
    const int64_t extent = symbols[static_cast<size_t>(symbol)];
    if (extent == lower::unknown || (extent >= range.least && extent <= range.greatest)) continue;
    throw InputError(fmt::format("\"{}\" is {} in these inputs; the engine was built for {} to {}",
                                 symbols_.names()[static_cast<size_t>(symbol)], extent, range.least,
                                 range.greatest));
  }
}

void InputRules::check_axis(const Axis& axis, int64_t extent,
                            const lower::SymbolValues& symbols) const {
  const auto fail = [&](std::string_view where) {
    throw InputError(fmt::format("input {}: axis {} has {} elements, the network takes {}{}",
                                 base::quoted(name(axis.input)), axis.axis, extent, axis.dim.text(),
                                 where));
  };
  if (const auto constant = axis.dim.try_constant()) {
    if (*constant != extent) fail("");
    return;
  }
  const bool told = axis.symbol >= 0 && extent <= INT32_MAX;  // what is beyond, evaluate() refuses
  const int64_t value = told ? symbols[static_cast<size_t>(axis.symbol)]
                             : axis.dim.evaluate(symbols_.bindings(symbols));
  if (value != extent) fail(fmt::format(" = {} here", value));
}

}  // namespace tenon::runtime
