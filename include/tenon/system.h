// What Tenon finds on this machine.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/export.h"

namespace tenon {

/// Of this library: "0.1.0".
TENON_API std::string_view version() noexcept;

/// A device that this build can run on, as this process sees it.
struct DeviceInfo {
  std::string name;                   ///< what BuildOptions::device takes
  std::string architecture;           ///< "x86_64"
  std::vector<std::string> features;  ///< vector units in use, best first; empty: reference only
};

struct SystemInfo {
  int threads = 1;                     ///< what `threads = 0` means here
  std::filesystem::path cache_folder;  ///< of kernel timings; empty: none
  std::vector<DeviceInfo> devices;
  std::string no_cuda;  ///< why there is no "cuda" among them; empty where there is
};

/// Reads the environment (TENON_THREADS once a process, the other variables anew). Throws
/// InputError for a TENON_CPU_FEATURES that means nothing.
TENON_API SystemInfo system_info();

}  // namespace tenon
