// Types and known values of concatenations.
#include "ir/ops/concat.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

// The elements of rank-1 operands, one after another.
std::optional<Known> joined(const Infer& in) {
  Known out;
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in[i].known) return std::nullopt;
    const Known& part = *in[i].known;
    out.integers.insert(out.integers.end(), part.integers.begin(), part.integers.end());
    out.floats.insert(out.floats.end(), part.floats.begin(), part.floats.end());
  }
  if (out.integers.size() + out.floats.size() > Known::limit) return std::nullopt;
  return out;
}

}  // namespace

std::vector<Value> Concat::infer(Infer& in) const {
  Dims out = in.dims(0);
  if (out.empty()) in.fail("scalars cannot be joined; give them an axis");
  const auto along = static_cast<size_t>(in.axis(axis, out.size()));
  for (size_t i = 1; i < in.size(); ++i) {
    require_same_dtype(in, i);
    const Dims& dims = in.dims(i);
    if (dims.size() != out.size()) {
      in.fail(fmt::format("operand {} has rank {}, operand 0 has {}", i, dims.size(), out.size()));
    }
    for (size_t d = 0; d < dims.size(); ++d) {
      if (d != along)
        in.require_equal(out[d], dims[d],
                         fmt::format("extents of axis {} of operands 0 and {}", d, i));
    }
    out[along] = out[along] + dims[along];
  }
  Value value{ValueType(in.dtype(0), out), {}};
  if (out.size() == 1) value.known = joined(in);
  return {value};
}

}  // namespace tenon::ir
