// Opening the files that another file names, without leaving its folder.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/byte_source.h"

namespace tenon::weights {

/// The files of one folder that a file in it names, each opened once by whatever path.
class FilesInside {
 public:
  explicit FilesInside(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& folder() const noexcept { return folder_; }
  /// Opens `location` below the folder; `who` names the referring file in errors. Absolute paths,
  /// `..` and linked folders that lead out are refused (bad_file); the file may itself be a link to
  /// any regular file, as in the caches of model hubs.
  std::shared_ptr<const base::ByteSource> open(const std::string& location, const std::string& who);

 private:
  using Sources = std::map<std::string, std::shared_ptr<const base::ByteSource>>;

  std::filesystem::path folder_;
  Sources by_location_, by_real_path_;
};

}  // namespace tenon::weights
