// Types and known values of casts.
#include "ir/ops/cast.h"

#include <limits>

#include "ir/ops/checks.h"

namespace tenon::ir {
namespace {

std::optional<Dim> is_nonzero(const Dim& value) {
  if (const auto constant = value.try_constant()) return Dim(*constant != 0 ? 1 : 0);
  const auto low = value.lower_bound();
  return low && *low > 0 ? std::optional(Dim(1)) : std::nullopt;
}

// Toward zero, clamped to i64; narrower types keep only what they can hold (the rest is left to the
// kernel).
Dim truncated(double value) {
  constexpr double limit = 9223372036854775808.0;  // 2^63
  if (std::isnan(value)) return 0;
  if (value >= limit) return std::numeric_limits<int64_t>::max();
  if (value < -limit) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

bool cast_integers(const std::vector<Dim>& from, DType to, Known& out) {
  for (const Dim& value : from) {
    if (is_floating(to)) {
      const auto constant = value.try_constant();
      if (!constant) return false;
      // One rounding: an i64 goes to f32 directly, not by way of a double.
      out.floats.push_back(to == DType::f32 ? static_cast<double>(static_cast<float>(*constant))
                                            : rounded(to, static_cast<double>(*constant)));
      continue;
    }
    const auto kept = to == DType::bool_ ? is_nonzero(value) : std::optional(value);
    if (!kept || !representable(to, *kept)) return false;
    out.integers.push_back(*kept);
  }
  return true;
}

bool cast_floats(const std::vector<double>& from, DType to, Known& out) {
  for (const double value : from) {
    if (is_floating(to)) {
      out.floats.push_back(rounded(to, value));
      continue;
    }
    const Dim kept = to == DType::bool_ ? Dim(value != 0 ? 1 : 0) : truncated(value);
    if (!representable(to, kept)) return false;
    out.integers.push_back(kept);
  }
  return true;
}

}  // namespace

std::vector<Value> Cast::infer(Infer& in) const {
  in.refuse_strings(to);
  Value out{in.type(0), {}};
  out.type.dtype = to;
  out.type.layout = {};
  const auto& known = in[0].known;
  if (!known || is_narrow(to)) return {out};
  Known cast;
  const bool told = is_floating(in.dtype(0)) ? cast_floats(known->floats, to, cast)
                                             : cast_integers(known->integers, to, cast);
  if (told) out.known = std::move(cast);
  return {out};
}

}  // namespace tenon::ir
