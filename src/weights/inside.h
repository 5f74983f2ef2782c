// Opening a file that another file names, without leaving its folder.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/byte_source.h"

namespace tenon::weights {

/// Opens `location` below `folder`; `who` names the referring file in errors. Absolute paths, `..`
/// and links that lead out of the folder are refused (bad_file).
std::shared_ptr<const base::ByteSource> open_inside(const std::filesystem::path& folder,
                                                    const std::string& location,
                                                    const std::string& who);

}  // namespace tenon::weights
