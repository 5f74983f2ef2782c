// Sums that stand for weights: W + Σ s·B·A.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "lower/executable_builder.h"

namespace tenon::lower {

/// One term, by the names of its leaves: a is [rank, k], b [n, rank], scale one element, for a
/// weight of n rows with k elements each.
struct LowRank {
  std::string a, b, scale;
  int64_t rank = 0;
  bool operator==(const LowRank&) const = default;
};
/// By weight: its terms in the order in which they are added.
using LowRanks = std::map<std::string, std::vector<LowRank>, std::less<>>;

/// What terms are computed in, and their leaves' dtype: f32, for an f64 weight f64.
DType sum_dtype(DType weight);

/// The weight with its terms, rounded once to its dtype; `leaf` makes the operand of a leaf.
ir::ValueId add_terms(
    ExecutableBuilder& builder, ir::ValueId weight, std::span<const LowRank> terms,
    const std::function<ir::ValueId(const std::string& name, ir::ValueType type)>& leaf);

}  // namespace tenon::lower
