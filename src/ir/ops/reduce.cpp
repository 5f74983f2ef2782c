// Types and known values of reductions.
#include "ir/ops/reduce.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

std::vector<bool> reduced_axes(const Infer& in, const std::vector<int64_t>& axes, size_t rank) {
  std::vector<bool> reduced(rank);
  for (const int64_t given : axes) {
    const auto axis = static_cast<size_t>(in.axis(given, rank));
    if (reduced[axis]) in.fail(fmt::format("axis {} is named twice", axis));
    reduced[axis] = true;
  }
  return reduced;
}

std::optional<Dim> fold(ReduceKind kind, const std::vector<Dim>& values) {
  const bool extremum = kind == ReduceKind::min || kind == ReduceKind::max;
  if (extremum && values.empty()) return std::nullopt;
  Dim result = kind == ReduceKind::sum ? Dim(0) : kind == ReduceKind::prod ? Dim(1) : values[0];
  for (const Dim& value : values) {
    switch (kind) {
      case ReduceKind::sum: result = result + value; break;
      case ReduceKind::prod: result = result * value; break;
      case ReduceKind::min: result = min(result, value); break;
      default: result = max(result, value);
    }
  }
  return result;
}

// The least or greatest of known floats, which no kernel rounds; others are left to the run.
std::optional<Known> extreme(ReduceKind kind, const std::vector<double>& values) {
  const bool extremum = kind == ReduceKind::min || kind == ReduceKind::max;
  const bool ordered = std::ranges::none_of(values, [](double each) { return std::isnan(each); });
  if (!extremum || values.empty() || !ordered) return std::nullopt;
  const auto [least, greatest] = std::ranges::minmax_element(values);
  return Known{.integers = {}, .floats = {kind == ReduceKind::min ? *least : *greatest}};
}

// Sum, product, least or greatest of all known integers of a vector.
std::optional<Known> folded(ReduceKind kind, const Value& value) {
  if (value.known && is_floating(value.type.dtype)) return extreme(kind, value.known->floats);
  const bool folds = kind == ReduceKind::sum || kind == ReduceKind::prod ||
                     kind == ReduceKind::min || kind == ReduceKind::max;
  if (!folds || !value.known) return std::nullopt;
  try {
    const auto result = fold(kind, value.known->integers);
    if (!result || !representable(value.type.dtype, *result)) return std::nullopt;
    return Known{.integers = {*result}, .floats = {}};
  } catch (const BuildError&) {  // more than 64 bits: the value stays unknown
    return std::nullopt;
  }
}

}  // namespace

std::vector<Value> Reduce::infer(Infer& in) const {
  const bool extremum = kind == ReduceKind::min || kind == ReduceKind::max;
  require_numeric(in, extremum, extremum);
  const Dims& x = in.dims(0);
  const std::vector<bool> reduced = reduced_axes(in, axes, x.size());
  Dims out;
  for (size_t axis = 0; axis < x.size(); ++axis) {
    if (!reduced[axis]) {
      out.push_back(x[axis]);
    } else if (keep_dims) {
      out.push_back(1);
    }
  }
  Value value{ValueType(in.dtype(0), out), {}};
  if (x.size() == 1 && reduced[0]) value.known = folded(kind, in[0]);
  return {value};
}

}  // namespace tenon::ir
