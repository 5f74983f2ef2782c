// Where what can be made again is kept between processes.
#pragma once

#include <filesystem>

namespace tenon::base {

/// TENON_CACHE_DIR, else XDG_CACHE_HOME/tenon, else ~/.cache/tenon; empty when there is no home.
std::filesystem::path cache_folder();

}  // namespace tenon::base
