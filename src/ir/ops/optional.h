// A tensor, or none.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// An optional that holds the operand.
struct Optional {
  static constexpr OpInfo info{.name = "optional", .has_kernels = false, .moves = true};
  static constexpr auto fields() { return std::tuple{}; }
  std::vector<Value> infer(Infer& in) const;
};

/// What an optional holds; a data error where that is nothing. `symbols` as of SequenceAt.
struct OptionalGetElement {
  std::vector<std::string> symbols;

  static constexpr OpInfo info{.name = "optional_get_element",
                               .has_kernels = false,
                               .any_kind = true,
                               .binds = true,
                               .moves = true};
  static constexpr auto fields() {
    return std::tuple{Field{"symbols", &OptionalGetElement::symbols}};
  }
  std::vector<Value> infer(Infer& in) const;
};

/// Whether an optional holds anything, bool[].
struct OptionalHasElement {
  static constexpr OpInfo info{
      .name = "optional_has_element", .has_kernels = false, .any_kind = true, .moves = true};
  static constexpr auto fields() { return std::tuple{}; }
  std::vector<Value> infer(Infer& in) const;
};

}  // namespace tenon::ir
