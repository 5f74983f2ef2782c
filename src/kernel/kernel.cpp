// Sizes of operands.
#include "kernel/kernel.h"

#include "base/error.h"

namespace tenon::kernel {

int64_t Operand::elements() const { return element_count(dims); }

std::optional<size_t> Operand::bytes_if_possible() const {
  // Signatures ask for every operand of every step: most are plain, and need no list of their own.
  const std::vector<int64_t> laid_out =
      layout.plain() ? std::vector<int64_t>() : ir::physical_dims(dims, layout);
  const std::vector<int64_t>& extents = layout.plain() ? dims : laid_out;
  auto bytes = static_cast<int64_t>(byte_count(dtype, 1));
  bool overflows = false;
  // An empty tensor is empty whatever its other extents are, in any order.
  for (const int64_t extent : extents) {
    if (extent == 0) return 0;
    overflows = overflows || __builtin_mul_overflow(bytes, extent, &bytes);
  }
  return overflows ? std::nullopt : std::optional(static_cast<size_t>(bytes));
}

size_t Operand::bytes() const {
  if (const auto bytes = bytes_if_possible()) return *bytes;
  base::fail(ErrorCode::unavailable, "{} has more bytes than any memory; give smaller extents",
             text());
}

std::string Operand::text() const {
  return ir::ValueType(dtype, ir::Dims(dims.begin(), dims.end()), layout).text();
}

std::vector<int64_t> dense_strides(std::span<const int64_t> dims) {
  std::vector<int64_t> strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= dims[i];
  }
  return strides;
}

}  // namespace tenon::kernel
