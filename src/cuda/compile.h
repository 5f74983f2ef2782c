// Device text to machine code, once for each text.
#pragma once

#include <string>
#include <string_view>

#include "cuda/device.h"

namespace tenon::cuda {

/// The code of `text` (CUDA C++ behind the prelude, with a function `run`) for an architecture such
/// as "sm_90": made once a process, and kept between processes in the cache folder. Thread-safe. It
/// lives as long as the process. Throws unavailable without a compiler, build for wrong text.
const Binary& compile(const std::string& text, const std::string& architecture);

/// What every device text begins with: types, conversions, the functions of ir/scalar.h.
extern const std::string_view prelude;

}  // namespace tenon::cuda
