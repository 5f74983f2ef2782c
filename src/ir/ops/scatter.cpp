// Types and known values of scattered slices.
#include "ir/ops/scatter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/dtype.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

// Of single elements that are replaced at known indices.
std::optional<Known> scattered(const Infer& in, ScatterKind kind) {
  if (kind != ScatterKind::replace || in.dims(0).size() != 1) return std::nullopt;
  if (!in[0].known || !in[1].known || !in[2].known) return std::nullopt;
  Known result = *in[0].known;
  const auto count = static_cast<int64_t>(std::max(result.integers.size(), result.floats.size()));
  for (size_t i = 0; i < in[1].known->integers.size(); ++i) {
    const auto index = in[1].known->integers[i].try_constant();
    if (!index || *index < 0 || *index >= count) return std::nullopt;
    const auto at = static_cast<size_t>(*index);
    if (!result.integers.empty()) result.integers[at] = in[2].known->integers[i];
    if (!result.floats.empty()) result.floats[at] = in[2].known->floats[i];
  }
  return result;
}

}  // namespace

std::vector<Value> Scatter::infer(Infer& in) const {
  const Dims& x = in.dims(0);
  if (x.empty()) in.fail("a scalar has no slices to replace");
  if (in.dtype(1) != DType::i64)
    in.fail(fmt::format("the indices are {}, and must be i64", to_string(in.dtype(1))));
  require_same_dtype(in, 2);
  const DType dtype = in.dtype(0);
  if (kind != ScatterKind::replace && (dtype == DType::bool_ || base::is_moved_only(dtype)))
    in.fail("bool elements cannot be combined; cast the operand");
  Dims updates = in.dims(1);
  updates.insert(updates.end(), x.begin() + 1, x.end());
  if (in.dims(2).size() != updates.size())
    in.fail(fmt::format("the updates are {}, expected {}", in.type(2).text(), text(updates)));
  for (size_t i = 0; i < updates.size(); ++i)
    in.require_equal(in.dims(2)[i], updates[i], fmt::format("extents of axis {} of updates", i));
  return {{ValueType(in.dtype(0), x), scattered(in, kind)}};
}

}  // namespace tenon::ir
