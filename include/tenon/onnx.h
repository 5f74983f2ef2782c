// ONNX models as networks.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "tenon/network.h"

namespace tenon {

/// Reads a model; its weights stay in the file (and in external data beside it) until build() needs
/// them. Throws BuildError: every unsupported op in one message, or what is damaged.
TENON_API Network load_onnx(const std::filesystem::path& path);
/// Reads a model from memory, which is copied; external data is refused.
TENON_API Network load_onnx(std::span<const std::byte> bytes);

}  // namespace tenon
