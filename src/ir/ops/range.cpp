// Types and known values of ranges.
#include "ir/ops/range.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

// Integers only: kernels round floats, and nothing asks for extents in them.
std::optional<Known> listed(const Infer& in, const Dims& count) {
  const auto elements = known_count(count);
  if (!elements || is_floating(in.dtype(0)) || !in[0].known || !in[1].known) return std::nullopt;
  Known known;
  try {
    for (size_t i = 0; i < *elements; ++i) {
      const Dim delta = in[1].known->integers[0] * static_cast<int64_t>(i);
      known.integers.push_back(in[0].known->integers[0] + delta);
      if (!representable(in.dtype(0), known.integers.back())) return std::nullopt;
    }
  } catch (const BuildError&) {  // more than 64 bits: the values stay unknown
    return std::nullopt;
  }
  return known;
}

}  // namespace

std::vector<Value> Range::infer(Infer& in) const {
  if (in.dtype(0) == DType::bool_) in.fail("it is not defined for bool; cast the operands");
  require_same_dtype(in, 1);
  for (size_t i = 0; i < 2; ++i) {
    if (!in.dims(i).empty())
      in.fail(fmt::format("operand {} is {}, and must be a scalar", i, in.type(i).text()));
  }
  require_count(in, count);
  return {{ValueType(in.dtype(0), count), listed(in, count)}};
}

}  // namespace tenon::ir
