// Types of what one of two graphs gives.
#include "ir/ops/if.h"

#include "base/error.h"
#include "ir/graph.h"
#include "ir/ops/bodies.h"

namespace tenon::ir {
namespace {

ValueType either(Infer& in, const ValueType& yes, const ValueType& no, OpenExtents& open) {
  if (yes.dtype != no.dtype || yes.kind != no.kind) {
    in.fail(fmt::format("one branch gives {}, the other {}", yes.text(), no.text()));
  }
  ValueType type = yes;
  if (!yes.is_tensor()) {
    if (yes.dims != no.dims) type.dims.reset();
    return type;
  }
  if (!yes.dims || !no.dims || yes.rank() != no.rank()) {
    type.dims.reset();
    return type;
  }
  for (size_t axis = 0; axis < yes.rank(); ++axis) {
    Dim& extent = (*type.dims)[axis];
    if (!open.is_open()) in.require_equal(extent, (*no.dims)[axis], "extents of both branches");
    extent = open.next(extent);
  }
  return type;
}

}  // namespace

std::vector<Value> If::infer(Infer& in) const {
  require_scalar(in, in.type(0), DType::bool_, "the condition");
  const size_t read = in.size() - 1;
  const Graph& yes = body_of(in, then_body, "then_body", read, in.outputs());
  const Graph& no = body_of(in, else_body, "else_body", read, in.outputs());
  for (size_t i = 0; i < read; ++i) {
    require_input(in, yes, i, i + 1);
    require_input(in, no, i, i + 1);
  }
  OpenExtents open(in, symbols);
  std::vector<Value> values;
  for (size_t i = 0; i < yes.outputs().size(); ++i) {
    const ValueType& type = yes.type(yes.outputs()[i].value);
    values.push_back({either(in, type, no.type(no.outputs()[i].value), open), {}});
  }
  open.finish();
  return values;
}

}  // namespace tenon::ir
