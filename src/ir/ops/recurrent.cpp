// Types of recurrent layers.
#include "ir/ops/recurrent.h"

#include "base/error.h"
#include "ir/enum_names.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

void require_shape(Infer& in, size_t i, const Dims& dims) {
  if (!in.has(i)) return;
  if (in.dims(i).size() != dims.size())
    in.fail(
        fmt::format("operand {} is {}, and must have rank {}", i, in.type(i).text(), dims.size()));
  for (size_t axis = 0; axis < dims.size(); ++axis)
    in.require_equal(in.dims(i)[axis], dims[axis],
                     fmt::format("extents of axis {} of operand {}", axis, i));
}

}  // namespace

int64_t gates_of(RecurrentKind kind) {
  return kind == RecurrentKind::lstm ? 4 : kind == RecurrentKind::gru ? 3 : 1;
}

size_t activations_of(RecurrentKind kind) {
  return kind == RecurrentKind::lstm ? 3 : kind == RecurrentKind::gru ? 2 : 1;
}

std::vector<Value> Recurrent::infer(Infer& in) const {
  in.require_floating(0);
  for (const size_t i : {1, 2, 4, 5, 6}) require_same_dtype(in, i);
  if (in.has(3)) in.require_dtype(3, DType::i32);
  if (in.dims(0).size() != 4 || in.dims(1).size() != 3)
    in.fail(fmt::format("input and weight have rank {} and {}, and must have 4 and 3",
                        in.dims(0).size(), in.dims(1).size()));
  const Dim &steps = in.dims(0)[0], &batch = in.dims(0)[1];
  const Dim &directions = in.dims(1)[0], &hidden = in.dims(1)[1];
  if (!(directions == Dim(1)) && !(directions == Dim(2)))
    in.fail(fmt::format("there are {} directions, and must be 1 or 2", directions.text()));
  if (reverse && directions == Dim(2)) in.fail("one direction of two cannot be reversed");
  require_shape(in, 0, {steps, batch, directions, hidden * gates_of(kind)});
  require_shape(in, 1, {directions, hidden, hidden * gates_of(kind)});
  require_shape(in, 2, {directions, hidden});
  require_shape(in, 3, {batch});
  require_shape(in, 4, {directions, batch, hidden});
  require_shape(in, 5, {directions, batch, hidden});
  require_shape(in, 6, {directions, hidden * 3});
  const size_t count = activations_of(kind) * static_cast<size_t>(directions.constant());
  if (activations.size() != count || alphas.size() != count || betas.size() != count)
    in.fail(fmt::format("{} activations, {} alphas and {} betas are given; there must be {} each",
                        activations.size(), alphas.size(), betas.size(), count));
  for (const std::string& name : activations)
    if (!parse_enum<Activation>(name)) in.fail(fmt::format("activation \"{}\" is unknown", name));
  std::vector<Value> values{{ValueType(in.dtype(0), {steps, directions, batch, hidden}), {}}};
  for (int i = 1; i < in.outputs(); ++i)
    values.push_back({ValueType(in.dtype(0), {directions, batch, hidden}), {}});
  if (in.outputs() > 2 && kind != RecurrentKind::lstm) in.fail("only an lstm has a cell state");
  return values;
}

}  // namespace tenon::ir
