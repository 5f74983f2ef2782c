// safetensors spells Tenon's own names in capitals.
#include "weights/safetensors_dtype.h"

#include <algorithm>

#include "base/narrow.h"

namespace tenon::weights {

std::string safetensors_name(DType dtype) {
  if (is_narrow(dtype) && base::narrow_bits(dtype) < 8) return "U8";  // its F4 is packed
  std::string name(to_string(dtype));
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return name;
}

std::optional<DType> dtype_of_safetensors(std::string_view name) {
  for (int i = 0; i < kDTypes; ++i) {
    const bool stored = static_cast<DType>(i) != DType::string;  // its elements are addresses
    if (stored && safetensors_name(static_cast<DType>(i)) == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

}  // namespace tenon::weights
