// A tensor, or none.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// An optional that holds the operand, a tensor or a sequence. Without one it holds nothing, and
/// the fields say of what type.
struct Optional {
  DType dtype = DType::f32;
  bool of_sequence = false, ranked = false;
  Dims dims;

  static constexpr OpInfo info{
      .name = "optional", .min_inputs = 0, .has_kernels = false, .any_kind = true, .moves = true};
  static constexpr auto fields() {
    return std::tuple{Field{"dtype", &Optional::dtype},
                      Field{"of_sequence", &Optional::of_sequence},
                      Field{"ranked", &Optional::ranked}, Field{"dims", &Optional::dims}};
  }
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
