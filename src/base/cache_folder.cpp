// The folder, by the environment.
#include "base/cache_folder.h"

#include <cstdlib>
#include <optional>

namespace tenon::base {

namespace fs = std::filesystem;

namespace {

std::optional<fs::path> folder_from(const char* variable) {
  const char* value = std::getenv(variable);
  if (!value || !*value) return std::nullopt;
  return fs::path(value);
}

}  // namespace

fs::path cache_folder() {
  if (const auto folder = folder_from("TENON_CACHE_DIR")) return *folder;
  if (const auto folder = folder_from("XDG_CACHE_HOME")) return *folder / "tenon";
  if (const auto folder = folder_from("HOME")) return *folder / ".cache" / "tenon";
  return {};
}

}  // namespace tenon::base
