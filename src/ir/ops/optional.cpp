// Types of optionals.
#include "ir/ops/optional.h"

#include "base/error.h"
#include "ir/ops/sequence.h"

namespace tenon::ir {
namespace {

const ValueType& optional(Infer& in) {
  if (in.type(0).kind != ValueKind::optional && in.type(0).kind != ValueKind::optional_sequence) {
    in.fail(fmt::format("operand 0 is {}, and must be optional", in.type(0).text()));
  }
  return in.type(0);
}

}  // namespace

std::vector<Value> Optional::infer(Infer& in) const {
  ValueType none(dtype, dims);
  if (!ranked) none.dims.reset();
  const ValueType& type = in.size() > 0 ? in.type(0) : none;
  const bool sequence = in.size() > 0 ? type.kind == ValueKind::sequence : of_sequence;
  if (!type.is_tensor() && !sequence)
    in.fail(fmt::format("an optional cannot hold {}", type.text()));
  return {{type.as(sequence ? ValueKind::optional_sequence : ValueKind::optional), {}}};
}

std::vector<Value> OptionalGetElement::infer(Infer& in) const {
  const ValueType& type = optional(in);
  if (type.kind == ValueKind::optional_sequence) return {{type.as(ValueKind::sequence), {}}};
  return {{taken_type(in, type, symbols), {}}};
}

std::vector<Value> OptionalHasElement::infer(Infer& in) const {
  optional(in);
  return {{ValueType(DType::bool_, {}), {}}};
}

}  // namespace tenon::ir
