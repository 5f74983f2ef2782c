// The names of element types in safetensors headers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tenon/tensor.h"

namespace tenon::weights {

/// "F32", "BOOL", …
std::string safetensors_name(DType dtype);
/// Nothing for a name that Tenon lacks.
std::optional<DType> dtype_of_safetensors(std::string_view name);

}  // namespace tenon::weights
