// What ops with bodies check alike.
#include "ir/ops/bodies.h"

#include "base/error.h"
#include "base/text.h"
#include "ir/graph.h"

namespace tenon::ir {

const Graph& body_of(Infer& in, const Body& body, std::string_view name, size_t inputs,
                     int outputs) {
  if (!body) in.fail(fmt::format("{} is missing", name));
  if (body->inputs().size() != inputs) {
    in.fail(fmt::format("{} has {} inputs, expected {}", name, body->inputs().size(), inputs));
  }
  if (outputs >= 0 && body->outputs().size() != static_cast<size_t>(outputs)) {
    in.fail(fmt::format("{} has {} outputs, expected {}", name, body->outputs().size(), outputs));
  }
  return *body;
}

void require_input(Infer& in, const Graph& body, size_t input, size_t operand) {
  const ValueType& formal = body.type(body.inputs()[input]);
  const ValueType& given = in.type(operand);
  const std::string name = base::quoted(body.value(body.inputs()[input]).name);
  const bool fits = formal.dtype == given.dtype &&
                    formal.dims.has_value() == given.dims.has_value() &&
                    formal.rank() == given.rank();
  if (!fits) {
    in.fail(fmt::format("operand {} is {}, input {} of a body {}", operand, given.text(), name,
                        formal.text()));
  }
  for (size_t axis = 0; axis < formal.rank(); ++axis) {
    in.require_equal((*given.dims)[axis], (*formal.dims)[axis],
                     fmt::format("extents of operand {} and of input {} of a body", operand, name));
  }
}

bool alike(const ValueType& a, const ValueType& b) {
  return a.kind == b.kind && a.dtype == b.dtype && a.dims.has_value() == b.dims.has_value() &&
         a.rank() == b.rank();
}

void require_scalar(Infer& in, const ValueType& type, DType dtype, std::string_view what) {
  const bool one = type.dims && (type.rank() == 0 || (type.rank() == 1 && (*type.dims)[0] == 1));
  if (type.dtype != dtype || !type.is_tensor() || !one) {
    in.fail(fmt::format("{} is {}, and must be one {}", what, type.text(), to_string(dtype)));
  }
}

Dim OpenExtents::next(const Dim& known) {
  if (at_ == symbols_.size()) in_.fail("an extent has no symbol");
  const std::string& symbol = symbols_[at_++];
  return symbol.empty() ? known : Dim::symbol(symbol);
}

void OpenExtents::finish() const {
  if (at_ < symbols_.size()) {
    in_.fail(fmt::format("{} extents are given {} symbols", at_, symbols_.size()));
  }
}

}  // namespace tenon::ir
