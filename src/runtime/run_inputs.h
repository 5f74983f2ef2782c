// The inputs of a run: checked against the network's, and the symbols that their extents tell.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lower/extents.h"
#include "plan/plan.h"
#include "tenon/tensor.h"

namespace tenon::runtime {

/// "a, b, c and 7 more".
std::string listed(std::span<const std::string> names);
/// Whether two pieces of memory have a byte in common.
bool overlap(const TensorView& a, const TensorView& b);

/// The sentence about an array that the engine of `memory` cannot reach.
std::string wrong_device(std::string_view what, std::string_view device, std::string_view memory);

/// Inputs that are sequences or optionals.
using Sequences = std::map<std::string, std::vector<TensorView>>;

/// Knows the inputs of one graph. Immutable.
class InputRules {
 public:
  /// Refers to all that it is given.
  InputRules(const ir::Graph& graph, const lower::Symbols& symbols,
             const std::map<std::string, plan::SymbolRange>& ranges, std::string_view memory);

  size_t size() const { return graph_.inputs().size(); }
  const std::string& name(size_t i) const { return graph_.value(graph_.inputs()[i]).name; }
  /// `input "x" f32[2, 3]`, for an error.
  std::string text(size_t i, const TensorView& view) const;

  /// The views in the graph's order, null for what is no tensor. Throws InputError naming what is
  /// missing, unknown or unfit.
  void take(const std::map<std::string, TensorView>& given, const Sequences& sequences,
            std::vector<const TensorView*>& inputs) const;
  bool is_tensor(size_t i) const { return graph_.type(graph_.inputs()[i]).is_tensor(); }
  /// Symbols take their value from the first axis that is nothing but the symbol; then every axis
  /// is checked, and every range. The other symbols are left unknown.
  void bind(std::span<const TensorView* const> inputs, lower::SymbolValues& symbols) const;

 private:
  struct Axis {
    size_t input = 0, axis = 0;
    int symbol = -1;  // where the extent is nothing but this symbol
    ir::Dim dim;
  };
  struct Range {
    int symbol = 0;
    plan::SymbolRange range;
  };

  void check(size_t i, const TensorView& view, const std::string& what) const;
  void check_sequence(size_t i, const std::vector<TensorView>& views) const;
  void check_axis(const Axis& axis, int64_t extent, const lower::SymbolValues& symbols) const;
  template <class Given>
  void refuse_unknown(const Given& given, bool tensors) const;

  const ir::Graph& graph_;
  const lower::Symbols& symbols_;
  std::string_view memory_;  // of the backend
  std::vector<Axis> axes_;
  std::vector<Range> ranges_;
};

}  // namespace tenon::runtime
