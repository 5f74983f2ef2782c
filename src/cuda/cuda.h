// The CUDA backend: NVIDIA GPUs by their driver, opened at run time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/backend.h"

namespace tenon::cuda {

/// The number in "cuda" (0) or "cuda:N"; nothing for another name.
std::optional<int> device_number(std::string_view name);

/// Throws unavailable, saying what is missing: a driver, a GPU of that number, the compiler.
std::shared_ptr<kernel::Backend> cuda_backend(int number);

/// "cuda:0" and so on. Where there is none: empty, and `missing` says why.
std::vector<std::string> device_names(std::string& missing);

}  // namespace tenon::cuda
