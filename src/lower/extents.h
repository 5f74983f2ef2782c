// The extents of a graph's values: symbols by number, and every distinct dim once.
#pragma once

#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"

namespace tenon::lower {

/// Values of symbols by name.
using Bindings = std::map<std::string, int64_t>;
/// Values of symbols by number; `unknown` until a run has found them.
using SymbolValues = std::vector<int64_t>;
inline constexpr int64_t unknown = -1;

/// Numbers for the symbols of an outermost graph, its bodies among it.
class Symbols {
 public:
  Symbols() = default;
  explicit Symbols(const ir::Graph& graph);

  size_t size() const { return names_.size(); }
  const std::vector<std::string>& names() const { return names_; }
  /// Throws build for a name that is no symbol of the graph.
  int number(const std::string& name) const;
  SymbolValues values(const Bindings& bindings) const;
  /// Those that are known, by name.
  Bindings bindings(std::span<const int64_t> values) const;
  /// Those of `numbers`.
  Bindings bindings(std::span<const int> numbers, std::span<const int64_t> values) const;

 private:
  std::vector<std::string> names_;  // sorted
};

/// The dims of all values of a graph, each distinct symbolic one kept once.
class DimTable {
 public:
  /// An axis of a value: a number, or an entry of the table.
  struct Axis {
    int64_t extent = 0;
    int dim = -1;
  };

  DimTable() = default;
  explicit DimTable(const ir::Graph& graph);

  const std::vector<ir::Dim>& dims() const { return dims_; }
  bool has_rank(ir::ValueId id) const { return ranked_[static_cast<size_t>(id)]; }
  /// Of a value with a rank.
  std::span<const Axis> axes(ir::ValueId id) const {
    const auto i = static_cast<size_t>(id);
    return std::span(axes_).subspan(first_[i], first_[i + 1] - first_[i]);
  }
  /// An axis as a number, given the values of the dims.
  static int64_t extent(const Axis& axis, std::span<const int64_t> dims) {
    return axis.dim < 0 ? axis.extent : dims[static_cast<size_t>(axis.dim)];
  }
  std::vector<int64_t> extents(ir::ValueId id, std::span<const int64_t> dims) const;

 private:
  Axis axis_of(const ir::Dim& dim);

  std::vector<ir::Dim> dims_;
  std::unordered_map<std::string, int> numbers_;  // by text
  std::vector<Axis> axes_;
  std::vector<size_t> first_;  // by value, and one more
  std::vector<bool> ranked_;
};

/// A dim as an extent; throws invalid_input where it is negative or cannot be told.
int64_t extent_at(const ir::Dim& dim, const Bindings& bindings);

}  // namespace tenon::lower
