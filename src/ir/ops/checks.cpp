// Bodies of the shared checks.
#include "ir/ops/checks.h"

#include <algorithm>

#include "base/error.h"
#include "base/float16.h"

namespace tenon::ir {
namespace {

constexpr int64_t greatest_field = INT32_MAX;  // beyond any tensor, and safe to multiply

void require_list(const Infer& in, std::string_view name, const std::vector<int64_t>& list,
                  size_t count, int64_t least) {
  if (list.size() != count)
    in.fail(fmt::format("{} has {} numbers, and must have {}", name, list.size(), count));
  for (const int64_t value : list) {
    if (value < least || value > greatest_field) {
      in.fail(fmt::format("{} holds {}, outside {}..{}", name, value, least, greatest_field));
    }
  }
}

// Kernels count the elements of a window.
void require_countable(Infer& in, std::span<const int64_t> kernel) {
  int64_t elements = 1;
  for (const int64_t extent : kernel) {
    if (elements > INT32_MAX / extent)
      in.fail(fmt::format("a kernel of {} has more than 2^31 elements", tenon::to_string(kernel)));
    elements *= extent;
  }
}

struct Range {
  int64_t least;
  int64_t greatest;  // of u64 what a Dim can hold
};

Range range_of(DType dtype) {
  switch (dtype) {
    case DType::bool_: return {0, 1};
    case DType::u8: return {0, UINT8_MAX};
    case DType::u16: return {0, UINT16_MAX};
    case DType::u32: return {0, UINT32_MAX};
    case DType::u64: return {0, INT64_MAX};
    case DType::i8: return {INT8_MIN, INT8_MAX};
    case DType::i16: return {INT16_MIN, INT16_MAX};
    case DType::i32: return {INT32_MIN, INT32_MAX};
    default: return {INT64_MIN, INT64_MAX};
  }
}

}  // namespace

void require_same_dtype(Infer& in, size_t i) {
  if (in.has(i)) in.require_dtype(i, in.dtype(0));
}

void require_numeric(Infer& in, bool narrow_integers, bool boolean) {
  const DType dtype = in.dtype(0);
  const bool wide = is_integer(dtype) && byte_count(dtype, 1) >= 4;
  const bool byte = is_integer(dtype) && byte_count(dtype, 1) == 1;
  if (is_floating(dtype) || wide || (byte && narrow_integers) || (dtype == DType::bool_ && boolean))
    return;
  in.fail(fmt::format("it is not defined for {}; cast the operand", to_string(dtype)));
}

Dims window_output(Infer& in, const Window& window, const Dims& input) {
  const size_t spatial = input.size() - 2;
  require_list(in, "kernel", window.kernel, spatial, 1);
  require_countable(in, window.kernel);
  require_list(in, "strides", window.strides, spatial, 1);
  require_list(in, "dilations", window.dilations, spatial, 1);
  require_list(in, "pads", window.pads, 2 * spatial, 0);
  Dims out;
  for (size_t axis = 0; axis < spatial; ++axis) {
    const Dim& extent = input[2 + axis];
    out.push_back(output_extent(window, axis, extent));
    const auto constant = out.back().try_constant();
    if (constant && *constant < 1) {
      in.fail(fmt::format(
          "kernel {} (dilation {}) does not fit extent {} of axis {}; the output would have extent "
          "{}",
          window.kernel[axis], window.dilations[axis], extent.text(), 2 + axis, *constant));
    }
    in.require_at_least(out.back(), 1, fmt::format("output extent of axis {}", 2 + axis));
  }
  return out;
}

void fill_defaults(Window& window) {
  const size_t spatial = window.kernel.size();
  if (window.strides.empty()) window.strides.assign(spatial, 1);
  if (window.dilations.empty()) window.dilations.assign(spatial, 1);
  if (window.pads.empty()) window.pads.assign(2 * spatial, 0);
}

bool representable(DType dtype, const Dim& value) {
  const Range range = range_of(dtype);
  const auto low = value.lower_bound(), high = value.upper_bound();
  const bool wide = dtype == DType::i32 || dtype == DType::i64;
  if (wide && !value.is_constant()) return true;
  if (dtype == DType::u64) return low && *low >= 0;
  return low && high && *low >= range.least && *high <= range.greatest;
}

double rounded(DType dtype, double value) {
  if (dtype == DType::f64) return value;
  const auto single = static_cast<float>(value);
  if (dtype == DType::f16) return base::Half(single);
  if (dtype == DType::bf16) return base::BFloat16(single);
  return single;
}

size_t broadcast_index(std::span<const int64_t> from, std::span<const int64_t> to, size_t at) {
  size_t index = 0, step = 1;
  for (size_t i = 0; i < from.size(); ++i) {
    const auto extent = static_cast<size_t>(to[to.size() - 1 - i]);
    const auto own = static_cast<size_t>(from[from.size() - 1 - i]);
    if (own != 1) index += at % extent * step;
    at /= extent;
    step *= own;
  }
  return index;
}

std::optional<size_t> known_count(const std::optional<Dims>& dims) {
  if (!dims || !all_constant(*dims)) return std::nullopt;
  size_t count = 1;
  for (const Dim& dim : *dims) {
    const int64_t extent = dim.constant();
    if (extent < 0 || extent > static_cast<int64_t>(Known::limit)) return std::nullopt;
    count *= static_cast<size_t>(extent);
    if (count > Known::limit) return std::nullopt;
  }
  return count;
}

std::optional<Known> rearranged(const Value& x, const Dims& dims,
                                const std::function<void(std::vector<int64_t>& index)>& source) {
  const auto count = known_count(dims);
  if (!count || !x.known) return std::nullopt;
  Known known;
  std::vector<int64_t> index(dims.size());
  for (size_t i = 0; i < *count; ++i) {
    auto left = static_cast<int64_t>(i);
    index.resize(dims.size());
    for (size_t axis = dims.size(); axis-- > 0; left /= dims[axis].constant())
      index[axis] = left % dims[axis].constant();
    source(index);
    int64_t at = 0;
    for (size_t axis = 0; axis < index.size(); ++axis)
      at = at * (*x.type.dims)[axis].constant() + index[axis];
    if (is_floating(x.type.dtype)) {
      known.floats.push_back(x.known->floats.at(static_cast<size_t>(at)));
    } else {
      known.integers.push_back(x.known->integers.at(static_cast<size_t>(at)));
    }
  }
  return known;
}

void require_count(Infer& in, const Dims& count) {
  if (count.size() != 1) in.fail(fmt::format("{} is no single extent", text(count)));
  in.require_at_least(count[0], 0, "the number of results");
}

}  // namespace tenon::ir
