// Types of matrix products.
#include "ir/ops/matmul.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

// The last two axes, as they are multiplied.
std::pair<Dim, Dim> matrix(const Dims& dims, bool transposed) {
  const Dim &rows = dims[dims.size() - 2], &columns = dims[dims.size() - 1];
  return transposed ? std::pair(columns, rows) : std::pair(rows, columns);
}

Dims batch(const Dims& dims) { return {dims.begin(), dims.end() - 2}; }

}  // namespace

std::vector<Value> MatMul::infer(Infer& in) const {
  require_numeric(in, false, false);
  require_same_dtype(in, 1);
  require_same_dtype(in, 2);
  const Dims &a = in.dims(0), &b = in.dims(1);
  if (a.size() < 2 || b.size() < 2) {
    in.fail(
        fmt::format("operands have rank {} and {}, and must have 2 or more", a.size(), b.size()));
  }
  const auto [m, k] = matrix(a, transpose_a);
  const auto [rows, n] = matrix(b, transpose_b);
  if (k.is_constant() && rows.is_constant() && !(k == rows)) {
    in.fail(fmt::format("a has {} columns, b has {} rows", k.text(), rows.text()));
  }
  in.require_equal(k, rows, "columns of a and rows of b");
  if (in.has(2)) {
    if (in.dims(2).size() != 1)
      in.fail(fmt::format("bias has rank {}, and must have 1", in.dims(2).size()));
    in.require_equal(n, in.dims(2)[0], "columns of b and extent of the bias");
  }
  Dims out = in.broadcast(batch(a), batch(b));
  out.push_back(m);
  out.push_back(n);
  const ValueType result(in.dtype(0), out);
  require_epilogue(in, epilogue, result);
  return {{result, {}}};
}

}  // namespace tenon::ir
