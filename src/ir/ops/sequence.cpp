// Types of sequences and of what is taken from them.
#include "ir/ops/sequence.h"

#include "base/error.h"
#include "ir/ops/bodies.h"

namespace tenon::ir {
namespace {

// What holds for tensors of either type.
ValueType common_type(Infer& in, ValueType type, const ValueType& other) {
  if (type.dtype != other.dtype) {
    in.fail(fmt::format("a sequence of {} cannot hold {}", to_string(type.dtype), other.text()));
  }
  if (type.dims != other.dims) type.dims.reset();
  return type;
}

const ValueType& sequence(Infer& in) {
  if (in.type(0).kind != ValueKind::sequence) {
    in.fail(fmt::format("operand 0 is {}, and must be a sequence", in.type(0).text()));
  }
  return in.type(0);
}

const ValueType& tensor(Infer& in, size_t i) {
  if (!in.type(i).is_tensor()) in.fail(fmt::format("operand {} is {}", i, in.type(i).text()));
  return in.type(i);
}

void require_position(Infer& in, size_t i) {
  const DType dtype = in.dtype(i) == DType::i32 ? DType::i32 : DType::i64;
  require_scalar(in, in.type(i), dtype, "the position");
}

}  // namespace

std::vector<Value> SequenceConstruct::infer(Infer& in) const {
  ValueType type;
  type.dtype = dtype;
  if (in.size() > 0) type.dims = in.type(0).dims;
  for (size_t i = 0; i < in.size(); ++i) type = common_type(in, type, in.type(i));
  return {{type.as(ValueKind::sequence), {}}};
}

ValueType taken_type(Infer& in, const ValueType& type, const std::vector<std::string>& symbols) {
  ValueType taken = type.as(ValueKind::tensor);
  if (symbols.empty()) return taken;
  if (!taken.dims || symbols.size() != taken.rank())
    in.fail(fmt::format("{} symbols for the extents of {}", symbols.size(), taken.text()));
  for (size_t axis = 0; axis < symbols.size(); ++axis)
    if (!symbols[axis].empty()) (*taken.dims)[axis] = Dim::symbol(symbols[axis]);
  return taken;
}

std::vector<Value> SequenceAt::infer(Infer& in) const {
  require_position(in, 1);
  return {{taken_type(in, sequence(in), symbols), {}}};
}

std::vector<Value> SequenceInsert::infer(Infer& in) const {
  if (in.has(2)) require_position(in, 2);
  return {{common_type(in, sequence(in), tensor(in, 1)), {}}};
}

std::vector<Value> SequenceErase::infer(Infer& in) const {
  if (in.has(1)) require_position(in, 1);
  return {{sequence(in), {}}};
}

std::vector<Value> SequenceLength::infer(Infer& in) const {
  sequence(in);
  return {{ValueType(DType::i64, {}), {}}};
}

std::vector<Value> RowMaps::infer(Infer& in) const {
  if (in.dims(0).size() != 1 || in.dims(1).size() != 2)
    in.fail(fmt::format("keys {} and values {} are no maps", in.type(0).text(), in.type(1).text()));
  in.require_equal(in.dims(0)[0], in.dims(1)[1], "keys and values");
  return {{in.type(1).as(ValueKind::maps), {}}};
}

std::vector<Value> ConcatFromSequence::infer(Infer& in) const {
  ValueType type = sequence(in).as(ValueKind::tensor);
  if (!type.dims) {
    if (!symbols.empty()) in.fail("the rank is not known, and an extent has a symbol");
    return {{type, {}}};
  }
  if (symbols.size() != 1 || symbols[0].empty()) in.fail("the joined extent has no symbol");
  const auto along = in.axis(axis, type.rank() + (new_axis ? 1 : 0));
  if (new_axis) type.dims->insert(type.dims->begin() + along, Dim());
  (*type.dims)[static_cast<size_t>(along)] = Dim::symbol(symbols[0]);
  return {{type, {}}};
}

}  // namespace tenon::ir
