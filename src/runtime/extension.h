// Sets that another weights graph makes: weights with low-rank terms added to them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lower/low_rank.h"
#include "lower/slot_program.h"
#include "runtime/weight_set.h"

namespace tenon::runtime {

/// s·B·A, added to a weight: a is [rank, k], b [n, rank], for a weight of n rows with k elements
/// each.
struct LowRankTerm {
  Source a, b;
  double scale = 1;
  bool operator==(const LowRankTerm&) const = default;
};
/// By weight, then by the adapter's name, in which order they are added. A scale of 0 is none.
using LowRankTerms = std::map<std::string, std::map<std::string, LowRankTerm>>;

/// A leaf that the engine has not.
struct FurtherLeaf {
  Source source;
  DType dtype = DType::f32;  ///< what it is read as
};

/// How the slots of a set are made where the engine's own programs do not. Immutable.
struct Extension {
  LowRankTerms terms;
  lower::LowRanks ranks;  ///< what the programs depend on of them
  std::map<std::string, FurtherLeaf, std::less<>> leaves;
  std::map<size_t, std::shared_ptr<const lower::SlotProgram>> programs;  ///< by slot
  /// By weight: what makes it with its terms, plain.
  std::map<std::string, std::shared_ptr<const lower::SlotProgram>> sums;
};
/// Null: none.
using ExtensionPtr = std::shared_ptr<const Extension>;
/// From the extension of what is changed, that of the new set.
using Extended = std::function<ExtensionPtr(const ExtensionPtr& base)>;

}  // namespace tenon::runtime
