// Types of optionals.
#include "ir/ops/optional.h"

#include "base/error.h"
#include "ir/ops/sequence.h"

namespace tenon::ir {
namespace {

const ValueType& optional(Infer& in) {
  if (in.type(0).kind != ValueKind::optional) {
    in.fail(fmt::format("operand 0 is {}, and must be optional", in.type(0).text()));
  }
  return in.type(0);
}

}  // namespace

std::vector<Value> Optional::infer(Infer& in) const {
  return {{in.type(0).as(ValueKind::optional), {}}};
}

std::vector<Value> OptionalGetElement::infer(Infer& in) const {
  return {{taken_type(in, optional(in), symbols), {}}};
}

std::vector<Value> OptionalHasElement::infer(Infer& in) const {
  optional(in);
  return {{ValueType(DType::bool_, {}), {}}};
}

}  // namespace tenon::ir
