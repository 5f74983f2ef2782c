// Types of non-maximum suppression.
#include "ir/ops/non_max_suppression.h"

#include "base/error.h"
#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

void require_one_element(Infer& in, size_t i, DType dtype) {
  if (!in.has(i)) return;
  in.require_dtype(i, dtype);
  in.require_equal(product(in.dims(i)), 1, fmt::format("the elements of operand {} and 1", i));
}

}  // namespace

std::vector<Value> NonMaxSuppression::infer(Infer& in) const {
  in.require_dtype(0, DType::f32);
  in.require_dtype(1, DType::f32);
  const Dims& boxes = in.dims(0);
  const Dims& scores = in.dims(1);
  if (boxes.size() != 3 || scores.size() != 3)
    in.fail(
        fmt::format("boxes are {} and scores {}, and must have rank 3", text(boxes), text(scores)));
  in.require_equal(boxes[2], 4, "the extent of a box and 4");
  in.require_equal(boxes[0], scores[0], "batches of boxes and of scores");
  in.require_equal(boxes[1], scores[2], "numbers of boxes and of scores");
  require_one_element(in, 2, DType::i64);
  require_one_element(in, 3, DType::f32);
  require_one_element(in, 4, DType::f32);
  require_count(in, rows);
  std::vector<Value> values{{ValueType(DType::i64, {rows[0], 3}), {}}};
  if (in.outputs() > 1) values.push_back({ValueType(DType::i64, {1}), {}});
  return values;
}

}  // namespace tenon::ir
