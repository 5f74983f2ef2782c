// tenon doctor: what Tenon finds on this machine.
#include <fmt/format.h>
#include <unistd.h>

#include <map>

#include "print.h"
#include "tenon/system.h"

namespace tenon::cli {
namespace {

// A cache folder is made when it is first needed: what counts is the nearest one that exists.
bool can_write(Path folder) {
  std::error_code ignored;
  folder = std::filesystem::absolute(folder, ignored);
  while (!std::filesystem::exists(folder, ignored) && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  return std::filesystem::is_directory(folder, ignored) && ::access(folder.c_str(), W_OK) == 0;
}

// Vector units by the names that people know.
std::string units_text(const std::vector<std::string>& features) {
  static const std::map<std::string, std::string> known = {{"avx3", "AVX-512"}, {"avx2", "AVX2"}};
  std::string text;
  for (const std::string& feature : features) {
    const auto found = known.find(feature);
    text += (text.empty() ? "" : ", ") + (found == known.end() ? feature : found->second);
  }
  return text;
}

void examine(Session& session) {
  const SystemInfo system = system_info();
  const bool cached = !system.cache_folder.empty() && can_write(system.cache_folder);
  Json devices = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"version", std::string(version())},
      {"threads", std::to_string(system.threads)},
      {"cache", system.cache_folder.empty() ? "none (no home folder; set TENON_CACHE_DIR)"
                : cached                    ? system.cache_folder.native()
                         : system.cache_folder.native() + " (not writable; set TENON_CACHE_DIR)"}};
  for (const DeviceInfo& device : system.devices) {
    devices.push_back({{"name", device.name},
                       {"architecture", device.architecture},
                       {"features", device.features}});
    rows.push_back({"device", fmt::format("{}: {}, {}", device.name, device.architecture,
                                          device.features.empty() ? "reference kernels only"
                                                                  : units_text(device.features))});
  }
  if (!system.no_cuda.empty()) rows.push_back({"no cuda", system.no_cuda});
  const Json folder =
      system.cache_folder.empty() ? Json(nullptr) : Json(system.cache_folder.native());
  session.print({{"version", version()},
                 {"threads", system.threads},
                 {"cache_folder", folder},
                 {"cache_writable", cached},
                 {"devices", devices},
                 {"no_cuda", system.no_cuda.empty() ? Json(nullptr) : Json(system.no_cuda)}},
                table(rows));
}

}  // namespace

Action add_doctor(CLI::App&) { return examine; }

}  // namespace tenon::cli
