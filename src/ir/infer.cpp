// The checks that infer() functions share: what is wrong fails, what cannot be told becomes a
// constraint.
#include "ir/infer.h"

#include "base/error.h"

namespace tenon::ir {

std::optional<bool> decided(Constraint::Kind kind, const Dim& left, const Dim& right) {
  if (left == right) return true;
  if (kind == Constraint::Kind::broadcast) {
    if (left == Dim(1) || right == Dim(1)) return true;
    return left.is_constant() && right.is_constant() ? std::optional(false) : std::nullopt;
  }
  const Dim gap = left - right;
  const auto low = gap.lower_bound(), high = gap.upper_bound();
  if (high && *high < 0) return false;
  if (kind == Constraint::Kind::equal) return low && *low > 0 ? std::optional(false) : std::nullopt;
  return at_most(right, left) ? std::optional(true) : std::nullopt;
}

const Value& Infer::operator[](size_t i) const {
  if (!has(i)) fail(fmt::format("operand {} is missing", i));
  return *inputs_[i];
}

const Dims& Infer::dims(size_t i) const {
  const ValueType& operand = type(i);
  if (!operand.dims)
    fail(fmt::format("the rank of operand {} is not known; give the input a shape", i));
  return *operand.dims;
}

void Infer::require_equal(const Dim& left, const Dim& right, std::string_view what) {
  const auto known = decided(Constraint::Kind::equal, left, right);
  if (known == true) return;
  if (known == false) {
    fail(fmt::format("{} must be equal, not {} and {}", what, left.text(), right.text()));
  }
  constraints_.push_back(
      {Constraint::Kind::equal, left, right, fmt::format("{}: {}", where_, what)});
}

void Infer::require_at_least(const Dim& left, const Dim& right, std::string_view what) {
  const auto known = decided(Constraint::Kind::at_least, left, right);
  if (known == true) return;
  if (known == false)
    fail(fmt::format("{} is {}, and must be at least {}", what, left.text(), right.text()));
  constraints_.push_back(
      {Constraint::Kind::at_least, left, right, fmt::format("{}: {}", where_, what)});
}

Dim Infer::broadcast(const Dim& a, const Dim& b) {
  if (a == b || b == Dim(1)) return a;
  if (a == Dim(1)) return b;
  if (a.is_constant() && b.is_constant()) {
    fail(fmt::format("extents {} and {} do not broadcast", a.text(), b.text()));
  }
  constraints_.push_back(
      {Constraint::Kind::broadcast, a, b, fmt::format("{}: extents that broadcast", where_)});
  // Where neither can be 0 it is the greater, of which more can be told.
  if (at_most(1, a) && at_most(1, b) && !a.is_constant() && !b.is_constant()) return max(a, b);
  return ir::broadcast(a, b);
}

Dims Infer::broadcast(const Dims& a, const Dims& b) {
  const Dims& longer = a.size() >= b.size() ? a : b;
  const Dims& shorter = a.size() >= b.size() ? b : a;
  Dims out = longer;
  const size_t offset = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    out[offset + i] = broadcast(longer[offset + i], shorter[i]);
  }
  return out;
}

void Infer::require_dtype(size_t i, DType dtype) {
  if (type(i).dtype == dtype) return;
  fail(fmt::format("operand {} is {}, and must be {}", i, to_string(type(i).dtype),
                   to_string(dtype)));
}

void Infer::refuse_strings(DType other) const {
  if (dtype(0) == DType::string || other == DType::string)
    fail(fmt::format("it makes {} of {}, and strings have no other form", to_string(other),
                     to_string(dtype(0))));
}

void Infer::require_floating(size_t i) {
  if (is_floating(dtype(i))) return;
  fail(fmt::format("operand {} is {}, and must be floating", i, to_string(dtype(i))));
}

int64_t Infer::axis(int64_t axis, size_t rank) const {
  const auto count = static_cast<int64_t>(rank);
  if (axis < -count || axis >= count) fail(fmt::format("axis {} is outside rank {}", axis, rank));
  return axis < 0 ? axis + count : axis;
}

void Infer::fail(const std::string& sentence) const {
  throw BuildError(ErrorCode::build, where_ + ": " + sentence);
}

}  // namespace tenon::ir
