// Types of attention.
#include "ir/ops/attention.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {

std::vector<Value> Attention::infer(Infer& in) const {
  require_numeric(in, false, false);
  for (size_t i = 1; i < 3; ++i) require_same_dtype(in, i);
  if (!is_floating(in.dtype(0)))
    in.fail(fmt::format("operands are {}, and must be floating", to_string(in.dtype(0))));
  const Dims &q = in.dims(0), &k = in.dims(1), &v = in.dims(2);
  for (size_t i = 0; i < 3; ++i) {
    if (in.dims(i).size() < 2)
      in.fail(fmt::format("operand {} has rank {}, and must have 2 or more", i, in.dims(i).size()));
  }
  in.require_equal(q.back(), k.back(), "columns of q and of k");
  in.require_equal(k[k.size() - 2], v[v.size() - 2], "rows of k and of v");
  const auto batch = [](const Dims& dims) { return Dims(dims.begin(), dims.end() - 2); };
  const Dims outer = in.broadcast(batch(q), batch(k));
  if (v.size() > outer.size() + 2)
    in.fail(fmt::format("v has rank {}, the scores {}", v.size(), outer.size() + 2));
  for (size_t i = 0; i + 2 < v.size(); ++i) {
    if (!(v[i] == Dim(1)))
      in.require_equal(v[i], outer[outer.size() + 2 - v.size() + i], "batches of v and the scores");
  }
  Dims whole = outer;
  whole.push_back(q[q.size() - 2]);
  Dims result = whole;
  whole.push_back(k[k.size() - 2]);
  result.push_back(v.back());
  require_epilogue(in, scores, ValueType(in.dtype(0), whole));
  return {{ValueType(in.dtype(0), result), {}}};
}

}  // namespace tenon::ir
