// In what a program is computed where its tensors are f32.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tenon/tensor.h"

namespace tenon::kernel {

/// `model`: in f32. tf32: products of f32 round their factors to 10 bits of mantissa. f16, bf16:
/// tensors between nodes are 16 bits wide, products add up in f32.
enum class Precision : uint8_t { model, tf32, f16, bf16 };

/// "model", "tf32", "fp16", "bf16".
std::string_view to_string(Precision precision);
std::optional<Precision> precision_named(std::string_view name);

/// The dtype that stands for f32 between nodes.
DType narrow_type(Precision precision);

}  // namespace tenon::kernel
