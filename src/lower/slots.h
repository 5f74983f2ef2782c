// The weights graph of a lowered program: each slot in every form in which the main graph's kernels
// read it.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "lower/lower.h"

namespace tenon::lower {

/// A slot in one form.
struct SlotForm {
  std::string name;     ///< in the lowered main graph
  ir::ValueType plain;  ///< as the portable program has it
  ir::ValueType type;   ///< as kernels read it
};

/// Adds layouts and packs to a portable weights graph. Equal forms of a slot are one.
class SlotTable {
 public:
  explicit SlotTable(const ir::Graph& weights);

  /// The slot in a layout; plain is the portable slot itself.
  SlotForm in_layout(const std::string& slot, const ir::Layout& layout);
  /// Output `output` of a pack graph over `slots`, one for each of its inputs; a form of `slot`.
  SlotForm packed(const std::string& slot, const ir::Graph& pack,
                  std::span<const std::string> slots, const std::string& output);
  /// The graph whose outputs are all forms that were asked for, by their names.
  ir::Graph finish();

 private:
  struct Made {
    SlotForm form;
    ir::ValueId value = ir::absent;
  };
  template <class F>
  SlotForm form(const std::string& key, const std::string& slot, bool keeps_name, F&& make);
  std::string free_name(const std::string& slot) const;

  ir::GraphBuilder builder_;
  std::map<std::string, ir::ValueId> portable_;
  std::map<std::string, Made> forms_;        // by what distinguishes them
  std::map<std::string, std::string> keys_;  // by name
};

}  // namespace tenon::lower
