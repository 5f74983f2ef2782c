// Types of what a graph gives that runs again and again.
#include "ir/ops/loop.h"

#include "base/error.h"
#include "ir/graph.h"
#include "ir/ops/bodies.h"

namespace tenon::ir {
namespace {

constexpr size_t before_carried = 2;  // iteration or trip count, and condition

// One loop while its types are inferred.
class LoopTypes {
 public:
  LoopTypes(Infer& in, const Loop& loop, const Graph& body)
      : in_(in), loop_(loop), body_(body), changing_(in, loop.changing), open_(in, loop.symbols) {}

  std::vector<Value> run() {
    const auto carried = static_cast<size_t>(loop_.carried);
    require_scalar(in_, input(0), DType::i64, "input 0 of the body");
    require_scalar(in_, input(1), DType::bool_, "input 1 of the body");
    require_scalar(in_, output(0), DType::bool_, "output 0 of the body");
    std::vector<Value> values;
    for (size_t i = 0; i < carried; ++i) values.push_back({last(i), {}});
    for (size_t i = carried + 1; i < body_.outputs().size(); ++i) {
      values.push_back({stacked(output(i)), {}});
    }
    changing_.finish();
    open_.finish();
    for (size_t i = before_carried + carried; i < in_.size(); ++i) require_input(in_, body_, i, i);
    return values;
  }

 private:
  const ValueType& input(size_t i) const { return body_.type(body_.inputs()[i]); }
  const ValueType& output(size_t i) const { return body_.type(body_.outputs()[i].value); }

  // A carried value: operand, input and output of the body are alike, but for extents that change
  // and a rank that is not known.
  ValueType last(size_t i) {
    ValueType type = in_.type(before_carried + i);
    const ValueType &before = input(before_carried + i), &after = output(1 + i);
    if (!before.dims) type.dims.reset();
    const bool fits =
        alike(before, type) &&
        (before.dims ? alike(after, type) : after.dtype == type.dtype && after.kind == type.kind);
    if (!fits) {
      in_.fail(fmt::format("carried value {} begins as {}, is {} in the body and becomes {}", i,
                           in_.type(before_carried + i).text(), before.text(), after.text()));
    }
    if (!type.is_tensor()) return type;
    for (size_t axis = 0; axis < type.rank(); ++axis) {
      Dim& extent = (*type.dims)[axis];
      const std::string what = fmt::format("extents of carried value {} in all turns", i);
      const Dim turn = changing_.next(extent);
      in_.require_equal((*before.dims)[axis], turn, what);
      if (!open_.is_open()) in_.require_equal(turn, (*after.dims)[axis], what);
      extent = open_.next(extent);
    }
    return type;
  }

  ValueType stacked(const ValueType& element) {
    if (!element.is_tensor()) in_.fail(fmt::format("a turn cannot scan {}", element.text()));
    ValueType type = element;
    if (!element.dims) return type;
    if (loop_.turns < 0 && !open_.is_open()) in_.fail("the number of turns has no symbol");
    Dims dims{open_.next(loop_.turns)};
    for (const Dim& extent : *element.dims) dims.push_back(open_.next(extent));
    type.dims = std::move(dims);
    return type;
  }

  Infer& in_;
  const Loop& loop_;
  const Graph& body_;
  OpenExtents changing_, open_;
};

}  // namespace

std::vector<Value> Loop::infer(Infer& in) const {
  const auto known = static_cast<int64_t>(in.size() - before_carried);
  if (carried < 0 || carried > known) {
    in.fail(fmt::format("{} values are carried, {} are there", carried, known));
  }
  if (in.has(0)) require_scalar(in, in.type(0), DType::i64, "the trip count");
  if (in.has(1)) require_scalar(in, in.type(1), DType::bool_, "the condition");
  return LoopTypes(in, *this, body_of(in, body, "body", in.size(), 1 + in.outputs())).run();
}

}  // namespace tenon::ir
