// Affinity mask, core topology and cgroup quota.
#include "base/cores.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "base/thread_pool.h"

namespace tenon::base {

namespace fs = std::filesystem;

namespace {

constexpr int kMostThreads = 1024;

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<double> ratio(const std::string& quota, const std::string& period) {
  const double wanted = std::strtod(quota.c_str(), nullptr);  // "max" and "-1" mean none
  const double per = std::strtod(period.c_str(), nullptr);
  if (!(wanted > 0) || !(per > 0)) return std::nullopt;
  return wanted / per;
}

std::optional<double> quota_v2(const fs::path& folder) {
  std::istringstream line(first_line(folder / "cpu.max"));
  std::string quota, period;
  line >> quota >> period;
  return ratio(quota, period);
}

std::optional<double> quota_v1(const fs::path& folder) {
  return ratio(first_line(folder / "cpu.cfs_quota_us"), first_line(folder / "cpu.cfs_period_us"));
}

// The least quota of a group and its ancestors. In a container the path is often the host's and
// does not exist here; the mount's root is then the container's own group, and it is always among
// the ancestors.
template <class Quota>
std::optional<double> least_quota(const fs::path& mount, fs::path group, Quota quota) {
  std::optional<double> least;
  for (;;) {
    const std::optional<double> here = quota(mount / group.relative_path());
    if (here && (!least || *here < *least)) least = here;
    if (!group.has_relative_path()) return least;
    group = group.parent_path();
  }
}

bool lists_cpu(const std::string& controllers) {
  return ("," + controllers + ",").find(",cpu,") != std::string::npos;
}

// A line of /proc/self/cgroup: hierarchy, controllers and path, with colons between.
std::optional<double> quota_of_line(const fs::path& mounts, const std::string& line) {
  const size_t first = line.find(':');
  const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
  if (second == std::string::npos) return std::nullopt;
  const std::string controllers = line.substr(first + 1, second - first - 1);
  const fs::path group = line.substr(second + 1);
  if (controllers.empty()) return least_quota(mounts, group, quota_v2);
  if (lists_cpu(controllers)) return least_quota(mounts / "cpu", group, quota_v1);
  return std::nullopt;
}

std::vector<int> affinity() {
  std::vector<int> processors;
  for (int most = 1024; most <= 1 << 16; most *= 2) {
    std::vector<cpu_set_t> mask(static_cast<size_t>(most) / (8 * sizeof(cpu_set_t)));
    const size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, bytes, mask.data()) != 0) continue;  // the kernel's mask is longer
    for (int i = 0; i < most; ++i) {
      if (CPU_ISSET_S(static_cast<size_t>(i), bytes, mask.data())) processors.push_back(i);
    }
    break;
  }
  return processors;
}

std::optional<int> threads_from_environment() {
  const char* text = std::getenv("TENON_THREADS");
  if (!text || !*text) return std::nullopt;
  int threads = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), threads);
  if (error == std::errc() && !*end && threads >= 1 && threads <= kMostThreads) return threads;
  log(LogLevel::warn, "TENON_THREADS={} is not a number from 1 to {}; it is ignored", quoted(text),
      kMostThreads);
  return std::nullopt;
}

int detect_threads() {
  if (const auto wanted = threads_from_environment()) return *wanted;
  int threads = physical_cores("/", affinity());
  if (const auto quota = cgroup_quota("/")) threads = std::min(threads, *quota);
  return std::clamp(threads, 1, kMostThreads);
}

}  // namespace

int physical_cores(const fs::path& root, std::span<const int> processors) {
  std::set<std::string> cores;
  for (const int processor : processors) {
    const fs::path topology =
        root / fmt::format("sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", processor);
    const std::string siblings = first_line(topology);
    cores.insert(siblings.empty() ? fmt::format("cpu{}", processor) : siblings);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

std::optional<int> cgroup_quota(const fs::path& root) {
  std::ifstream groups(root / "proc/self/cgroup");
  std::optional<double> least;
  for (std::string line; std::getline(groups, line);) {
    const std::optional<double> quota = quota_of_line(root / "sys/fs/cgroup", line);
    if (quota && (!least || *quota < *least)) least = quota;
  }
  if (!least) return std::nullopt;
  return static_cast<int>(std::clamp(std::ceil(*least), 1.0, double{kMostThreads}));
}

int default_threads() {
  static const int threads = detect_threads();
  return threads;
}

}  // namespace tenon::base
