// From the name of a device to a backend. backends.cpp is the only file that knows which backends
// are compiled in.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/backend.h"

namespace tenon::runtime {

/// "cpu", "cuda" or "cuda:N" (and "far", "far:banks" in test builds). Throws Error(unavailable)
/// naming the device when it is not here: there is no silent fall-back. `threads` 0: all physical
/// cores.
std::shared_ptr<kernel::Backend> make_backend(const std::string& device, int threads);

/// The devices that this build has on every machine.
std::vector<std::string> device_names();
/// The GPUs of this machine; where there is none, `missing` says why.
std::vector<std::string> gpu_names(std::string& missing);

}  // namespace tenon::runtime
