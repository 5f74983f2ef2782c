// Types and known values of gathered slices.
#include "ir/ops/gather.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

// The indices as numbers within the axis; nothing where one is not known, or is outside.
std::optional<std::vector<int64_t>> known_indices(const Value& indices, const Dim& extent) {
  if (!indices.known || !extent.is_constant()) return std::nullopt;
  std::vector<int64_t> known;
  for (const Dim& index : indices.known->integers) {
    if (!index.is_constant()) return std::nullopt;
    known.push_back(index.constant() + (index.constant() < 0 ? extent.constant() : 0));
    if (known.back() < 0 || known.back() >= extent.constant()) return std::nullopt;
  }
  return known;
}

std::optional<Known> gathered(const Infer& in, size_t axis, const Dims& dims) {
  const auto indices = known_indices(in[1], in.dims(0)[axis]);
  if (!indices) return std::nullopt;
  const Dims& shape = in.dims(1);
  return rearranged(in[0], dims, [&](std::vector<int64_t>& at) {
    size_t index = 0;
    for (size_t i = 0; i < shape.size(); ++i)
      index = index * static_cast<size_t>(shape[i].constant()) + static_cast<size_t>(at[axis + i]);
    const auto first = at.begin() + static_cast<std::ptrdiff_t>(axis);
    at.erase(first, first + static_cast<std::ptrdiff_t>(shape.size()));
    at.insert(at.begin() + static_cast<std::ptrdiff_t>(axis), (*indices)[index]);
  });
}

}  // namespace

std::vector<Value> Gather::infer(Infer& in) const {
  const Dims& x = in.dims(0);
  if (x.empty()) in.fail("a scalar has no axis to gather along");
  if (in.dtype(1) != DType::i32 && in.dtype(1) != DType::i64)
    in.fail(fmt::format("the indices are {}, and must be i32 or i64", to_string(in.dtype(1))));
  const int64_t along = in.axis(axis, x.size());
  Dims dims = x;
  dims.erase(dims.begin() + along);
  dims.insert(dims.begin() + along, in.dims(1).begin(), in.dims(1).end());
  return {{ValueType(in.dtype(0), dims), gathered(in, static_cast<size_t>(along), dims)}};
}

}  // namespace tenon::ir
