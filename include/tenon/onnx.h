// ONNX models as networks.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tenon/network.h"

namespace tenon {

/// Where the initializers of a model are, beside the model.
struct OnnxOptions {
  std::filesystem::path folder;  ///< of external data; empty: the model file's own
  /// By name (of one in a body as Engine::weights() has it), of the model's dtype and shape: what
  /// is used in place of the model's own bytes, and all that a model given as bytes without a
  /// folder has of external data. Read by load_onnx() and by every build() of the network, and
  /// neither copied nor changed: the caller keeps them until the last build() has returned.
  /// Nothing at all: refittable initializers wait for a refit, and their bytes are not looked for.
  std::optional<std::map<std::string, TensorView>> weights{std::in_place};
};

/// Reads a model; its weights stay in the file (and in external data beside it) until build() needs
/// them. Throws BuildError: every unsupported op in one message, or what is damaged.
TENON_API Network load_onnx(const std::filesystem::path& path, const OnnxOptions& options = {});
/// Reads a model from memory, which is copied.
TENON_API Network load_onnx(std::span<const std::byte> bytes, const OnnxOptions& options = {});

/// Names of ONNX's operators that load_onnx() and Network::add() know, sorted.
TENON_API std::vector<std::string> onnx_operators();

}  // namespace tenon
