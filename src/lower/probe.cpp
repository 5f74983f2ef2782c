// Typical, least and greatest extents.
#include "lower/probe.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"
#include "lower/call.h"

namespace tenon::lower {
namespace {

constexpr int64_t kTypicalBatch = 1;
constexpr int64_t kTypicalExtent = 128;
constexpr int64_t kGreatestAsked = 4096;

std::vector<std::string> symbols_of(const ir::Graph& graph) {
  std::vector<std::string> names;
  for (const ir::GraphValue& value : graph.values()) {
    if (!value.value.type.dims) continue;
    for (const ir::Dim& dim : *value.value.type.dims) dim.symbols(names);
  }
  for (const ir::Constraint& constraint : graph.constraints()) {
    constraint.left.symbols(names);
    constraint.right.symbols(names);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::set<std::string> batch_symbols(const ir::Graph& graph) {
  std::vector<std::string> names;
  for (const ir::ValueId id : graph.inputs()) {
    const ir::ValueType& type = graph.type(id);
    if (type.rank() > 0) (*type.dims)[0].symbols(names);
  }
  return {names.begin(), names.end()};
}

std::map<std::string, plan::SymbolRange> complete_ranges(
    const ir::Graph& graph, const std::map<std::string, plan::SymbolRange>& given) {
  const std::set<std::string> batch = batch_symbols(graph);
  std::map<std::string, plan::SymbolRange> ranges;
  for (const std::string& symbol : symbols_of(graph)) {
    const auto known = given.find(symbol);
    plan::SymbolRange range = known == given.end() ? plan::SymbolRange{} : known->second;
    if (known == given.end())
      range.typical = batch.contains(symbol) ? kTypicalBatch : kTypicalExtent;
    range.greatest = std::min(range.greatest, std::max(kGreatestAsked, range.typical));
    ranges[symbol] = range;
  }
  return ranges;
}

/// True when all extents can be told and no constraint is broken.
bool fits(const ir::Graph& graph, const Bindings& bindings) {
  try {
    check_constraints(graph, bindings);
    for (const ir::GraphValue& value : graph.values()) {
      static_cast<void>(operand_at(value.value.type, bindings).bytes());
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// What `symbol` must be for the sides to be equal, if they are linear in it.
std::optional<int64_t> solution(const ir::Constraint& constraint, const std::string& symbol,
                                Bindings point) {
  const auto gap = [&](int64_t value) {
    point[symbol] = value;
    return constraint.left.evaluate(point) - constraint.right.evaluate(point);
  };
  try {
    const int64_t at_zero = gap(0), slope = gap(1) - at_zero;
    if (slope == 0 || at_zero % slope != 0 || gap(-at_zero / slope) != 0) return std::nullopt;
    return -at_zero / slope;
  } catch (const Error&) {  // an extent that cannot be told there
    return std::nullopt;
  }
}

/// Moves one symbol so that the constraint holds.
void satisfy(const ir::Constraint& constraint,
             const std::map<std::string, plan::SymbolRange>& ranges, Bindings& point) {
  std::vector<std::string> symbols;
  constraint.left.symbols(symbols);
  constraint.right.symbols(symbols);
  for (const std::string& symbol : symbols) {
    const auto value = solution(constraint, symbol, point);
    const plan::SymbolRange& range = ranges.at(symbol);
    if (!value || *value < range.least || *value > range.greatest) continue;
    point[symbol] = *value;
    return;
  }
}

template <class F>
Bindings bind(const std::map<std::string, plan::SymbolRange>& ranges, F&& pick) {
  Bindings bindings;
  for (const auto& [symbol, range] : ranges) bindings[symbol] = pick(range);
  return bindings;
}

}  // namespace

Probes probe_points(const ir::Graph& main, const std::map<std::string, plan::SymbolRange>& given) {
  const auto ranges = complete_ranges(main, given);
  Probes probes;
  const auto offer = [&](auto&& pick) {
    Bindings point = bind(ranges, pick);
    for (const ir::Constraint& constraint : main.constraints()) {
      if (!holds(constraint, point)) satisfy(constraint, ranges, point);
    }
    const bool seen =
        std::find(probes.points.begin(), probes.points.end(), point) != probes.points.end();
    if (!seen && fits(main, point)) probes.points.push_back(point);
  };
  offer([](const plan::SymbolRange& range) { return range.typical; });
  // Symbols that a constraint ties together (n = m) may not fit at their own typical values.
  for (const int64_t uniform : {1, 128, 224, 32, 512, 1024}) {
    if (!probes.points.empty()) break;
    offer([&](const plan::SymbolRange& r) { return std::clamp(uniform, r.least, r.greatest); });
  }
  offer([](const plan::SymbolRange& range) { return range.least; });
  offer([](const plan::SymbolRange& range) { return range.greatest; });
  if (!probes.points.empty()) return probes;
  const Bindings point = bind(ranges, [](const plan::SymbolRange& range) { return range.typical; });
  for (const ir::Constraint& constraint : main.constraints()) {
    if (holds(constraint, point)) continue;
    base::fail(ErrorCode::build,
               "{}: no extents are known with which {} and {} go together; give typical shapes",
               constraint.reason, constraint.left.text(), constraint.right.text());
  }
  base::fail(ErrorCode::build,
             "some extents are negative at every size tried; give typical shapes");
}

}  // namespace tenon::lower
