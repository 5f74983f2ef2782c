// Elements of small constants, one by one: their known values and their text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "ir/type.h"

namespace tenon::ir {

/// The values of a static tensor with these bytes; nothing when there are more than Known::limit,
/// or one that a Dim cannot hold (u64 beyond 2^63 - 1).
std::optional<Known> known_elements(const ValueType& type, base::Bytes bytes);

/// The bytes of a tensor whose elements are all known numbers; nothing for NaNs, whose payload is
/// not.
std::optional<std::vector<std::byte>> known_bytes(const Value& value);

/// The shortest decimal that reads back to the same bits; `nan`, `inf`, and `bits(0x7fc00001)` for
/// other NaNs.
std::string element_text(DType dtype, const std::byte* element);
std::string double_text(double value);
/// Reads element_text() into `out`; false for text that is not an element of `dtype` or out of its
/// range.
bool parse_element(DType dtype, std::string_view text, std::byte* out);

}  // namespace tenon::ir
