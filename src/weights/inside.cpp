// The rules for paths that stand inside files.
#include "weights/inside.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace tenon::weights {

namespace fs = std::filesystem;

namespace {

bool is_plain(const fs::path& path) {
  return !path.empty() && path.is_relative() && path.native().find('\0') == std::string::npos &&
         std::find(path.begin(), path.end(), "..") == path.end();
}

bool is_below(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
         folder.end();
}

fs::path real_path(const fs::path& path, const std::string& who) {
  std::error_code error;
  fs::path real = fs::canonical(path, error);
  if (error) {
    base::fail(ErrorCode::io, "{}: the file {} that it names cannot be opened: {}", who,
               base::quoted(path.native()), error.message());
  }
  return real;
}

fs::path find_inside(const fs::path& folder, const std::string& location, const std::string& who) {
  if (!is_plain(location)) {
    base::fail(ErrorCode::bad_file,
               "{}: the path {} that it names is not below its folder; keep the files together",
               who, base::quoted(location));
  }
  const fs::path path = folder / location;
  const fs::path there = real_path(path.parent_path(), who);
  if (!is_below(there, real_path(folder, who))) {
    base::fail(
        ErrorCode::bad_file,
        "{}: {} leads out of its folder by a linked folder, to {}; put the file itself there", who,
        base::quoted(location), base::quoted(there.native()));
  }
  return real_path(path, who);
}

}  // namespace

std::shared_ptr<const base::ByteSource> FilesInside::open(const std::string& location,
                                                          const std::string& who) {
  auto& source = by_location_[location];
  if (source) return source;
  const fs::path real = find_inside(folder_, location, who);
  auto& file = by_real_path_[real.native()];
  if (!file) file = base::open_file(real);
  return source = file;
}

}  // namespace tenon::weights
