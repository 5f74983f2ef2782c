// Checks and rules about known values that the infer() functions of several ops share.
#pragma once

#include <cmath>
#include <functional>

#include "ir/op.h"
#include "ir/ops/window.h"

namespace tenon::ir {

/// Fails unless operand `i`, where present, has the dtype of operand 0.
void require_same_dtype(Infer& in, size_t i);
/// Fails unless the op is defined for the dtype of operand 0.
void require_numeric(Infer& in, bool narrow_integers, bool boolean);

/// The spatial extents (axes from 2) of a window op's output; fails for fields that do not fit the
/// rank, and for extents that are not positive. `window` has its defaults filled in.
Dims window_output(Infer& in, const Window& window, const Dims& input);
/// Empty lists become ones, zeros, ones.
void fill_defaults(Window& window);

/// True where a known integer may be kept as a value of `dtype`. Symbolic i32 and i64 are taken not
/// to overflow, as shape arithmetic does not; narrower and unsigned ones must be proved.
bool representable(DType dtype, const Dim& value);
/// A double rounded as it is stored in `dtype`.
double rounded(DType dtype, double value);
/// Which element of a tensor of extents `from` broadcasting puts at the flat index `at` of a result
/// of extents `to`.
size_t broadcast_index(std::span<const int64_t> from, std::span<const int64_t> to, size_t at);
/// Number of elements, if it is constant and at most Known::limit.
std::optional<size_t> known_count(const std::optional<Dims>& dims);
/// The known elements of `x` under extents `dims`: `source` turns the index of an element of the
/// result into that of the element of `x` which it is.
std::optional<Known> rearranged(const Value& x, const Dims& dims,
                                const std::function<void(std::vector<int64_t>& index)>& source);
/// Fails unless a field that holds one extent does, and is not negative.
void require_count(Infer& in, const Dims& count);

}  // namespace tenon::ir
