// Named arrays to a file, in the format that its name says.
#pragma once

#include "options.h"
#include "tenon/arrays.h"

namespace tenon::cli {

using ArrayWriter = void (*)(const Path& file, const std::map<std::string, Tensor>& arrays);

/// For a name that ends in .npz, .safetensors or .onnx; throws UsageError, naming `option`.
ArrayWriter array_writer(const char* option, const Path& file);

}  // namespace tenon::cli
