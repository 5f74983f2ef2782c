// What a file is, by its first bytes.
#pragma once

#include "base/byte_source.h"

namespace tenon::weights {

/// Kinds that begin unmistakably; plans are safetensors files. Of the rest (ONNX among it) only a
/// reader can tell.
enum class FileStart { safetensors, zip, pickle, other };

/// Throws io where the first bytes cannot be read.
FileStart start_of(const base::ByteSource& source);

}  // namespace tenon::weights
