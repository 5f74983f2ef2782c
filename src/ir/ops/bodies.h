// What ops with bodies check alike.
#pragma once

#include "ir/op.h"

namespace tenon::ir {

/// The body, with as many inputs and outputs as that (-1: any number).
const Graph& body_of(Infer& in, const Body& body, std::string_view name, size_t inputs,
                     int outputs);
/// Operand `operand` fits input `input` of a body; extents that cannot be told are checked by runs.
void require_input(Infer& in, const Graph& body, size_t input, size_t operand);
/// Of one kind, dtype and rank.
bool alike(const ValueType& a, const ValueType& b);
/// One element, of that dtype.
void require_scalar(Infer& in, const ValueType& type, DType dtype, std::string_view what);

/// Hands out an op's `symbols`, one for each extent of its outputs.
class OpenExtents {
 public:
  OpenExtents(Infer& in, const std::vector<std::string>& symbols) : in_(in), symbols_(symbols) {}

  /// The next symbol, or where there is none what is known.
  Dim next(const Dim& known);
  /// The next symbol is there: its extent is not known.
  bool is_open() const { return at_ < symbols_.size() && !symbols_[at_].empty(); }
  /// All were handed out.
  void finish() const;

 private:
  Infer& in_;
  const std::vector<std::string>& symbols_;
  size_t at_ = 0;
};

}  // namespace tenon::ir
